import { isUp } from './consensus.ts';
import { countOf, type Member } from './layout.ts';
import { type LogId, type Logs, type ModelTerm, NO_LOG } from './logs.ts';
import { CANDIDATE, LEADER, type State } from './state.ts';

/** What a member is worth to a violation: it is lost and may come back wrong, or it is there and does not know any more. */
const LOST = 1;
const IGNORANT = 2;

/**
 * How far a state has gone towards a violation, whichever rule would let it happen: how many members no longer know of what
 * they, or those they should have been restored from, have promised. It only steers walks; invariants are judged elsewhere.
 */
export class Hazard {
  private readonly logs: Logs;
  private readonly lacking = new Int8Array(1 << 16).fill(-1);

  constructor(logs: Logs) {
    this.logs = logs;
  }

  of(state: State): number {
    let [votes, promises, acks] = [0, 0, 0];
    for (let proposer = 0; proposer < state.bounds.proposers; proposer++) {
      const phase = state.phase(proposer);
      if (phase >= CANDIDATE) votes = Math.max(votes, this.ofVotes(state, state.proposerTerm(proposer)));
      if (phase !== LEADER) continue;
      promises = Math.max(promises, this.ofPromises(state, proposer));
      acks += this.ofAcks(state, proposer);
    }
    return this.ofCommitted(state) + votes + promises + acks;
  }

  /** Towards I1: members without what is committed. */
  private ofCommitted(state: State): number {
    if (state.committed === NO_LOG) return 0;
    return this.sum(state, (member) => this.lacks(state.log(member), state.committed));
  }

  /** Towards I1: what a leader counts as acknowledged, and the member no longer has. */
  private ofAcks(state: State, leader: number): number {
    return this.sum(state, (member) => {
      const records = state.ack(leader, member) - 1;
      if (records <= 0) return undefined;
      return this.lacks(state.log(member), this.logs.prefix(state.proposerLog(leader), records - 1));
    });
  }

  /** Towards I1: members that may still acknowledge to a leader, though a later one was elected. */
  private ofPromises(state: State, leader: number): number {
    const { members, quorum } = state.layout;
    const term = state.proposerTerm(leader);
    for (let later = 0; later < state.bounds.proposers; later++) {
      if (state.phase(later) !== LEADER || state.proposerTerm(later) <= term) continue;
      const outside = IGNORANT * (members.length - quorum);
      return Math.max(0, IGNORANT + this.sum(state, (member) => state.term(member) <= term) - outside);
    }
    return 0;
  }

  /** Towards I2: votes of a term that were given or may yet be given, beyond one of each member; rivals make them count. */
  private ofVotes(state: State, term: ModelTerm): number {
    const { members, quorum } = state.layout;
    let [votes, rivals] = state.wasElectedIn(term) ? [quorum, 0] : [0, -1];
    for (let proposer = 0; proposer < state.bounds.proposers; proposer++) {
      const phase = state.phase(proposer);
      if (phase < CANDIDATE || state.proposerTerm(proposer) !== term) continue;
      rivals++;
      votes += phase === LEADER ? quorum : countOf(state.supporters(proposer));
    }
    return IGNORANT * (rivals + votes - members.length) + this.sum(state, (member) => state.term(member) < term);
  }

  /** Over all members; undefined leaves one out. */
  private sum(state: State, isIgnorant: (member: Member) => boolean | undefined): number {
    let sum = 0;
    for (const member of state.layout.members) {
      const ignorant = isIgnorant(member);
      if (ignorant === undefined) continue;
      if (!isUp(state, member)) sum += LOST;
      else if (ignorant) sum += IGNORANT;
    }
    return sum;
  }

  private lacks(log: LogId, records: LogId): boolean {
    const key = log * 256 + records;
    let known = this.lacking[key] as number;
    if (known < 0) {
      const held = this.logs.get(log);
      known = this.logs.get(records).some((record, at) => at >= held.length - 1 || held[at] !== record) ? 1 : 0;
      this.lacking[key] = known;
    }
    return known === 1;
  }
}
