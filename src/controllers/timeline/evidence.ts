import type { SafekeeperId } from '../../domain/ids.ts';
import type { DiskEvidence, Evidence, Observation, OwnershipEvidence, RoomEvidence } from '../../domain/observation.ts';
import type { Plan } from '../../domain/plan.ts';
import { GRACE_PERIOD_MIN_MS } from '../../domain/recovery-memory.ts';
import { statusOf } from '../../domain/replica-state.ts';
import { readDisk } from '../../recovery/disk-evidence.ts';
import type { SafekeeperHandle } from '../cluster/safekeeper-handle.ts';
import type { Observer } from './observe.ts';
import type { CachedDisk, Tracking } from './tracking.ts';

/** Reading whole files over and over would cost more than hearing late of a disk that somebody has mended. */
const DAMAGED_RECHECK_MS = 10 * 60_000;

type Inspector = Observer & { readonly tracking: Pick<Tracking, 'disks' | 'memory'> };

/**
 * What is known already: disks whose replica has not moved since, and damage. Room is asked for anew every time; the
 * storage controller only when its list is too old.
 */
export async function knownEvidence(
  inspector: Inspector,
  observation: Observation,
  gracePeriodMs: number,
  signal: AbortSignal,
): Promise<Evidence> {
  const { tracking, clock } = inspector;
  const disks = new Map<SafekeeperId, DiskEvidence>();
  for (const [id, { flushLsn, term, evidence, lookAgainMs }] of tracking.disks) {
    const status = statusOf(observation, id);
    const unmoved = status?.flushLsn === flushLsn && status.term === term && clock.monotonicMs() < lookAgainMs;
    if (unmoved || evidence.kind === 'Missing') disks.set(id, evidence);
  }
  return { disks, rooms: new Map(), ownership: await readOwnership(inspector, observation, gracePeriodMs, signal) };
}

/**
 * Rule R17, from lists that were read after the loss was seen. Nobody is asked within the grace period: a scan may
 * have read the list by its end.
 */
async function readOwnership(
  { cluster, timeline, tracking, clock }: Inspector,
  observation: Observation,
  gracePeriodMs: number,
  signal: AbortSignal,
): Promise<Evidence['ownership']> {
  const { ownership } = cluster;
  if (ownership === undefined) return 'NotConfigured';
  const owned = new Map<SafekeeperId, OwnershipEvidence>();
  for (const { id, answer } of observation.values()) {
    const sinceMs = tracking.memory.since.get(id)?.sinceMs;
    if (answer.kind !== 'NotFound' || sinceMs === undefined) continue;
    if (clock.monotonicMs() - sinceMs < Math.max(gracePeriodMs, GRACE_PERIOD_MIN_MS)) continue;
    owned.set(id, await ownership.of(id, timeline, sinceMs, signal));
  }
  return owned;
}

/**
 * Damage that was seen is looked at again now and then, because no plan asks for it while nothing is lost. It is over at
 * once when the replica is gone: what comes back is another one. A safekeeper that is busy is asked on a later visit.
 */
export async function revisitDamage(
  inspector: Inspector,
  observation: Observation,
  signal: AbortSignal,
): Promise<void> {
  const { tracking, cluster, clock } = inspector;
  const revisit = async ([id, { evidence, lookAgainMs }]: [SafekeeperId, CachedDisk]) => {
    const answer = observation.get(id)?.answer.kind;
    if (answer === 'NotFound' || answer === 'Deleted') {
      tracking.disks = new Map([...tracking.disks].filter(([other]) => other !== id));
      return;
    }
    if (evidence.kind !== 'Missing' || answer !== 'Status' || clock.monotonicMs() < lookAgainMs) return;
    using permit = cluster.safekeepers.get(id)?.dumps.tryAcquire();
    if (permit !== undefined) await inspectDisk(inspector, id, observation, signal);
  };
  await Promise.all([...tracking.disks].map(revisit));
}

/** Asks what a plan wants to know (rules R13, R16). A safekeeper that cannot be asked gives no evidence, so the plan waits. */
export async function gatherEvidence(
  observer: Inspector,
  wanted: Extract<Plan, { kind: 'Inspect' }>,
  observation: Observation,
  known: Evidence,
  signal: AbortSignal,
): Promise<Evidence> {
  const disks = new Map(known.disks);
  const rooms = new Map(known.rooms);
  const readDiskOf = async (id: SafekeeperId) => {
    using _permit = await observer.cluster.safekeepers.get(id)?.dumps.acquire(signal);
    const evidence = await inspectDisk(observer, id, observation, signal);
    if (evidence !== undefined) disks.set(id, evidence);
  };
  const measureRoom = async () => {
    const recipient = observer.cluster.safekeepers.get(wanted.room);
    const room = recipient && (await unlessUnanswered(readRoom(recipient, signal), signal));
    if (room !== undefined) rooms.set(wanted.room, room);
  };
  await Promise.all([...wanted.disks.map(readDiskOf), measureRoom()]);
  return { ...known, disks, rooms };
}

/** Looks at a disk and remembers what it saw. Undefined without an answer. The caller holds the permit for the dump. */
async function inspectDisk(
  inspector: Inspector,
  id: SafekeeperId,
  observation: Observation,
  signal: AbortSignal,
): Promise<DiskEvidence | undefined> {
  const { tracking, cluster, clock } = inspector;
  const safekeeper = cluster.safekeepers.get(id);
  const status = statusOf(observation, id);
  if (safekeeper === undefined || status === undefined) return undefined;
  const evidence = await unlessUnanswered(readDisk(safekeeper.client, inspector.timeline, signal), signal);
  if (evidence === undefined) return undefined;
  const { flushLsn, term } = status;
  const lookAgainMs = evidence.kind === 'Missing' ? clock.monotonicMs() + DAMAGED_RECHECK_MS : Number.POSITIVE_INFINITY;
  tracking.disks = new Map([...tracking.disks, [id, { flushLsn, term, evidence, lookAgainMs }]]);
  return evidence;
}

async function readRoom({ usage: reading }: SafekeeperHandle, signal: AbortSignal): Promise<RoomEvidence> {
  const usage = await reading.get(signal);
  if (usage === undefined) return { kind: 'NotOffered' };
  return { kind: 'Measured', capacityBytes: usage.capacityBytes, usedBytes: usage.usageBytes };
}

async function unlessUnanswered<Value>(question: Promise<Value>, signal: AbortSignal): Promise<Value | undefined> {
  return await question.catch(() => {
    signal.throwIfAborted();
    return undefined;
  });
}
