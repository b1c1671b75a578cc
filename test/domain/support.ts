import * as fc from 'fast-check';
import type { SafekeeperId } from '../../src/domain/ids.ts';
import { lsn } from '../../src/domain/lsn.ts';
import { generation, type Membership, NO_MEMBERSHIP } from '../../src/domain/membership.ts';
import {
  type Answer,
  type DiskEvidence,
  type Evidence,
  NO_EVIDENCE,
  type Observation,
  type OwnershipEvidence,
  type Reading,
  type ReplicaStatus,
  type RoomEvidence,
} from '../../src/domain/observation.ts';
import type { FailedAttempts, PlanInput } from '../../src/domain/plan.ts';
import { EMPTY_MEMORY, type RecoveryMemory, remember } from '../../src/domain/recovery-memory.ts';
import type { RecoveryPolicy } from '../../src/domain/recovery-policy.ts';
import { INITIAL_TERM, term } from '../../src/domain/term.ts';

export const GRACE_MS = 30_000;
/** Long after the start: everything that was seen since 0 has outlasted the grace period. */
export const NOW_MS = 60_000;
const GIB = 1024 ** 3;

export const id = (value: number): SafekeeperId => BigInt(value) as SafekeeperId;
export const ids = (...values: number[]): SafekeeperId[] => values.map(id);

/** `of(5, [1, 2, 3])`: generation 5; the second list makes it a joint configuration. */
export function configuration(value: number, members: number[], newMembers?: number[]): Membership {
  const toMember = (member: number) => ({ id: id(member), host: `sk-${member}`, pgPort: 5454 });
  return {
    generation: generation(value),
    members: members.map(toMember),
    newMembers: newMembers?.map(toMember) ?? null,
  };
}

export interface StatusValues {
  term?: number | bigint;
  lastLogTerm?: number | bigint;
  flushLsn?: number | bigint;
  commitLsn?: number | bigint;
  peerHorizonLsn?: number | bigint;
  membership?: Membership;
  compute?: ReplicaStatus['compute'];
  horizonLsn?: number;
  snapshotSizeBytes?: number;
}

/** A healthy idle replica in term 3 with 1,000 bytes of WAL. */
export function statusOf(values: StatusValues = {}): ReplicaStatus {
  return {
    term: term(BigInt(values.term ?? 3)),
    lastLogTerm: term(BigInt(values.lastLogTerm ?? 3)),
    flushLsn: lsn(BigInt(values.flushLsn ?? 1_000)),
    commitLsn: lsn(BigInt(values.commitLsn ?? 900)),
    peerHorizonLsn: lsn(BigInt(values.peerHorizonLsn ?? 0)),
    membership: values.membership ?? NO_MEMBERSHIP,
    compute: values.compute ?? 'None',
    walSegmentSize: 1024 * 1024,
    horizonLsn: lsn(BigInt(values.horizonLsn ?? 1)),
    timelineStartLsn: lsn(1n),
    snapshotSizeBytes: values.snapshotSizeBytes ?? 1024 * 1024,
  };
}

export const present = (values: StatusValues = {}): Answer => ({ kind: 'Status', status: statusOf(values) });
export const LOST: Answer = { kind: 'NotFound' };
export const CORRUPT: Answer = { kind: 'NotLoaded' };
export const DELETED: Answer = { kind: 'Deleted' };
export const SILENT: Answer = { kind: 'Unreachable', problem: 'connect ECONNREFUSED' };
export const UNCLEAR: Answer = { kind: 'Unknown', problem: 'HTTP 500' };

/** Answers by safekeeper id; all read at `atMs`, but for `first`, which is read before the others. */
export function observe(answers: Readonly<Record<number, Answer>>, atMs = NOW_MS, first?: number): Observation {
  const readings = Object.entries(answers).map(([key, answer]): Reading => {
    const startedMs = Number(key) === first ? atMs : atMs + 10;
    return { id: id(Number(key)), startedMs, finishedMs: startedMs + 5, answer };
  });
  return new Map(readings.map((reading) => [reading.id, reading]));
}

/** The same answers seen at `sinceMs` and once a second in the 8 s before `untilMs`, after what `earlier` holds. */
export function seenSince(
  observation: Observation,
  sinceMs = 0,
  untilMs = NOW_MS,
  earlier: RecoveryMemory = EMPTY_MEMORY,
): RecoveryMemory {
  let memory = sinceMs <= untilMs ? remember(earlier, observation, sinceMs) : earlier;
  for (let atMs = Math.max(sinceMs + 1_000, untilMs - 8_000); atMs <= untilMs; atMs += 1_000) {
    memory = remember(memory, observation, atMs);
  }
  return memory;
}

/** Disks and room of everybody were looked at and are fine. */
export function inspected(observation: Observation, ...changes: Partial<Evidence>[]): Evidence {
  const disks = new Map<SafekeeperId, DiskEvidence>([...observation.keys()].map((key) => [key, { kind: 'Complete' }]));
  const rooms = new Map<SafekeeperId, RoomEvidence>(
    [...observation.keys()].map((key) => [key, { kind: 'Measured', capacityBytes: 100 * GIB, usedBytes: 10 * GIB }]),
  );
  return Object.assign({ ...NO_EVIDENCE, disks, rooms }, ...changes) as Evidence;
}

export const POLICY: RecoveryPolicy = {
  mode: 'Automatic',
  gracePeriodMs: GRACE_MS,
  witnesses: 'All',
  unknownTimeoutMs: 300_000,
  fencing: 'Never',
};

/** Everything that a pull needs is there: the answers have stood since 0, disks and room are known. */
export function planInput(
  answers: Readonly<Record<number, Answer>>,
  changes: Omit<Partial<PlanInput>, 'policy'> & { policy?: Partial<RecoveryPolicy>; sinceMs?: number } = {},
): PlanInput {
  const { sinceMs, policy, ...rest } = changes;
  const nowMs = rest.nowMs ?? NOW_MS;
  const observation = observe(answers, nowMs);
  const members = [...observation.keys()];
  return {
    observation,
    evidence: inspected(observation),
    memory: seenSince(observation, sinceMs, nowMs),
    recorded: new Map(),
    sources: { declared: members, cluster: members },
    decisions: { approved: undefined, forced: undefined },
    failed: undefined,
    fencedTerm: INITIAL_TERM,
    ownRecipient: undefined,
    brake: undefined,
    nowMs,
    policy: { ...POLICY, ...policy },
    ...rest,
  };
}

/** Mostly `usual`, sometimes `odd`: an input with few oddities comes close to a pull. */
const mostly = <Value>(usual: fc.Arbitrary<Value>, odd: fc.Arbitrary<Value>, weight = 20): fc.Arbitrary<Value> =>
  fc.oneof({ weight, arbitrary: usual }, { weight: 1, arbitrary: odd });

/** One value for each of n members, sometimes none. */
const perMember = <Value>(n: number, values: fc.Arbitrary<Value>): fc.Arbitrary<Map<SafekeeperId, Value>> =>
  fc
    .array(mostly<Value | undefined>(values, fc.constant(undefined)), { minLength: n, maxLength: n })
    .map((list) => new Map(list.flatMap((value, at) => (value === undefined ? [] : [[id(at + 1), value] as const]))));

/** Small numbers, so that ties, equal terms and every order of two replicas are frequent. */
export const statuses = (memberships: fc.Arbitrary<Membership>): fc.Arbitrary<ReplicaStatus> =>
  fc
    .record({
      term: mostly<number | bigint>(fc.integer({ min: 3, max: 6 }), fc.constantFrom(0, 2n ** 64n - 1n)),
      lastLogTerm: fc.integer({ min: 1, max: 3 }),
      flushLsn: mostly(fc.integer({ min: 5, max: 9 }), fc.integer({ min: 0, max: 4 })),
      commitLsn: fc.integer({ min: 0, max: 9 }),
      peerHorizonLsn: mostly(fc.constant(0), fc.integer({ min: 1, max: 9 })),
      compute: mostly<ReplicaStatus['compute']>(fc.constant('None'), fc.constantFrom('Connected', 'Streaming'), 3),
      membership: memberships,
      horizonLsn: mostly(fc.constant(1), fc.constant(0), 8),
      snapshotSizeBytes: fc.constantFrom(0, 1_000, 10_000),
    })
    .map(statusOf);

/** Answers of n members, of whom one is mostly lost. */
function rounds(n: number, memberships: fc.Arbitrary<Membership>): fc.Arbitrary<Answer[]> {
  const alive = mostly<Answer>(
    statuses(memberships).map((status) => ({ kind: 'Status', status })),
    fc.constantFrom(LOST, LOST, LOST, CORRUPT, DELETED, SILENT, UNCLEAR),
    6,
  );
  return fc
    .tuple(fc.array(alive, { minLength: n, maxLength: n }), fc.integer({ min: 0, max: n }))
    .map(([answers, lostAt]) => answers.map((answer, at) => (at === lostAt ? LOST : answer)));
}

/** Who the members are: by the resource alone, by one configuration, by a joint one, or by several that disagree. */
function memberships(n: number): fc.Arbitrary<Membership> {
  const all = Array.from({ length: n }, (_, at) => at + 1);
  const plain = configuration(2, all);
  const joint = configuration(2, all.slice(0, Math.max(1, n - 2)), all);
  const any = fc.constantFrom(NO_MEMBERSHIP, plain, joint);
  return any.chain((usual) => mostly(fc.constant(usual), any, 40));
}

function evidences(n: number): fc.Arbitrary<Evidence> {
  return fc.record({
    disks: perMember(
      n,
      mostly<DiskEvidence>(
        fc.constantFrom({ kind: 'Complete' }, { kind: 'NotApplicable' }),
        fc.constant({ kind: 'Missing', segments: ['000000010000000000000001'] }),
      ),
    ),
    rooms: perMember(
      n,
      mostly<RoomEvidence>(
        fc.constantFrom({ kind: 'NotOffered' }, { kind: 'Measured', capacityBytes: 100_000, usedBytes: 5_000 }),
        fc.record({
          kind: fc.constant('Measured'),
          capacityBytes: fc.constantFrom(10_000, 20_000),
          usedBytes: fc.integer({ min: 0, max: 10_000 }),
        }),
        3,
      ),
    ),
    ownership: fc.oneof(
      fc.constant('NotConfigured' as const),
      perMember(n, mostly<OwnershipEvidence>(fc.constant('Named'), fc.constantFrom('NotNamed', 'NoAnswer'))),
    ),
  });
}

const policies = (): fc.Arbitrary<RecoveryPolicy> =>
  fc.record({
    mode: mostly<RecoveryPolicy['mode']>(fc.constant('Automatic'), fc.constantFrom('Propose', 'Disabled'), 4),
    gracePeriodMs: fc.constantFrom(0, 15_000, GRACE_MS),
    witnesses: fc.constantFrom('All', 'Quorum'),
    unknownTimeoutMs: fc.constantFrom(10_000, 300_000),
    fencing: fc.constantFrom('WhenIdle', 'Always', 'Never'),
  });

const failures = (): fc.Arbitrary<FailedAttempts> =>
  fc.record({
    count: fc.integer({ min: 1, max: 7 }),
    nextAttemptAtMs: fc.constantFrom(0, NOW_MS + 1),
    reason: fc.constantFrom('RecoveryFailed', 'DonorAtSegmentBoundary'),
    message: fc.constant('it broke'),
  });

/** Since when the present answers have stood. */
const sinceTimes = () =>
  mostly(fc.constant(0), fc.constantFrom(29_999, 30_000, 30_001, 44_999, 45_000, 45_001, 56_000, NOW_MS), 2);

/** Any input of n members, n in {1, 3, 5}: the answers of now, and a memory of the same or of other answers. */
export function planInputs(): fc.Arbitrary<PlanInput> {
  return fc.constantFrom(1, 3, 3, 5).chain((n) => {
    const members = ids(...Array.from({ length: n }, (_, at) => at + 1));
    return memberships(n).chain((membership) => {
      const round = rounds(n, fc.constant(membership));
      return fc
        .record({
          now: mostly(round, rounds(n, memberships(n))),
          before: mostly<Answer[] | undefined>(fc.constant(undefined), round, 2),
          sinceMs: sinceTimes(),
          evidence: evidences(n),
          recorded: mostly(
            fc.constant(new Map<SafekeeperId, ReplicaStatus>()),
            perMember(n, statuses(fc.constant(membership))),
            2,
          ),
          policy: policies(),
          failed: mostly<FailedAttempts | undefined>(fc.constant(undefined), failures(), 4),
          fencedTerm: mostly(fc.constant(0n), fc.constantFrom(1_029n, 2n ** 64n - 1n), 4).map(term),
          brake: mostly<string | undefined>(fc.constant(undefined), fc.constant('storm')),
          ownRecipient: mostly<SafekeeperId | undefined>(fc.constant(undefined), fc.constantFrom(...members), 4),
        })
        .map(({ now, before, sinceMs, recorded, ...rest }): PlanInput => {
          const toRecord = (list: readonly Answer[]) => Object.fromEntries(list.map((answer, at) => [at + 1, answer]));
          const observation = observe(toRecord(now));
          const earlier = before && seenSince(observe(toRecord(before)), 0, sinceMs - 1);
          const toRecorded = ([key, status]: [SafekeeperId, ReplicaStatus]) =>
            [key, { ...status, generation: status.membership.generation }] as const;
          return {
            observation,
            memory: seenSince(observation, sinceMs, NOW_MS, earlier),
            recorded: new Map([...recorded].map(toRecorded)),
            sources: { declared: members, cluster: members },
            decisions: { approved: undefined, forced: undefined },
            nowMs: NOW_MS,
            ...rest,
          };
        });
    });
  });
}
