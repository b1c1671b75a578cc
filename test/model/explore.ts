import { Canonical } from './canonical.ts';
import type { Emit, Invariant } from './consensus.ts';
import type { Bounds } from './layout.ts';
import { Model } from './model.ts';
import { State } from './state.ts';
import type { Variant } from './variant.ts';
import { Visited } from './visited.ts';

/** What an exploration found. */
export interface Exploration {
  /** Different states, symmetric ones counted once. */
  readonly states: number;
  readonly transitions: number;
  readonly installs: number;
  /** Installs that `verifyReplica` refused. */
  readonly refused: number;
  /** The first violation in breadth-first order, so on a shortest path. */
  readonly violation: { readonly invariant: Invariant; readonly trace: readonly string[] } | undefined;
}

/** Visits every state that the variant reaches within the bounds, or stops at the first violation. */
export function explore(variant: Variant, bounds: Bounds, statesMax: number): Exploration {
  return new Explorer(variant, bounds).run(statesMax);
}

class Explorer {
  private readonly model: Model;
  private readonly canonical: Canonical;
  private readonly current: State;
  private readonly next: State;
  private transitions = 0;
  private installs = 0;

  private readonly bounds: Bounds;

  constructor(variant: Variant, bounds: Bounds) {
    this.bounds = bounds;
    this.model = new Model(variant, bounds);
    this.canonical = new Canonical(bounds);
    this.current = new State(bounds);
    this.next = new State(bounds);
  }

  run(statesMax: number): Exploration {
    const visited = new Visited(this.current.bytes.length);
    let at = -1;
    let violated: Invariant | undefined;
    const emit: Emit = (next, action, _actor, _member, invariant) => {
      this.transitions++;
      if (action === 'installs') this.installs++;
      violated ??= invariant;
      visited.add(this.canonical.of(next), at);
    };
    visited.add(this.canonical.of(this.current), at);
    for (at = 0; at < visited.size; at++) {
      if (visited.size > statesMax) throw new Error(`more than ${statesMax} states`);
      visited.copyTo(at, this.current.bytes);
      this.model.steps(this.current, this.next, emit);
      if (violated !== undefined) break;
    }
    const { transitions, installs } = this;
    const { refused } = this.model;
    const violation = violated && { invariant: violated, trace: this.trace(visited, at, violated) };
    return { states: visited.size, transitions, installs, refused, violation };
  }

  /** Goes the way again from the first state, with names that stay, and describes every step. */
  private trace(visited: Visited, last: number, invariant: Invariant): string[] {
    const way: Uint8Array[] = [];
    for (let at = last; at > 0; at = visited.parentOf(at)) {
      const bytes = new Uint8Array(this.current.bytes.length);
      visited.copyTo(at, bytes);
      way.unshift(bytes);
    }
    const trace: string[] = [];
    const state = new State(this.bounds);
    for (const goal of [...way, undefined]) {
      const after = new State(this.bounds);
      let line: string | undefined;
      this.model.steps(state, this.next, (next, action, actor, member, violated) => {
        if (line !== undefined) return;
        const isStep = goal === undefined ? violated === invariant : isEqual(this.canonical.of(next), goal);
        if (!isStep) return;
        after.copyFrom(next);
        line = this.model.describe(next, action, actor, member, violated);
      });
      if (line === undefined) throw new Error('the way to a state cannot be gone again');
      trace.push(line);
      state.copyFrom(after);
    }
    return trace;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, at) => byte === b[at]);
}
