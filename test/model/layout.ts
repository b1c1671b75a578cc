import { quorumSize } from '../../src/domain/membership.ts';

/** Index of an acceptor; its name in traces is a letter from A on. */
export type Member = number;

/** How much of everything there is: what makes the state space finite. */
export interface Bounds {
  readonly members: number;
  readonly proposers: number;
  /** In all, by whichever proposer. */
  readonly campaigns: number;
  /** Longest log, in records. */
  readonly entries: number;
  readonly losses: number;
  /** Installed replicas; plans that come to nothing are free. */
  readonly recoveries: number;
  /** How many 1,024s above the first term a fence may go: fences that come to nothing go on without end. */
  readonly fences: number;
}

/** Where everything of a state is, in bytes, and who the members are. */
export interface Layout {
  readonly members: readonly Member[];
  /** Mask of all members. */
  readonly all: number;
  readonly quorum: number;
  readonly proposersAt: number;
  readonly proposerBytes: number;
  readonly tasksAt: number;
  readonly taskBytes: number;
  /** Rounded up to words. */
  readonly sizeBytes: number;
}

const HEADER_BYTES = 10;
export const ACCEPTORS_AT = HEADER_BYTES;
export const ACCEPTOR_BYTES = 2;
/** Of a proposer, what it has of every member begins here; of a task, what it has read of every member. */
export const PROPOSER_MEMBERS_AT = 4;
export const TASK_MEMBERS_AT = 7;

export function layoutOf({ members, proposers, recoveries }: Bounds): Layout {
  const proposersAt = ACCEPTORS_AT + ACCEPTOR_BYTES * members;
  const proposerBytes = PROPOSER_MEMBERS_AT + members;
  const tasksAt = proposersAt + proposerBytes * proposers;
  const taskBytes = TASK_MEMBERS_AT + 2 * members;
  return {
    members: Array.from({ length: members }, (_, member) => member),
    all: (1 << members) - 1,
    quorum: quorumSize(members),
    proposersAt,
    proposerBytes,
    tasksAt,
    taskBytes,
    sizeBytes: (tasksAt + taskBytes * recoveries + 3) & ~3,
  };
}

export function has(mask: number, member: Member): boolean {
  return (mask & (1 << member)) !== 0;
}

export function countOf(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
