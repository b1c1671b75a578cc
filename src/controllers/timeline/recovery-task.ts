import { setMaxListeners } from 'node:events';
import type { SafekeeperTimelineStatus } from '../../api/timeline-status.ts';
import { describeError } from '../../base/failure.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import type { RecoveryIntent } from '../../domain/recovery-intent.ts';
import type { Slot } from '../cluster/admission.ts';
import { recover, type RecoveryOrder, type RecoveryPhase, type RecoveryResult } from './act.ts';
import { showsRecovery } from './status.ts';

/** One recovery, decided or under way. It runs beside the controller's workers, because a pull may take as long as a disk is large. */
export interface RecoveryTask {
  /** Ties log lines together. */
  readonly id: string;
  readonly intent: RecoveryIntent;
  /** Who is copied: the planned one until the last look before the pull. */
  readonly donor: SafekeeperId;
  /** Wall time. */
  readonly startedAtMs: number;
  /** Attempts of this loss, this one included. */
  readonly attempt: number;
  readonly phase: RecoveryPhase;
  /** What has arrived at the recipient, where it tells. */
  readonly bytesDone: number | undefined;
  /** How it ended; undefined while it runs. */
  readonly result: RecoveryResult | { readonly kind: 'Cancelled'; readonly message: string } | undefined;
  /** Carries it out; resolves at the end, however it ends. Either this or `drop` is called, once. */
  run(): Promise<void>;
  /** Gives its slot back, unused. */
  drop(): void;
  /** Stops the pull at the recipient too; the result follows. */
  cancel(reason: Error): void;
}

/** What {@link recover} needs, but for what the task adds. */
export interface TaskOrder extends Omit<RecoveryOrder, 'isCurrent' | 'takeTurn'> {
  /** The object's status as the API server has it now. */
  readonly readStatus: (signal: AbortSignal) => Promise<SafekeeperTimelineStatus | undefined>;
}

/** A recovery that holds its slot until it ends. `onEnd` is called when it has ended. */
export function prepareRecovery(
  order: TaskOrder,
  { id, attempt }: Pick<RecoveryTask, 'id' | 'attempt'>,
  slot: Slot,
  onEnd: () => void,
  signal: AbortSignal,
): RecoveryTask {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  const state: Pick<
    { -readonly [Key in keyof RecoveryTask]: RecoveryTask[Key] },
    'phase' | 'donor' | 'bytesDone' | 'result'
  > = {
    phase: 'Pulling',
    donor: order.intent.donor,
    bytesDone: undefined,
    result: undefined,
  };
  const progress = {
    onPhase: (phase: RecoveryPhase) => {
      state.phase = phase;
    },
    onDonor: (donor: SafekeeperId) => {
      state.donor = donor;
    },
    onBytes: (bytesDone: number) => {
      state.bytesDone = bytesDone;
    },
  };
  const finish = (result: RecoveryTask['result']) => {
    signal.removeEventListener('abort', onAbort);
    state.result = result;
    slot[Symbol.dispose]();
    onEnd();
  };
  const run = async () => {
    // All recoveries share it, and each takes its listener off again.
    setMaxListeners(0, signal);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    const isCurrent = async (signal: AbortSignal) => showsRecovery(await order.readStatus(signal), task);
    const result = await recover(
      { ...order, isCurrent, takeTurn: (signal) => slot.takeTurn(signal) },
      progress,
      controller.signal,
    ).catch((error: unknown) => ({
      kind: 'Cancelled' as const,
      message: describeError(error),
    }));
    finish(result);
  };
  const task: RecoveryTask = {
    id,
    intent: order.intent,
    startedAtMs: order.clock.wallTimeMs(),
    attempt,
    get phase() {
      return state.phase;
    },
    get donor() {
      return state.donor;
    },
    get bytesDone() {
      return state.bytesDone;
    },
    get result() {
      return state.result;
    },
    run,
    drop: () => slot[Symbol.dispose](),
    cancel: (reason) => controller.abort(reason),
  };
  return task;
}
