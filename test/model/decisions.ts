import { archiveBehind } from '../../src/domain/archive-rules.ts';
import type { LogEnd } from '../../src/domain/log-position.ts';
import { lsn } from '../../src/domain/lsn.ts';
import { NO_MEMBERSHIP } from '../../src/domain/membership.ts';
import type { Answer } from '../../src/domain/observation.ts';
import { confirmIntent, verifyReplica } from '../../src/domain/recovery-confirm.ts';
import type { RecoveryIntent } from '../../src/domain/recovery-intent.ts';
import { planRecovery } from '../../src/domain/recovery-plan.ts';
import { witnessesOf } from '../../src/domain/recovery-intent.ts';
import { type StatusValues, id, inspected, LOST, observe, planInput, present, statusOf } from '../domain/support.ts';
import { HOLLOW_LOG, type LogId, type Logs, type ModelTerm, NO_LOG, toModelTerm, toTerm } from './logs.ts';
import { MEMBER_COUNT, MEMBERS, type Member, type State } from './state.ts';
import type { Variant } from './variant.ts';

/** A plan, or a confirmed one, in the fields of a state. */
export interface Decision {
  readonly donor: Member;
  readonly floor: ModelTerm;
  /** Of `Decisions.ends`. */
  readonly expected: number;
}

/** Where every timeline of the model begins. */
const START_LSN = 1_000n;
const RECHECK_AT_MS = 70_000;

/** Who is who to the shipped module: two ways, so that a tie between any two members is broken both ways. */
const NAMINGS: readonly ((member: Member) => number)[] = [(member) => member + 1, (member) => MEMBER_COUNT - member];

/** The shipped module, called with what a task has read; its answers are remembered. */
export class Decisions {
  private readonly plans = new Map<string, readonly Decision[]>();
  private readonly confirmations = new Map<string, readonly Decision[]>();
  private readonly verdicts = new Map<string, boolean>();
  private readonly ends: LogEnd[] = [];
  private readonly endIds = new Map<string, number>();

  private readonly logs: Logs;
  private readonly variant: Variant;

  constructor(logs: Logs, variant: Variant) {
    this.logs = logs;
    this.variant = variant;
  }

  /** Every pull that may be planned; none when anything stands in the way. */
  plan(state: State, task: number): readonly Decision[] {
    const key = `${readKey(state, task)} ${state.fencedTerm}`;
    const known = this.plans.get(key);
    if (known !== undefined) return known;
    const decisions = distinct(NAMINGS.flatMap((name) => this.planNamed(state, task, name) ?? []));
    this.plans.set(key, decisions);
    return decisions;
  }

  /** What becomes of the plan after everything was read again. */
  confirm(state: State, task: number): readonly Decision[] {
    const key = `${readKey(state, task)} ${state.donor(task)} ${state.floor(task)} ${state.expected(task)}`;
    const known = this.confirmations.get(key);
    if (known !== undefined) return known;
    const decisions = distinct(NAMINGS.flatMap((name) => this.confirmNamed(state, task, name) ?? []));
    this.confirmations.set(key, decisions);
    return decisions;
  }

  /** Whether a plan would be confirmed if nothing at all had changed since it was made. */
  standsUnchanged(state: State, task: number, planned: Decision, scratch: State): boolean {
    scratch.copyFrom(state);
    scratch.setIntent(task, planned.donor, planned.floor, planned.expected);
    return this.confirm(scratch, task).length > 0;
  }

  /** Whether `verifyReplica` accepts what the target came back with. */
  verify(state: State, task: number, donorLog: LogId, donorTerm: ModelTerm): boolean {
    const target = state.target(task);
    const floor = state.floor(task);
    const read = [state.readTerm(task, target), state.readLog(task, target)] as const;
    const key = [...read, floor, state.expected(task), donorLog, donorTerm].join();
    const known = this.verdicts.get(key);
    if (known !== undefined) return known;
    const problem = verifyReplica(
      { floor: toTerm(floor), expected: this.endOf(state.expected(task)) },
      statusOf(this.valuesOf(...read)),
      donorLog === NO_LOG ? undefined : statusOf(this.valuesOf(donorTerm, donorLog)),
    );
    this.verdicts.set(key, problem === undefined);
    return problem === undefined;
  }

  /** Whether the shipped rule lets the archive take the place of a copy of the confirmed donor. */
  allowsArchive(state: State, task: number): boolean {
    const { lastLogTerm, flushLsn } = statusOf(this.valuesOf(state.archivedTerm, state.archivedLog));
    return archiveBehind({ lastLogTerm, flushLsn }, this.endOf(state.expected(task)), id(1)) === undefined;
  }

  private planNamed(state: State, task: number, name: (member: Member) => number): Decision | undefined {
    const answers = this.answersOf(state, task, name);
    const fencing = this.variant.fencing === 'ByTerms' ? 'Always' : 'Never';
    const fencedTerm = toTerm(this.variant.announced ? state.fencedTerm : 0);
    const { plan, replicas } = planRecovery(planInput(answers, { policy: { fencing }, fencedTerm }));
    if (plan.kind !== 'Pull' || plan.intent.recipient !== id(name(state.target(task)))) return undefined;
    const intent = this.variant.bendPlan(plan.intent, witnessesOf(replicas));
    return this.toDecision(intent.donor, intent.floor, intent.planned, name);
  }

  private confirmNamed(state: State, task: number, name: (member: Member) => number): Decision | undefined {
    const target = name(state.target(task));
    const reads = observe(this.answersOf(state, task, name), RECHECK_AT_MS, target);
    const all = MEMBERS.map((member) => id(member + 1));
    const intent: RecoveryIntent = {
      recipient: id(target),
      donor: id(name(state.donor(task))),
      members: { all, sets: [all], membership: NO_MEMBERSHIP },
      fencing: this.variant.fencing,
      floor: toTerm(state.floor(task)),
      witnesses: all.filter((member) => member !== id(target)),
      planned: this.endOf(state.expected(task)),
      snapshotSizeBytes: 0,
      forced: false,
    };
    const sources = { declared: undefined, cluster: all };
    const evidence = inspected(reads);
    const confirmation = confirmIntent(intent, { reads, evidence, recorded: new Map(), sources });
    if (confirmation.kind === 'Discarded') return undefined;
    const { donor, floor, expected } = confirmation;
    return this.toDecision(donor.id, floor, expected, name);
  }

  private toDecision(donor: bigint, floor: bigint, end: LogEnd, name: (member: Member) => number): Decision {
    const member = MEMBERS.find((candidate) => id(name(candidate)) === donor);
    if (member === undefined) throw new Error(`safekeeper ${donor} is no member of the model`);
    return { donor: member, floor: toModelTerm(floor), expected: this.internEnd(end) };
  }

  /** What was read, by safekeeper id. Whoever was not read is not in it. */
  private answersOf(state: State, task: number, name: (member: Member) => number): Record<number, Answer> {
    const answers: Record<number, Answer> = {};
    const read = MEMBERS.filter((member) => (state.visited(task) & (1 << member)) !== 0);
    for (const member of read) {
      const log = state.readLog(task, member);
      answers[name(member)] = log === NO_LOG ? LOST : present(this.valuesOf(state.readTerm(task, member), log));
    }
    const witness = read.find((member) => member !== state.target(task));
    if (this.variant.witnesses === 2 || witness === undefined) return answers;
    const only = answers[name(witness)] ?? LOST;
    for (const member of MEMBERS) answers[name(member)] ??= only;
    return answers;
  }

  private valuesOf(modelTerm: ModelTerm, log: LogId): StatusValues {
    return this.variant.view({
      term: toTerm(modelTerm),
      lastLogTerm: toTerm(this.logs.lastTerm(log)),
      flushLsn: log === HOLLOW_LOG ? 0n : lsn(START_LSN + BigInt(this.logs.length(log))),
      commitLsn: 0n,
    });
  }

  private internEnd(end: LogEnd): number {
    const key = `${end.lastLogTerm}/${end.flushLsn}`;
    const known = this.endIds.get(key);
    if (known !== undefined) return known;
    const number = this.ends.push(end) - 1;
    if (number > 255) throw new Error('more than 256 different ends of logs: smaller bounds are needed');
    this.endIds.set(key, number);
    return number;
  }

  private endOf(expected: number): LogEnd {
    const end = this.ends[expected];
    if (end === undefined) throw new Error(`no end of a log has number ${expected}`);
    return end;
  }
}

function readKey(state: State, task: number): string {
  let key = `${state.target(task)} ${state.visited(task)}`;
  for (const member of MEMBERS) key += ` ${state.readTerm(task, member)},${state.readLog(task, member)}`;
  return key;
}

function distinct(decisions: readonly Decision[]): Decision[] {
  return [...new Map(decisions.map((decision) => [JSON.stringify(decision), decision])).values()];
}
