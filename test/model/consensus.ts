import { countOf, has, type Member } from './layout.ts';
import { EMPTY_LOG, HOLLOW_LOG, type LogId, type Logs, type ModelTerm, NO_LOG } from './logs.ts';
import { CANDIDATE, GREETING, LEADER, type State } from './state.ts';
import type { Variant } from './variant.ts';

export type ActionKind =
  | 'campaigns, is greeted by'
  | 'is greeted by'
  | 'gets the vote of'
  | 'is elected by the vote of'
  | 'aligns'
  | 'appends to'
  | 'forgets the vote of'
  | 'loses its disk'
  | 'is created anew, empty'
  | 'is written to an archive'
  | 'takes the archive for'
  | 'reads'
  | 'gets no answer of'
  | 'plans to copy from'
  | 'plans nothing'
  | 'raises'
  | 'confirms to copy from'
  | 'discards its plan'
  | 'copies from'
  | 'cannot copy from'
  | 'installs'
  | 'cannot install on';

export type Invariant = 'I1' | 'I2' | 'I3';

/** Takes `next`, one step after the present state, and does not keep it. `actor` is a proposer or a task. */
export type Emit = (
  next: State,
  action: ActionKind,
  actor: number,
  member: Member,
  violated: Invariant | undefined,
) => void;

/** Whether a member has a replica that takes part. */
export function isUp(state: State, member: Member): boolean {
  return state.log(member) >= EMPTY_LOG;
}

/** Every step of proposers, acceptors and disks. `next` is scratch. Messages arrive at once or never. */
export class Consensus {
  private readonly logs: Logs;
  private readonly variant: Variant;

  constructor(logs: Logs, variant: Variant) {
    this.logs = logs;
    this.variant = variant;
  }

  steps(state: State, next: State, emit: Emit): void {
    for (let proposer = 0; proposer < state.bounds.proposers; proposer++) {
      for (const member of state.layout.members) {
        if (!isUp(state, member)) continue;
        this.campaign(state, next, proposer, member, emit);
        const phase = state.phase(proposer);
        if (phase === CANDIDATE) this.vote(state, next, proposer, member, emit);
        else if (phase === LEADER) this.replicate(state, next, proposer, member, emit);
      }
      if (this.variant.lostVotes === 'UntilGrace') this.forget(state, next, proposer, emit);
    }
    this.disks(state, next, emit);
  }

  /** Terms are asked of a quorum one by one; the proposer takes the next higher. */
  private campaign(state: State, next: State, proposer: number, member: Member, emit: Emit): void {
    const supporters = state.supporters(proposer);
    if (state.phase(proposer) === GREETING) {
      if (has(supporters, member)) return;
      const greatest = Math.max(state.proposerTerm(proposer), state.term(member));
      const greeted = supporters | (1 << member);
      next.copyFrom(state);
      if (countOf(greeted) < state.layout.quorum) next.setProposer(proposer, GREETING, greatest, greeted, NO_LOG);
      else next.setProposer(proposer, CANDIDATE, greatest + 1, 0, NO_LOG);
      emit(next, 'is greeted by', proposer, member, undefined);
    } else if (state.campaigns < state.bounds.campaigns) {
      next.copyFrom(state);
      next.campaigns = state.campaigns + 1;
      if (state.phase(proposer) === LEADER) next.addPastLeader(state.proposerTerm(proposer));
      next.setProposer(proposer, GREETING, state.term(member), 1 << member, NO_LOG);
      emit(next, 'campaigns, is greeted by', proposer, member, undefined);
    }
  }

  /** An acceptor votes for terms above its own. The vote that makes a quorum elects, with the best log of the voters. */
  private vote(state: State, next: State, proposer: number, member: Member, emit: Emit): void {
    const term = state.proposerTerm(proposer);
    if (state.term(member) >= term) return;
    next.copyFrom(state);
    next.setTerm(member, term);
    next.setVote(proposer, member, state.log(member));
    if (countOf(next.supporters(proposer)) < state.layout.quorum) {
      emit(next, 'gets the vote of', proposer, member, undefined);
      return;
    }
    next.setProposer(proposer, LEADER, term, 0, this.logs.elected(this.bestVote(next, proposer), term));
    emit(next, 'is elected by the vote of', proposer, member, this.checkElection(next, proposer));
  }

  private bestVote(state: State, proposer: number): LogId {
    let best: LogId = NO_LOG;
    for (const voter of state.layout.members) {
      const log = state.vote(proposer, voter);
      if (log !== NO_LOG && (best === NO_LOG || this.logs.isBetter(log, best))) best = log;
    }
    return best;
  }

  /** Alignment truncates what differs and raises the term; then records go out one by one. Both are acknowledged. */
  private replicate(state: State, next: State, proposer: number, member: Member, emit: Emit): void {
    const { logs } = this;
    const term = state.proposerTerm(proposer);
    if (state.term(member) > term) return;
    const leader = state.proposerLog(proposer);
    const own = state.log(member);
    const aligned = logs.truncated(own, leader);
    const isAligned = aligned === own && state.term(member) === term;
    if (!isAligned || state.ack(proposer, member) !== this.ackOf(own, term)) {
      next.copyFrom(state);
      next.setAcceptor(member, term, aligned);
      next.setAck(proposer, member, this.ackOf(aligned, term));
      emit(next, 'aligns', proposer, member, this.commit(next, proposer));
    }
    if (!isAligned) return;
    const length = logs.length(own) + 1;
    if (length > state.bounds.entries) return;
    next.copyFrom(state);
    const grown = logs.length(leader) < length ? logs.appended(leader) : leader;
    const appended = logs.prefix(grown, length);
    next.setProposerLog(proposer, grown);
    next.setAcceptor(member, term, appended);
    next.setAck(proposer, member, this.ackOf(appended, term));
    emit(next, 'appends to', proposer, member, this.commit(next, proposer));
  }

  /** An acknowledgement counts from where the leader's own term begins. */
  private ackOf(log: LogId, term: ModelTerm): number {
    return this.logs.lastTerm(log) === term ? this.logs.length(log) + 1 : 0;
  }

  private forget(state: State, next: State, proposer: number, emit: Emit): void {
    if (state.phase(proposer) !== CANDIDATE) return;
    for (const voter of state.layout.members) {
      if (!has(state.supporters(proposer), voter) || isUp(state, voter)) continue;
      next.copyFrom(state);
      next.dropVote(proposer, voter);
      emit(next, 'forgets the vote of', proposer, voter, undefined);
    }
  }

  private disks(state: State, next: State, emit: Emit): void {
    for (const member of state.layout.members) {
      if (isUp(state, member) && state.losses < state.bounds.losses) {
        next.copyFrom(state);
        next.losses = state.losses + 1;
        next.setAcceptor(member, 0, NO_LOG);
        this.drop(next, member);
        emit(next, 'loses its disk', member, member, undefined);
      }
      if (this.variant.archives !== 'None' && isUp(state, member) && state.archivedLog === NO_LOG) {
        next.copyFrom(state);
        next.setArchive(state.term(member), state.log(member));
        emit(next, 'is written to an archive', member, member, undefined);
      }
      if (this.variant.hollow && state.log(member) === NO_LOG) {
        next.copyFrom(state);
        next.setAcceptor(member, 0, HOLLOW_LOG);
        emit(next, 'is created anew, empty', member, member, undefined);
      }
    }
  }

  private drop(next: State, member: Member): void {
    for (let proposer = 0; proposer < next.bounds.proposers; proposer++) {
      const phase = next.phase(proposer);
      if (phase === CANDIDATE && this.variant.lostVotes === 'Dropped') next.dropVote(proposer, member);
      if (phase === LEADER && this.variant.lostAcks === 'Dropped') next.setAck(proposer, member, 0);
    }
  }

  /** Takes note of what a quorum has acknowledged. I1 also binds leaders of later terms that are there already. */
  private commit(next: State, leader: number): Invariant | undefined {
    const { members, quorum } = next.layout;
    const acks = members.map((member) => next.ack(leader, member)).sort((a, b) => b - a);
    const length = (acks[quorum - 1] ?? 0) - 1;
    if (length <= 0) return undefined;
    const { logs } = this;
    const term = next.proposerTerm(leader);
    const records = logs.get(next.proposerLog(leader)).slice(0, length);
    const known = logs.get(next.committed);
    if (known.some((record, at) => at < length && record !== records[at])) return 'I1';
    const longest = known.length > length ? known : records;
    const before = logs.get(next.commitTerms);
    const terms = longest.map((_, at) => (at < length ? Math.min(term, before[at] ?? term) : (before[at] ?? term)));
    next.setCommitted(logs.intern(longest), logs.intern(terms));
    for (let other = 0; other < next.bounds.proposers; other++) {
      if (next.phase(other) === LEADER && this.lacksCommitted(next, other)) return 'I1';
    }
    return undefined;
  }

  private checkElection(next: State, elected: number): Invariant | undefined {
    const term = next.proposerTerm(elected);
    if (next.wasElectedIn(term)) return 'I2';
    for (let other = 0; other < next.bounds.proposers; other++) {
      if (other !== elected && next.phase(other) === LEADER && next.proposerTerm(other) === term) return 'I2';
    }
    return this.lacksCommitted(next, elected) ? 'I1' : undefined;
  }

  /** Whether a record is missing that was committed in a term before the leader's. */
  private lacksCommitted(state: State, leader: number): boolean {
    if (state.committed === NO_LOG) return false;
    const { logs } = this;
    const term = state.proposerTerm(leader);
    const log = logs.get(state.proposerLog(leader));
    const terms = logs.get(state.commitTerms);
    return logs
      .get(state.committed)
      .some((record, at) => (terms[at] ?? 0) < term && (at >= log.length - 1 || log[at] !== record));
  }

  /** Assumptions A1 and A2 of rule R4: whether a recovery of this member may begin. */
  graceIsOver(state: State, target: Member): boolean {
    for (let proposer = 0; proposer < state.bounds.proposers; proposer++) {
      const isVoter = state.phase(proposer) === CANDIDATE && has(state.supporters(proposer), target);
      if (isVoter && this.variant.lostVotes === 'UntilGrace') return false;
      const acknowledged = state.phase(proposer) === LEADER ? state.ack(proposer, target) - 1 : -1;
      if (this.variant.lostAcks !== 'UntilGrace' || acknowledged < 0) continue;
      const leader = this.logs.get(state.proposerLog(proposer)).slice(0, acknowledged);
      const reached = state.layout.members.some((member) => {
        const log = this.logs.get(state.log(member));
        return (
          member !== target &&
          isUp(state, member) &&
          log.length > acknowledged &&
          leader.every((record, at) => log[at] === record)
        );
      });
      if (!reached) return false;
    }
    return true;
  }

  /** Mask of lost members whose own grace is not over. */
  inGrace(state: State): number {
    const { members } = state.layout;
    const isInGrace = (member: Member) => state.log(member) === NO_LOG && !this.graceIsOver(state, member);
    return members.reduce((mask, member) => (isInGrace(member) ? mask | (1 << member) : mask), 0);
  }
}
