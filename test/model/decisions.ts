import { archiveBehind } from '../../src/domain/archive-rules.ts';
import type { SafekeeperId } from '../../src/domain/ids.ts';
import type { LogEnd } from '../../src/domain/log-position.ts';
import { lsn } from '../../src/domain/lsn.ts';
import { NO_MEMBERSHIP } from '../../src/domain/membership.ts';
import type { Answer } from '../../src/domain/observation.ts';
import { confirmIntent, verifyReplica } from '../../src/domain/recovery-confirm.ts';
import type { RecoveryIntent } from '../../src/domain/recovery-intent.ts';
import { remember } from '../../src/domain/recovery-memory.ts';
import { planRecovery } from '../../src/domain/recovery-plan.ts';
import { witnessesOf } from '../../src/domain/recovery-intent.ts';
import {
  type StatusValues,
  id,
  inspected,
  LOST,
  NOW_MS,
  observe,
  planInput,
  present,
  seenSince,
  SILENT,
  statusOf,
} from '../domain/support.ts';
import type { Decision } from './decision.ts';
import { type Bounds, has, layoutOf, type Member } from './layout.ts';
import { HOLLOW_LOG, type LogId, type Logs, type ModelTerm, NO_ANSWER, NO_LOG, toModelTerm, toTerm } from './logs.ts';
import type { State } from './state.ts';
import type { Variant } from './variant.ts';

/** Where every timeline of the model begins. */
const START_LSN = 1_000n;
const RECHECK_AT_MS = 70_000;

type Naming = (member: Member) => number;

/** The shipped module, called with what a task has read; its answers are remembered. */
export class Decisions {
  private readonly plans = new Map<string, readonly Decision[]>();
  private readonly confirmations = new Map<string, readonly Decision[]>();
  private readonly verdicts = new Map<string, boolean>();
  private readonly ends: LogEnd[] = [];
  private readonly endIds = new Map<string, number>();

  private readonly logs: Logs;
  private readonly variant: Variant;
  /** Who is who to the shipped module: two ways, so that a tie between any two members is broken both ways. */
  private readonly namings: readonly Naming[];
  private readonly members: readonly Member[];

  constructor(logs: Logs, variant: Variant, bounds: Bounds) {
    this.logs = logs;
    this.variant = variant;
    this.members = layoutOf(bounds).members;
    this.namings = [(member) => member + 1, (member) => bounds.members - member];
  }

  /** Every pull that may be planned; none when anything stands in the way. `inGrace` were lost only just now. */
  plan(state: State, task: number, inGrace: number): readonly Decision[] {
    const key = `${readKey(state, task)} ${state.fencedTerm} ${inGrace}`;
    const known = this.plans.get(key);
    if (known !== undefined) return known;
    const decisions = distinct(this.namings.flatMap((name) => this.planNamed(state, task, inGrace, name) ?? []));
    this.plans.set(key, decisions);
    return decisions;
  }

  /** What becomes of the plan after everything was read again. */
  confirm(state: State, task: number): readonly Decision[] {
    const key = `${readKey(state, task)} ${state.donor(task)} ${state.witnesses(task)} ${state.floor(task)} ${state.expected(task)}`;
    const known = this.confirmations.get(key);
    if (known !== undefined) return known;
    const decisions = distinct(this.namings.flatMap((name) => this.confirmNamed(state, task, name) ?? []));
    this.confirmations.set(key, decisions);
    return decisions;
  }

  /** Whether a plan would be confirmed if nothing at all had changed since it was made. */
  standsUnchanged(state: State, task: number, planned: Decision, scratch: State): boolean {
    scratch.copyFrom(state);
    scratch.setIntent(task, planned);
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

  private planNamed(state: State, task: number, inGrace: number, name: Naming): Decision | undefined {
    const answers = this.answersOf(state, task, name);
    const fencing = this.variant.fencing === 'ByTerms' ? 'Always' : 'Never';
    const fresh = this.members.filter((member) => has(inGrace, member) && answers[name(member)] === LOST);
    const before = { ...answers, ...Object.fromEntries(fresh.map((member) => [name(member), SILENT])) };
    const memory = remember(seenSince(observe(before)), observe(answers), NOW_MS);
    const fencedTerm = toTerm(this.variant.announced ? state.fencedTerm : 0);
    const { plan, replicas } = planRecovery(
      planInput(answers, { memory, policy: { fencing, witnesses: 'Quorum' }, fencedTerm }),
    );
    if (plan.kind !== 'Pull' || plan.intent.recipient !== id(name(state.target(task)))) return undefined;
    const intent = this.variant.bendPlan(plan.intent, witnessesOf(replicas));
    return this.toDecision(intent.donor, intent.witnesses, intent.floor, intent.planned, name);
  }

  private confirmNamed(state: State, task: number, name: Naming): Decision | undefined {
    const target = name(state.target(task));
    const reads = observe(this.answersOf(state, task, name), RECHECK_AT_MS, target);
    const { members } = state.layout;
    const all = members.map((member) => id(member + 1));
    const witnesses = members.filter((member) => has(state.witnesses(task), member)).map((member) => id(name(member)));
    const intent: RecoveryIntent = {
      recipient: id(target),
      donor: id(name(state.donor(task))),
      members: { all, sets: [all], membership: NO_MEMBERSHIP },
      fencing: this.variant.fencing,
      floor: toTerm(state.floor(task)),
      witnesses,
      planned: this.endOf(state.expected(task)),
      snapshotSizeBytes: 0,
      forced: false,
    };
    const sources = { declared: all, cluster: all };
    const evidence = inspected(reads);
    const confirmation = confirmIntent(intent, { reads, evidence, recorded: new Map(), sources });
    if (confirmation.kind === 'Discarded') return undefined;
    const { donor, floor, expected } = confirmation;
    return this.toDecision(donor.id, witnesses, floor, expected, name);
  }

  private toDecision(
    donor: SafekeeperId,
    witnesses: readonly SafekeeperId[],
    floor: bigint,
    end: LogEnd,
    name: Naming,
  ): Decision {
    const toMember = (safekeeper: SafekeeperId): Member => {
      const member = this.members.find((candidate) => id(name(candidate)) === safekeeper);
      if (member === undefined) throw new Error(`safekeeper ${safekeeper} is no member of the model`);
      return member;
    };
    return {
      donor: toMember(donor),
      witnesses: witnesses.reduce((mask, witness) => mask | (1 << toMember(witness)), 0),
      floor: toModelTerm(floor),
      expected: this.internEnd(end),
    };
  }

  /** What was read, by safekeeper id. Whoever was not read is not in it. */
  private answersOf(state: State, task: number, name: Naming): Record<number, Answer> {
    const answers: Record<number, Answer> = {};
    const read = this.members.filter((member) => has(state.visited(task), member));
    for (const member of read) {
      answers[name(member)] = this.answerOf(state.readTerm(task, member), state.readLog(task, member));
    }
    if (this.variant.witnesses === 'All') return answers;
    const copied = read.find((member) => member !== state.target(task) && state.readLog(task, member) !== NO_LOG);
    if (copied === undefined) return answers;
    const copy = this.answerOf(state.readTerm(task, copied), state.readLog(task, copied));
    for (const member of this.members) answers[name(member)] ??= copy;
    return answers;
  }

  private answerOf(modelTerm: ModelTerm, log: LogId): Answer {
    if (log === NO_LOG) return LOST;
    return log === NO_ANSWER ? SILENT : present(this.valuesOf(modelTerm, log));
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
  for (const member of state.layout.members) key += ` ${state.readTerm(task, member)},${state.readLog(task, member)}`;
  return key;
}

function distinct(decisions: readonly Decision[]): Decision[] {
  return [...new Map(decisions.map((decision) => [JSON.stringify(decision), decision])).values()];
}
