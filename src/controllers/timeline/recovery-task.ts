import { describeError } from '../../base/failure.ts';
import type { RecoveryIntent } from '../../domain/recovery-intent.ts';
import { recover, type RecoveryOrder, type RecoveryResult } from './act.ts';

/** One recovery under way. It runs beside the controller's workers, because a pull may take as long as a disk is large. */
export interface RecoveryTask {
  readonly intent: RecoveryIntent;
  /** Wall time. */
  readonly startedAtMs: number;
  /** Attempts of this loss, this one included. */
  readonly attempt: number;
  readonly phase: 'Pulling' | 'Verifying';
  /** How it ended; undefined while it runs. */
  readonly result: RecoveryResult | { readonly kind: 'Cancelled'; readonly message: string } | undefined;
  /** Stops the pull at the recipient too; the result follows. */
  cancel(reason: Error): void;
}

/** Starts a recovery and holds its slot until it ends. `onChange` is called after every change of phase and at the end. */
export function startRecovery(
  order: RecoveryOrder,
  attempt: number,
  slot: Disposable,
  onChange: () => void,
  signal: AbortSignal,
): RecoveryTask {
  const controller = new AbortController();
  const onAbort = () => controller.abort(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  const state: { phase: RecoveryTask['phase']; result: RecoveryTask['result'] } = {
    phase: 'Pulling',
    result: undefined,
  };
  const onPhase = (phase: RecoveryTask['phase']) => {
    state.phase = phase;
    onChange();
  };
  const finish = (result: RecoveryTask['result']) => {
    signal.removeEventListener('abort', onAbort);
    state.result = result;
    slot[Symbol.dispose]();
    onChange();
  };
  recover(order, onPhase, controller.signal).then(finish, (error: unknown) =>
    finish({ kind: 'Cancelled', message: describeError(error) }),
  );
  return {
    intent: order.intent,
    startedAtMs: order.clock.wallTimeMs(),
    attempt,
    get phase() {
      return state.phase;
    },
    get result() {
      return state.result;
    },
    cancel: (reason) => controller.abort(reason),
  };
}
