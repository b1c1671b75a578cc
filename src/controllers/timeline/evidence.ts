import { limits } from '../../base/limits.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import type { DiskEvidence, Evidence, Observation, RoomEvidence } from '../../domain/observation.ts';
import type { Plan } from '../../domain/plan.ts';
import { statusOf } from '../../domain/replica-state.ts';
import { segmentCount, segmentFileName, segmentsOf, snapshotSegmentRange } from '../../safekeeper/wal-segment.ts';
import type { SafekeeperHandle } from '../cluster/safekeeper-handle.ts';
import type { Observer } from './observe.ts';
import type { Tracking } from './tracking.ts';

/** What is known already: disks whose replica has not moved since. Room is asked for anew every time. */
export function knownEvidence(tracking: Pick<Tracking, 'disks'>, observation: Observation): Evidence {
  const disks = new Map<SafekeeperId, DiskEvidence>();
  for (const [id, cached] of tracking.disks) {
    const status = statusOf(observation, id);
    if (status?.flushLsn === cached.flushLsn && status.term === cached.term) disks.set(id, cached.evidence);
  }
  return { disks, rooms: new Map(), ownership: 'NotConfigured' };
}

/** Asks what a plan wants to know (rules R13, R16). A safekeeper that cannot be asked gives no evidence, so the plan waits. */
export async function gatherEvidence(
  observer: Observer & { readonly tracking: Tracking },
  wanted: Extract<Plan, { kind: 'Inspect' }>,
  observation: Observation,
  known: Evidence,
  signal: AbortSignal,
): Promise<Evidence> {
  const disks = new Map(known.disks);
  const rooms = new Map(known.rooms);
  const inspectDisk = async (id: SafekeeperId) => {
    const safekeeper = observer.cluster.safekeepers.get(id);
    const status = statusOf(observation, id);
    if (safekeeper === undefined || status === undefined) return;
    const evidence = await unlessUnanswered(readDisk(observer, safekeeper, signal), signal);
    if (evidence === undefined) return;
    disks.set(id, evidence);
    observer.tracking.disks.set(id, { flushLsn: status.flushLsn, term: status.term, evidence });
  };
  const measureRoom = async () => {
    const recipient = observer.cluster.safekeepers.get(wanted.room);
    const room = recipient && (await unlessUnanswered(readRoom(recipient, signal), signal));
    if (room !== undefined) rooms.set(wanted.room, room);
  };
  await Promise.all([...wanted.disks.map(inspectDisk), measureRoom()]);
  return { ...known, disks, rooms };
}

/** Every segment that a snapshot must contain has to be on the disk, full or partial. */
async function readDisk(observer: Observer, safekeeper: SafekeeperHandle, signal: AbortSignal): Promise<DiskEvidence> {
  using _permit = await safekeeper.dumps.acquire(signal);
  const dump = await safekeeper.client.debugDumpDisk(observer.timeline, signal);
  if (dump === undefined || dump.offloaded || dump.positions === undefined) return { kind: 'NotApplicable' };
  const range = snapshotSegmentRange(dump.positions);
  // Nobody streams more than this: the pull itself will say so.
  if (range === undefined || segmentCount(range) > limits.snapshotSegmentCountMax) return { kind: 'NotApplicable' };
  const files = new Set(dump.files);
  const missing = [...segmentsOf(range)]
    .map((segment) => segmentFileName(segment, dump.positions.walSegmentSize))
    .filter((name) => !files.has(name) && !files.has(`${name}.partial`));
  return missing.length === 0 ? { kind: 'Complete' } : { kind: 'Missing', segments: missing };
}

async function readRoom({ client }: SafekeeperHandle, signal: AbortSignal): Promise<RoomEvidence> {
  const usage = await client.filesystemUsage(signal);
  if (usage === undefined) return { kind: 'NotOffered' };
  return { kind: 'Measured', capacityBytes: usage.capacityBytes, usedBytes: usage.usageBytes };
}

async function unlessUnanswered<Value>(question: Promise<Value>, signal: AbortSignal): Promise<Value | undefined> {
  return await question.catch(() => {
    signal.throwIfAborted();
    return undefined;
  });
}
