import { Canonical } from './canonical.ts';
import { type ActionKind, Consensus, type Emit, type Invariant } from './consensus.ts';
import { Decisions } from './decisions.ts';
import { Logs, type LogId, type ModelTerm, toTerm } from './logs.ts';
import { Recovery } from './recovery.ts';
import { type Bounds, MEMBERS, State } from './state.ts';
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

const PROPOSER_NAMES = 'pqr';
const MEMBER_NAMES = 'ABC';

/** Visits every state that the variant reaches within the bounds, or stops at the first violation. */
export function explore(variant: Variant, bounds: Bounds, statesMax: number): Exploration {
  return new Explorer(variant, bounds).run(statesMax);
}

class Explorer {
  private readonly logs = new Logs();
  private readonly consensus: Consensus;
  private readonly recovery: Recovery;
  private readonly canonical: Canonical;
  private readonly current: State;
  private readonly next: State;
  private transitions = 0;
  private installs = 0;

  private readonly bounds: Bounds;

  constructor(variant: Variant, bounds: Bounds) {
    this.bounds = bounds;
    this.consensus = new Consensus(this.logs, variant);
    const decisions = new Decisions(this.logs, variant);
    this.recovery = new Recovery(decisions, this.consensus, variant, bounds);
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
      this.steps(this.current, emit);
      if (violated !== undefined) break;
    }
    const { transitions, installs } = this;
    const { refused } = this.recovery;
    const violation = violated && { invariant: violated, trace: this.trace(visited, at, violated) };
    return { states: visited.size, transitions, installs, refused, violation };
  }

  private steps(state: State, emit: Emit): void {
    this.consensus.steps(state, this.next, emit);
    this.recovery.steps(state, this.next, emit);
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
      this.steps(state, (next, action, actor, member, violated) => {
        if (line !== undefined) return;
        const isStep = goal === undefined ? violated === invariant : isEqual(this.canonical.of(next), goal);
        if (!isStep) return;
        after.copyFrom(next);
        line = `${this.describe(next, action, actor, member)}${violated === undefined ? '' : ` — violates ${violated}`}`;
      });
      if (line === undefined) throw new Error('the way to a state cannot be gone again');
      trace.push(line);
      state.copyFrom(after);
    }
    return trace;
  }

  private describe(state: State, action: ActionKind, actor: number, member: number): string {
    const name = MEMBER_NAMES[member] ?? '?';
    const proposer = () => `${PROPOSER_NAMES[actor] ?? '?'}${toTerm(state.proposerTerm(actor))}`;
    const task = this.bounds.recoveries > 1 ? `operator ${actor + 1}` : 'operator';
    const step = () => {
      switch (action) {
        case 'loses its disk':
        case 'is created anew, empty':
        case 'is written to an archive':
          return `${name} ${action}`;
        case 'campaigns, is greeted by':
          return `${PROPOSER_NAMES[actor] ?? '?'} ${action} ${name}`;
        case 'is greeted by':
        case 'gets the vote of':
        case 'is elected by the vote of':
        case 'aligns':
        case 'appends to':
        case 'forgets the vote of':
          return `${proposer()} ${action} ${name}`;
        case 'installs':
          return `${task} ${action} the copy on ${name}`;
        default:
          return `${task} ${action} ${name}`;
      }
    };
    return `${step()} [${MEMBERS.map((one) => this.describeMember(state, one)).join(' ')}]`;
  }

  /** `A:2(1,1|2)`: term 2, two records written in term 1, last_log_term 2. */
  private describeMember(state: State, member: number): string {
    const log: LogId = state.log(member);
    const name = MEMBER_NAMES[member] ?? '?';
    if (log === 0) return `${name}:lost`;
    const terms = this.logs.get(log).map((one: ModelTerm) => toTerm(one));
    return `${name}:${toTerm(state.term(member))}(${log === 1 ? 'hollow' : `${terms.slice(0, -1).join()}|${terms.at(-1)}`})`;
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, at) => byte === b[at]);
}
