import { assertNever } from '../../base/assert.ts';
import { startDeadline } from '../../base/deadline.ts';
import { describeError } from '../../base/failure.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import type { Lsn } from '../../domain/lsn.ts';
import type { Evidence, RecordedReplica } from '../../domain/observation.ts';
import type { Reason } from '../../domain/reasons.ts';
import { type Confirmation, confirmIntent, verifyReplica } from '../../domain/recovery-confirm.ts';
import { membershipToSend, type RecoveryIntent } from '../../domain/recovery-intent.ts';
import type { MemberSources } from '../../domain/recovery-members.ts';
import { statusOf } from '../../domain/replica-state.ts';
import type { PullResult } from '../../safekeeper/pull-result.ts';
import type { SafekeeperHandle } from '../cluster/cluster-runtime.ts';
import { type Observer, readInOrder, readReplicas } from './observe.ts';

/** Everything one recovery needs, fixed when it starts. */
export interface RecoveryOrder extends Observer {
  readonly intent: RecoveryIntent;
  readonly evidence: Pick<Evidence, 'disks'>;
  readonly recorded: ReadonlyMap<SafekeeperId, RecordedReplica>;
  readonly sources: MemberSources;
  readonly pullTimeoutMs: number;
  readonly stallTimeoutMs: number;
}

/** How a recovery ended. */
export type RecoveryResult =
  | { readonly kind: 'Recovered'; readonly fromLsn: Lsn; readonly toLsn: Lsn }
  /** The plan no longer stood when everything was read again: nothing was done, plan anew. */
  | { readonly kind: 'Discarded'; readonly message: string }
  /** The recipient has a directory that it could not load (rule R7). */
  | { readonly kind: 'NotLoaded'; readonly message: string }
  | { readonly kind: 'Failed'; readonly reason: Reason; readonly message: string };

type Confirmed = Extract<Confirmation, { kind: 'Confirmed' }>;

/**
 * Carries out one intent: fence, persist the donor's state, read everything again, raise the donor to the floor,
 * pull, verify (rules R3, R4, R11, R15). Idempotent: after a crash anywhere the next visit plans again. Throws only
 * for the signal.
 */
export async function recover(
  order: RecoveryOrder,
  onPhase: (phase: 'Pulling' | 'Verifying') => void,
  signal: AbortSignal,
): Promise<RecoveryResult> {
  try {
    const { intent, cluster } = order;
    const recipient = cluster.safekeepers.get(intent.recipient);
    if (recipient === undefined) return discarded(`safekeeper ${intent.recipient} left the cluster`);
    await fence(order, signal);
    await cluster.safekeepers.get(intent.donor)?.client.checkpoint(order.timeline, signal);
    const others = intent.members.all.filter((id) => id !== intent.recipient);
    const reads = await readInOrder(order, intent.recipient, others, signal);
    const confirmation = confirmIntent(intent, { ...order, reads });
    if (confirmation.kind === 'Discarded') return discarded(confirmation.message);
    const donor = cluster.safekeepers.get(confirmation.donor.id);
    if (donor === undefined) return discarded(`safekeeper ${confirmation.donor.id} left the cluster`);
    if (confirmation.donor.status.term < confirmation.floor) {
      await donor.client.termBump(order.timeline, confirmation.floor, signal);
    }
    onPhase('Pulling');
    const pulled = await pull(order, recipient, donor, signal);
    return await conclude(order, confirmation, pulled, onPhase, signal);
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'Failed', reason: 'RecoveryFailed', message: describeError(error) };
  }
}

/** Rule R4 by terms: every witness that can be reached is raised; `confirmIntent` decides whether they were enough. */
async function fence({ intent, cluster, timeline }: RecoveryOrder, signal: AbortSignal): Promise<void> {
  if (intent.fencing !== 'ByTerms') return;
  const raise = async (id: SafekeeperId) => {
    await cluster.safekeepers.get(id)?.client.termBump(timeline, intent.floor, signal);
  };
  await Promise.allSettled(intent.witnesses.map(raise));
  signal.throwIfAborted();
}

/** One donor only, the one that was chosen; our own deadline, because a safekeeper has none. */
async function pull(
  order: RecoveryOrder,
  recipient: SafekeeperHandle,
  donor: SafekeeperHandle,
  signal: AbortSignal,
): Promise<PullResult> {
  using stall = startDeadline(order.stallTimeoutMs, 'a pull without progress on the recipient', signal);
  const watching = new AbortController();
  const watch = watchProgress(order, recipient, () => stall.extend(), watching.signal);
  try {
    const membership = membershipToSend(order.intent);
    return await recipient.client.pullTimeline(
      { timeline: order.timeline, hosts: [donor.peerUrl], ...(membership === undefined ? {} : { membership }) },
      order.pullTimeoutMs,
      stall.signal,
    );
  } finally {
    watching.abort();
    await watch;
  }
}

/** The used bytes of the recipient's file system are the one sign of progress that every safekeeper shows. */
async function watchProgress(
  { clock, stallTimeoutMs }: RecoveryOrder,
  { client }: SafekeeperHandle,
  onProgress: () => void,
  signal: AbortSignal,
): Promise<void> {
  let usedBytes: number | undefined;
  while (!signal.aborted) {
    try {
      await clock.sleep(Math.min(stallTimeoutMs / 4, 5_000), signal);
      const usage = await client.filesystemUsage(signal);
      // Where it is not offered only the pull's own deadline is left.
      if (usage === undefined || usage.usageBytes !== usedBytes) onProgress();
      usedBytes = usage?.usageBytes;
    } catch {
      // No answer is no progress.
    }
  }
}

async function conclude(
  order: RecoveryOrder,
  confirmed: Confirmed,
  pulled: PullResult,
  onPhase: (phase: 'Verifying') => void,
  signal: AbortSignal,
): Promise<RecoveryResult> {
  switch (pulled.kind) {
    case 'Pulled':
    case 'AlreadyExists':
      onPhase('Verifying');
      return await verify(order, confirmed, signal);
    case 'CreationInProgress':
      return discarded('the recipient is creating the timeline itself');
    case 'ExistsOnDisk':
      return { kind: 'NotLoaded', message: pulled.message };
    case 'Deleted':
      return { kind: 'Failed', reason: 'TimelineDeleted', message: pulled.message };
    case 'NotMember':
    case 'DonorHigherGeneration':
      return { kind: 'Failed', reason: 'GenerationConflict', message: pulled.message };
    case 'DonorStreamBroke':
      return explainBrokenStream(confirmed, pulled.message);
    case 'TooFewAnswers':
    case 'Failed':
      return { kind: 'Failed', reason: 'RecoveryFailed', message: pulled.message };
    default:
      return assertNever(pulled);
  }
}

/** A safekeeper looks for a segment that does not exist yet when its WAL ends exactly on a boundary. */
function explainBrokenStream({ donor }: Confirmed, message: string): RecoveryResult {
  const { flushLsn, walSegmentSize } = donor.status;
  if (flushLsn % BigInt(walSegmentSize) !== 0n) return { kind: 'Failed', reason: 'RecoveryFailed', message };
  return {
    kind: 'Failed',
    reason: 'DonorAtSegmentBoundary',
    message: `safekeeper ${donor.id} cannot send its copy while its WAL ends exactly on a segment boundary: write one more record (for example a checkpoint) on the compute (${message})`,
  };
}

async function verify(order: RecoveryOrder, confirmed: Confirmed, signal: AbortSignal): Promise<RecoveryResult> {
  const { recipient } = order.intent;
  const reads = await readReplicas(order, [recipient, confirmed.donor.id], signal);
  const replica = statusOf(reads, recipient);
  if (replica === undefined) {
    return {
      kind: 'Failed',
      reason: 'RecoveryFailed',
      message: `safekeeper ${recipient} does not show the replica after the pull`,
    };
  }
  const problem = verifyReplica(confirmed, replica, statusOf(reads, confirmed.donor.id));
  return problem === undefined
    ? { kind: 'Recovered', fromLsn: replica.horizonLsn, toLsn: replica.flushLsn }
    : {
        kind: 'Failed',
        reason: 'RecoveryFailed',
        message: `the restored replica is not what was promised: ${problem}`,
      };
}

function discarded(message: string): RecoveryResult {
  return { kind: 'Discarded', message };
}
