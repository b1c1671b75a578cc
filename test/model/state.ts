import type { Decision } from './decision.ts';
import {
  ACCEPTORS_AT,
  type Bounds,
  type Layout,
  layoutOf,
  type Member,
  PROPOSER_MEMBERS_AT,
  TASK_MEMBERS_AT,
} from './layout.ts';
import { EMPTY_LOG, type LogId, type ModelTerm } from './logs.ts';

export type ProposerPhase = number;
export const IDLE: ProposerPhase = 0;
/** Asks a quorum for its terms. */
export const GREETING: ProposerPhase = 1;
/** Asks for votes in the term after the greatest. */
export const CANDIDATE: ProposerPhase = 2;
export const LEADER: ProposerPhase = 3;

/** The operator's recovery, between two steps of which anything may happen. */
export type TaskPhase = number;
export const NO_TASK: TaskPhase = 0;
export const PLANNING: TaskPhase = 1;
export const FENCING: TaskPhase = 2;
export const RECHECKING: TaskPhase = 3;
/** Confirmed, the donor must be raised to the floor first. */
export const BUMPING: TaskPhase = 4;
export const COPYING: TaskPhase = 5;
export const INSTALLING: TaskPhase = 6;
/** Only in a wrong variant: the replica is up, its term is raised next. */
export const RAISING: TaskPhase = 7;
export const DONE: TaskPhase = 8;

const PAST_TERMS_MAX = 3;

/**
 * One state of the model, one byte a field: counters, what is committed, the acceptors, the proposers, the operator's
 * tasks. Fields that a phase does not use are 0, so that equal states have equal bytes; members are numbered from 1 there.
 */
export class State {
  readonly bytes: Uint8Array;
  readonly bounds: Bounds;
  readonly layout: Layout;
  private readonly proposersAt: number;
  private readonly proposerBytes: number;
  private readonly tasksAt: number;
  private readonly taskBytes: number;

  constructor(bounds: Bounds) {
    this.bounds = bounds;
    this.layout = layoutOf(bounds);
    this.proposersAt = this.layout.proposersAt;
    this.proposerBytes = this.layout.proposerBytes;
    this.tasksAt = this.layout.tasksAt;
    this.taskBytes = this.layout.taskBytes;
    this.bytes = new Uint8Array(this.layout.sizeBytes);
    for (const member of this.layout.members) this.setAcceptor(member, 0, EMPTY_LOG);
  }

  private at(index: number): number {
    return this.bytes[index] as number;
  }

  copyFrom(other: State): void {
    this.bytes.set(other.bytes);
  }

  get campaigns(): number {
    return this.at(0);
  }
  set campaigns(used: number) {
    this.bytes[0] = used;
  }
  get losses(): number {
    return this.at(1);
  }
  set losses(used: number) {
    this.bytes[1] = used;
  }

  /** The longest committed log, its last entry left out: the terms of its records. */
  get committed(): LogId {
    return this.at(2);
  }
  /** In which term each of those records was committed, as a sequence of `Logs`. */
  get commitTerms(): LogId {
    return this.at(3);
  }
  setCommitted(records: LogId, terms: LogId): void {
    this.bytes[2] = records;
    this.bytes[3] = terms;
  }

  /** Whether a proposer that campaigns again by now was elected in this term. */
  wasElectedIn(term: ModelTerm): boolean {
    return this.at(4) === term || this.at(5) === term || this.at(6) === term;
  }
  /** Remembers a leader that campaigns again; terms ascend, 0 for none. */
  addPastLeader(term: ModelTerm): void {
    let carried = term;
    for (let slot = 0; slot < PAST_TERMS_MAX; slot++) {
      const held = this.at(4 + slot);
      if (held === 0) {
        this.bytes[4 + slot] = carried;
        return;
      }
      if (held > carried) {
        this.bytes[4 + slot] = carried;
        carried = held;
      }
    }
    throw new Error('more campaigns than a state has room for');
  }

  /** The floor of the last fence by terms, which operators announce before they raise anybody. */
  get fencedTerm(): ModelTerm {
    return this.at(7);
  }
  set fencedTerm(term: ModelTerm) {
    this.bytes[7] = term;
  }

  /** What one of the members had at some time, on a disk of its own; `NO_LOG` until somebody has written one. */
  get archivedTerm(): ModelTerm {
    return this.at(8);
  }
  get archivedLog(): LogId {
    return this.at(9);
  }
  setArchive(term: ModelTerm, log: LogId): void {
    this.bytes[8] = term;
    this.bytes[9] = log;
  }

  /** Of the acceptor, 0 when its disk is lost. */
  term(member: Member): ModelTerm {
    return this.at(ACCEPTORS_AT + 2 * member);
  }
  log(member: Member): LogId {
    return this.at(ACCEPTORS_AT + 2 * member + 1);
  }
  setTerm(member: Member, term: ModelTerm): void {
    this.bytes[ACCEPTORS_AT + 2 * member] = term;
  }
  setAcceptor(member: Member, term: ModelTerm, log: LogId): void {
    this.bytes[ACCEPTORS_AT + 2 * member] = term;
    this.bytes[ACCEPTORS_AT + 2 * member + 1] = log;
  }

  private proposer(proposer: number, field: number): number {
    return this.at(this.proposersAt + this.proposerBytes * proposer + field);
  }
  private setField(proposer: number, field: number, value: number): void {
    this.bytes[this.proposersAt + this.proposerBytes * proposer + field] = value;
  }
  phase(proposer: number): ProposerPhase {
    return this.proposer(proposer, 0);
  }
  /** The greatest term it was greeted with, or its own. */
  proposerTerm(proposer: number): ModelTerm {
    return this.proposer(proposer, 1);
  }
  /** Who greeted it or voted for it. */
  supporters(proposer: number): number {
    return this.proposer(proposer, 2);
  }
  /** A leader's own. */
  proposerLog(proposer: number): LogId {
    return this.proposer(proposer, 3);
  }
  /** Forgets votes and acknowledgements. */
  setProposer(proposer: number, phase: ProposerPhase, term: ModelTerm, supporters: number, log: LogId): void {
    const at = this.proposersAt + this.proposerBytes * proposer;
    this.bytes.fill(0, at, at + this.proposerBytes);
    this.bytes[at] = phase;
    this.bytes[at + 1] = term;
    this.bytes[at + 2] = supporters;
    this.bytes[at + 3] = log;
  }
  setProposerLog(proposer: number, log: LogId): void {
    this.setField(proposer, 3, log);
  }
  /** Of a candidate: the voter's log, as it was when it voted. */
  vote(proposer: number, member: Member): LogId {
    return this.proposer(proposer, PROPOSER_MEMBERS_AT + member);
  }
  setVote(proposer: number, member: Member, log: LogId): void {
    this.setField(proposer, 2, this.supporters(proposer) | (1 << member));
    this.setField(proposer, PROPOSER_MEMBERS_AT + member, log);
  }
  dropVote(proposer: number, member: Member): void {
    this.setField(proposer, 2, this.supporters(proposer) & ~(1 << member));
    this.setField(proposer, PROPOSER_MEMBERS_AT + member, 0);
  }
  /** Of a leader: one more than the number of records that the member acknowledged to it; 0 when it has not. */
  ack(proposer: number, member: Member): number {
    return this.proposer(proposer, PROPOSER_MEMBERS_AT + member);
  }
  setAck(proposer: number, member: Member, ack: number): void {
    this.setField(proposer, PROPOSER_MEMBERS_AT + member, ack);
  }

  private task(task: number, field: number): number {
    return this.at(this.tasksAt + this.taskBytes * task + field);
  }
  private setTask(task: number, field: number, value: number): void {
    this.bytes[this.tasksAt + this.taskBytes * task + field] = value;
  }
  taskPhase(task: number): TaskPhase {
    return this.task(task, 0);
  }
  target(task: number): Member {
    return this.task(task, 1) - 1;
  }
  /** Who was read, or raised, in the present phase. */
  visited(task: number): number {
    return this.task(task, 2);
  }
  donor(task: number): Member {
    return this.task(task, 3) - 1;
  }
  floor(task: number): ModelTerm {
    return this.task(task, 4);
  }
  /** Of `Decisions`: where the donor's log stood when planned or confirmed. */
  expected(task: number): number {
    return this.task(task, 5);
  }
  /** Mask of those who have to stay witnesses until the pull. */
  witnesses(task: number): number {
    return this.task(task, 6);
  }
  setPhase(task: number, phase: TaskPhase): void {
    this.setTask(task, 0, phase);
    this.setTask(task, 2, 0);
  }
  setVisited(task: number, visited: number): void {
    this.setTask(task, 2, visited);
  }
  setIntent(task: number, { donor, floor, expected, witnesses }: Decision): void {
    this.setTask(task, 3, donor + 1);
    this.setTask(task, 4, floor);
    this.setTask(task, 5, expected);
    this.setTask(task, 6, witnesses);
  }
  startTask(task: number, target: Member): void {
    this.endTask(task, PLANNING);
    this.setTask(task, 1, target + 1);
  }
  /** Forgets all but the phase: `NO_TASK` may begin again, `DONE` has spent its recovery. */
  endTask(task: number, phase: TaskPhase): void {
    const at = this.tasksAt + this.taskBytes * task;
    this.bytes.fill(0, at, at + this.taskBytes);
    this.bytes[at] = phase;
  }
  /** What was read of a member; for the target, what was copied for it. */
  readTerm(task: number, member: Member): ModelTerm {
    return this.task(task, TASK_MEMBERS_AT + member);
  }
  readLog(task: number, member: Member): LogId {
    return this.task(task, TASK_MEMBERS_AT + this.bounds.members + member);
  }
  setRead(task: number, member: Member, term: ModelTerm, log: LogId): void {
    this.setTask(task, TASK_MEMBERS_AT + member, term);
    this.setTask(task, TASK_MEMBERS_AT + this.bounds.members + member, log);
  }
  clearReads(task: number): void {
    const at = this.tasksAt + this.taskBytes * task;
    this.bytes.fill(0, at + TASK_MEMBERS_AT, at + this.taskBytes);
  }
}
