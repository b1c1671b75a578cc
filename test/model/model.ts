import { type ActionKind, Consensus, type Emit, type Invariant } from './consensus.ts';
import { Decisions } from './decisions.ts';
import type { Bounds, Member } from './layout.ts';
import { type LogId, Logs, type ModelTerm, toTerm } from './logs.ts';
import { Recovery } from './recovery.ts';
import type { State } from './state.ts';
import type { Variant } from './variant.ts';

const PROPOSER_NAMES = 'pqr';
const MEMBER_NAMES = 'ABCDE';

/** Proposers, acceptors and the operator together: whoever searches takes its steps from here. */
export class Model {
  readonly logs = new Logs();
  private readonly consensus: Consensus;
  private readonly recovery: Recovery;

  constructor(variant: Variant, bounds: Bounds) {
    this.consensus = new Consensus(this.logs, variant);
    this.recovery = new Recovery(new Decisions(this.logs, variant, bounds), this.consensus, variant, bounds);
  }

  /** Installed replicas that `verifyReplica` refused. */
  get refused(): number {
    return this.recovery.refused;
  }

  /** Every step from `state`; `next` is scratch. */
  steps(state: State, next: State, emit: Emit): void {
    this.consensus.steps(state, next, emit);
    this.recovery.steps(state, next, emit);
  }

  /** What a step did and the members after it. */
  describe(next: State, action: ActionKind, actor: number, member: Member, violated: Invariant | undefined): string {
    const name = nameOf(member);
    const proposer = () => `${PROPOSER_NAMES[actor] ?? '?'}${toTerm(next.proposerTerm(actor))}`;
    const task = next.bounds.recoveries > 1 ? `operator ${actor + 1}` : 'operator';
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
        case 'reads':
          return `${task} ${action} ${name} for ${nameOf(next.target(actor))}`;
        case 'installs':
          return `${task} ${action} the copy on ${name}`;
        default:
          return `${task} ${action} ${name}`;
      }
    };
    const members = next.layout.members.map((one) => this.describeMember(next, one));
    return `${step()} [${members.join(' ')}]${violated === undefined ? '' : ` — violates ${violated}`}`;
  }

  /** `A:2(1,1|2)`: term 2, two records written in term 1, last_log_term 2. */
  private describeMember(state: State, member: Member): string {
    const log: LogId = state.log(member);
    const name = nameOf(member);
    if (log === 0) return `${name}:lost`;
    const terms = this.logs.get(log).map((one: ModelTerm) => toTerm(one));
    return `${name}:${toTerm(state.term(member))}(${log === 1 ? 'hollow' : `${terms.slice(0, -1).join()}|${terms.at(-1)}`})`;
  }
}

function nameOf(member: Member): string {
  return MEMBER_NAMES[member] ?? '?';
}
