import {
  ACCEPTOR_BYTES,
  ACCEPTORS_AT,
  type Bounds,
  type Layout,
  layoutOf,
  PROPOSER_MEMBERS_AT,
  TASK_MEMBERS_AT,
} from './layout.ts';
import type { State } from './state.ts';

/** Names do not matter: of all states that differ in the names of members, proposers and tasks only, one stands for all. */
export class Canonical {
  private best: Uint8Array;
  private candidate: Uint8Array;
  /** Entry i of each is the new index of member i. */
  private readonly renamings: readonly Uint8Array[];
  private readonly masks: readonly Uint8Array[];
  private readonly order: Int32Array;
  private readonly bounds: Bounds;
  private readonly layout: Layout;
  private readonly memberCount: number;

  constructor(bounds: Bounds) {
    this.bounds = bounds;
    this.layout = layoutOf(bounds);
    this.memberCount = bounds.members;
    this.best = new Uint8Array(this.layout.sizeBytes);
    this.candidate = new Uint8Array(this.layout.sizeBytes);
    this.renamings = permutationsOf(this.layout.members).map((renaming) => Uint8Array.from(renaming));
    this.masks = this.renamings.map(renamedMasks);
    this.order = new Int32Array(bounds.members);
  }

  /** The bytes that stand for this state, valid until the next call: the least of those whose members are in order. */
  of({ bytes }: State): Uint8Array {
    for (let member = 0; member < this.memberCount; member++) {
      const at = ACCEPTORS_AT + ACCEPTOR_BYTES * member;
      this.order[member] = byte(bytes, at) * 256 + byte(bytes, at + 1);
    }
    let found = false;
    for (let at = 0; at < this.renamings.length; at++) {
      const renaming = this.renamings[at] as Uint8Array;
      if (!this.isOrderedBy(renaming)) continue;
      this.rename(bytes, renaming, this.masks[at] as Uint8Array);
      if (found && compare(this.candidate, this.best, 0, 0, this.best.length) >= 0) continue;
      [this.best, this.candidate] = [this.candidate, this.best];
      found = true;
    }
    return this.best;
  }

  private isOrderedBy(renaming: Uint8Array): boolean {
    for (let a = 0; a < this.memberCount; a++) {
      for (let b = 0; b < this.memberCount; b++) {
        const before = (this.order[a] as number) < (this.order[b] as number);
        if (before && byte(renaming, a) > byte(renaming, b)) return false;
      }
    }
    return true;
  }

  private rename(from: Uint8Array, renaming: Uint8Array, masks: Uint8Array): void {
    const to = this.candidate;
    to.set(from);
    for (let member = 0; member < this.memberCount; member++) {
      const renamed = byte(renaming, member);
      to[ACCEPTORS_AT + ACCEPTOR_BYTES * renamed] = byte(from, ACCEPTORS_AT + ACCEPTOR_BYTES * member);
      to[ACCEPTORS_AT + ACCEPTOR_BYTES * renamed + 1] = byte(from, ACCEPTORS_AT + ACCEPTOR_BYTES * member + 1);
    }
    const { proposersAt, proposerBytes, tasksAt, taskBytes } = this.layout;
    for (let proposer = 0; proposer < this.bounds.proposers; proposer++) {
      const at = proposersAt + proposerBytes * proposer;
      to[at + 2] = byte(masks, byte(from, at + 2));
      renameEach(from, to, at + PROPOSER_MEMBERS_AT, renaming);
    }
    for (let task = 0; task < this.bounds.recoveries; task++) {
      const at = tasksAt + taskBytes * task;
      to[at + 1] = renamed(byte(from, at + 1), renaming);
      to[at + 2] = byte(masks, byte(from, at + 2));
      to[at + 3] = renamed(byte(from, at + 3), renaming);
      to[at + 6] = byte(masks, byte(from, at + 6));
      renameEach(from, to, at + TASK_MEMBERS_AT, renaming);
      renameEach(from, to, at + TASK_MEMBERS_AT + this.memberCount, renaming);
    }
    sortRecords(to, proposersAt, proposerBytes, this.bounds.proposers);
    sortRecords(to, tasksAt, taskBytes, this.bounds.recoveries);
  }
}

/** In lexicographic order. */
function permutationsOf(members: readonly number[]): number[][] {
  if (members.length === 0) return [[]];
  return members.flatMap((first) => {
    const others = members.filter((member) => member !== first);
    return permutationsOf(others).map((rest) => [first, ...rest]);
  });
}

function byte(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

/** Members are numbered from 1 in a task, 0 is nobody. */
function renamed(number: number, renaming: Uint8Array): number {
  return number === 0 ? 0 : byte(renaming, number - 1) + 1;
}

function renameEach(from: Uint8Array, to: Uint8Array, at: number, renaming: Uint8Array): void {
  for (let member = 0; member < renaming.length; member++) to[at + byte(renaming, member)] = byte(from, at + member);
}

function renamedMasks(renaming: Uint8Array): Uint8Array {
  const masks = new Uint8Array(1 << renaming.length);
  for (let mask = 0; mask < masks.length; mask++) {
    for (let member = 0; member < renaming.length; member++) {
      if ((mask & (1 << member)) !== 0) masks[mask] = byte(masks, mask) | (1 << byte(renaming, member));
    }
  }
  return masks;
}

/** Few records: exchange neighbours until all are in order. */
function sortRecords(bytes: Uint8Array, at: number, size: number, count: number): void {
  for (let end = count - 1; end > 0; end--) {
    for (let record = 0; record < end; record++) {
      const [a, b] = [at + size * record, at + size * (record + 1)];
      if (compare(bytes, bytes, a, b, size) <= 0) continue;
      for (let offset = 0; offset < size; offset++) {
        const held = byte(bytes, a + offset);
        bytes[a + offset] = byte(bytes, b + offset);
        bytes[b + offset] = held;
      }
    }
  }
}

function compare(a: Uint8Array, b: Uint8Array, aAt: number, bAt: number, size: number): number {
  for (let offset = 0; offset < size; offset++) {
    const difference = byte(a, aAt + offset) - byte(b, bAt + offset);
    if (difference !== 0) return difference;
  }
  return 0;
}
