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
import type { RecoveryMemory } from '../../domain/recovery-memory.ts';
import { statusOf } from '../../domain/replica-state.ts';
import { prepareWitnesses } from '../../recovery/prepare-witnesses.ts';
import type { PullResult } from '../../safekeeper/pull-result.ts';
import type { Slot, Turn } from '../cluster/admission.ts';
import type { SafekeeperHandle } from '../cluster/safekeeper-handle.ts';
import { type Observer, readInOrder } from './observe.ts';
import { watchPull } from './pull-progress.ts';

/** Everything one recovery needs, fixed when it starts. */
export interface RecoveryOrder extends Observer {
  readonly intent: RecoveryIntent;
  readonly tracking: Observer['tracking'] & { readonly memory: RecoveryMemory };
  readonly evidence: Pick<Evidence, 'disks'>;
  readonly recorded: ReadonlyMap<SafekeeperId, RecordedReplica>;
  readonly sources: MemberSources;
  readonly pullTimeoutMs: number;
  readonly stallTimeoutMs: number;
  /** Whether the object, as the API server has it now, shows this recovery and no later one (rules R12, R18). */
  readonly isCurrent: (signal: AbortSignal) => Promise<boolean>;
  /** Whether nobody else can be leading, by our own clock. */
  readonly isLeading: () => boolean;
  readonly takeTurn: Slot['takeTurn'];
}

export type RecoveryPhase = 'Pulling' | 'Verifying';

/** Told while a recovery goes on. */
export interface RecoveryProgress {
  onPhase(phase: RecoveryPhase): void;
  /** Whom the last look chose; until then it is the planned one. */
  onDonor(donor: SafekeeperId): void;
  /** Bytes that have arrived at the recipient, where it tells. */
  onBytes(bytes: number): void;
}

/** How a recovery ended. */
export type RecoveryResult =
  | { readonly kind: 'Recovered'; readonly fromLsn: Lsn; readonly toLsn: Lsn }
  /** The plan no longer stood when everything was read again: nothing was pulled, plan anew. */
  | { readonly kind: 'Discarded'; readonly message: string }
  /** Its turn to pull did not come in time: nothing was pulled and nothing is wrong, plan anew. */
  | { readonly kind: 'Overtaken'; readonly message: string }
  /** The recipient has a directory that it could not load (rule R7). */
  | { readonly kind: 'NotLoaded'; readonly message: string }
  | { readonly kind: 'Failed'; readonly reason: Reason; readonly message: string };

/** Who does not get its turn in this time gives up its place in line, and what it has prepared. */
const TURN_TIMEOUT_MS = 10_000;
/** How old it may be that the API server showed this recovery when the last look begins. */
const CURRENT_MS = 1_000;
/** Waiting for others makes the last look older by no more than this before the pull begins. */
const PULL_TIMEOUT_MS = 1_000;

const OVERTAKEN = { kind: 'Overtaken', message: 'its turn to pull did not come in time' } as const;

const TAKEN_OVER = discarded('another operator has taken this recovery over, or finished one');

type Confirmed = Extract<Confirmation, { kind: 'Confirmed' }>;

type Discarded = Extract<RecoveryResult, { kind: 'Discarded' }>;

/** What the recipient answered to the pull. */
interface Copied {
  readonly kind: 'Copied';
  readonly confirmed: Confirmed;
  readonly pulled: PullResult;
}

/**
 * Carries out one intent: fence, persist the donor's state, read everything again, raise the donor to the floor,
 * pull, verify (rules R3, R4, R11, R15). The limits are for pulls: it takes its turn for the last look and the pull only. Idempotent: after a crash anywhere the next visit plans again. Throws only
 * for the signal.
 */
export async function recover(
  order: RecoveryOrder,
  progress: RecoveryProgress,
  signal: AbortSignal,
): Promise<RecoveryResult> {
  try {
    const { intent, cluster, tracking } = order;
    const lostSinceMs = tracking.memory.since.get(intent.recipient)?.sinceMs;
    await prepareWitnesses(intent, order.timeline, (id) => cluster.safekeepers.get(id)?.client, signal);
    const isCurrent = notAskedAgain(order.isCurrent, order.clock);
    if (!(await isCurrent(signal))) return TAKEN_OVER;
    const turn = await inTime(TURN_TIMEOUT_MS, order.takeTurn, signal);
    if (turn === undefined) return OVERTAKEN;
    const copied = await confirmAndPull({ ...order, isCurrent }, turn, lostSinceMs, progress, signal).finally(() =>
      turn[Symbol.dispose](),
    );
    if (copied.kind !== 'Copied') return copied;
    return await conclude(order, copied, progress, signal);
  } catch (error) {
    signal.throwIfAborted();
    return { kind: 'Failed', reason: 'RecoveryFailed', message: describeError(error) };
  }
}

/** A yes is good for a moment: asked for before the turn has come, it does not keep others from theirs. */
function notAskedAgain(
  isCurrent: RecoveryOrder['isCurrent'],
  clock: RecoveryOrder['clock'],
): RecoveryOrder['isCurrent'] {
  let trueSinceMs = Number.NEGATIVE_INFINITY;
  return async (signal) => {
    const nowMs = clock.monotonicMs();
    if (nowMs - trueSinceMs <= CURRENT_MS) return true;
    const answer = await isCurrent(signal);
    if (answer) trueSinceMs = nowMs;
    return answer;
  };
}

/** Undefined when it does not come in time. */
async function inTime<Value>(
  timeoutMs: number,
  wait: (signal: AbortSignal) => Promise<Value>,
  signal: AbortSignal,
): Promise<Value | undefined> {
  using deadline = startDeadline(timeoutMs, 'waiting for the turn to pull', signal);
  try {
    return await wait(deadline.signal);
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** The last look (rule R11) and the pull, with nothing in between but the donor's term. */
async function confirmAndPull(
  order: RecoveryOrder,
  turn: Turn,
  lostSinceMs: number | undefined,
  progress: RecoveryProgress,
  signal: AbortSignal,
): Promise<Copied | Discarded | typeof OVERTAKEN> {
  const { intent, cluster, tracking } = order;
  const recipient = cluster.safekeepers.get(intent.recipient);
  if (recipient === undefined) return discarded(`safekeeper ${intent.recipient} left the cluster`);
  const others = intent.members.all.filter((id) => id !== intent.recipient);
  // First: an API server may take its time, and nothing is to come between the reads and the pull.
  if (!(await order.isCurrent(signal))) return TAKEN_OVER;
  const reads = await readInOrder(order, intent.recipient, others, signal);
  if (tracking.memory.since.get(intent.recipient)?.sinceMs !== lostSinceMs) {
    return discarded(`safekeeper ${intent.recipient} has answered otherwise in between`);
  }
  const confirmed = confirmIntent(intent, { ...order, reads });
  if (confirmed.kind === 'Discarded') return discarded(confirmed.message);
  const donor = cluster.safekeepers.get(confirmed.donor.id);
  if (donor === undefined) return discarded(`safekeeper ${confirmed.donor.id} left the cluster`);
  progress.onDonor(donor.id);
  if (confirmed.donor.status.term < confirmed.floor) {
    await donor.client.termBump(order.timeline, confirmed.floor, signal);
  }
  using pulling = await inTime(PULL_TIMEOUT_MS, (signal) => turn.startPull(donor.id, signal), signal);
  if (pulling === undefined) return OVERTAKEN;
  // A process that was frozen since it read all this does not know what another has restored meanwhile.
  if (!order.isLeading()) return TAKEN_OVER;
  const pulled = await pull(order, recipient, donor, progress, signal);
  if (pulled.kind === 'Pulled') pulling.succeed();
  return { kind: 'Copied', confirmed, pulled };
}

/** One donor only, the one that was chosen; our own deadline, because a safekeeper has none. */
async function pull(
  order: RecoveryOrder,
  recipient: SafekeeperHandle,
  donor: SafekeeperHandle,
  progress: RecoveryProgress,
  signal: AbortSignal,
): Promise<PullResult> {
  using stall = startDeadline(order.stallTimeoutMs, 'a pull without progress on the recipient', signal);
  const watching = new AbortController();
  const watch = watchPull(
    order,
    recipient.client,
    {
      onAlive: () => stall.extend(),
      onBytes: (bytes) => progress.onBytes(bytes),
    },
    watching.signal,
  );
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

async function conclude(
  order: RecoveryOrder,
  { confirmed, pulled }: Copied,
  progress: RecoveryProgress,
  signal: AbortSignal,
): Promise<RecoveryResult> {
  switch (pulled.kind) {
    case 'Pulled':
    case 'AlreadyExists':
      progress.onPhase('Verifying');
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
  const statusNow = async (id: SafekeeperId) => statusOf(await readInOrder(order, id, [], signal), id);
  const replica = await statusNow(recipient);
  if (replica === undefined) {
    return {
      kind: 'Failed',
      reason: 'RecoveryFailed',
      message: `safekeeper ${recipient} does not show the replica after the pull`,
    };
  }
  const isAsPlanned = verifyReplica(confirmed, replica, undefined) === undefined;
  const donorNow = isAsPlanned ? undefined : await statusNow(confirmed.donor.id);
  const problem = verifyReplica(confirmed, replica, donorNow);
  return problem === undefined
    ? { kind: 'Recovered', fromLsn: replica.horizonLsn, toLsn: replica.flushLsn }
    : {
        kind: 'Failed',
        reason: 'RecoveryFailed',
        message: `the restored replica is not what was promised: ${problem}`,
      };
}

function discarded(message: string): Discarded {
  return { kind: 'Discarded', message };
}
