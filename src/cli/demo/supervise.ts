import { systemClock } from '../../base/clock.ts';
import { describeError } from '../../base/failure.ts';
import { type DemoSafekeeper, OPERATOR_TITLE, type Stage, titleOf } from './stage.ts';

const RESTART_DELAY_MS = 2_000;

/**
 * Starts the operator and safekeepers again when they end, as Kubernetes would; a safekeeper on whatever is then left
 * of its data directory.
 */
export function supervise(
  stage: Stage,
  safekeepers: readonly DemoSafekeeper[],
  print: (line: string) => void,
  signal: AbortSignal,
): void {
  const starts = new Map([
    [OPERATOR_TITLE, () => stage.startOperator(signal)],
    ...safekeepers.map((safekeeper) => [titleOf(safekeeper), () => stage.restart(safekeeper, signal)] as const),
  ]);
  const restart = async (title: string, start: () => Promise<void>) => {
    await systemClock.sleep(RESTART_DELAY_MS, signal);
    await start();
    print(`${title} runs again`);
  };
  const { onUnexpectedEnd } = stage;
  stage.onUnexpectedEnd = (title, how) => {
    const start = starts.get(title);
    if (start === undefined) {
      onUnexpectedEnd(title, how);
      return;
    }
    print(`${title} ended with ${how}`);
    restart(title, start).catch((error: unknown) => {
      if (!signal.aborted) onUnexpectedEnd(title, `${how}, and could not be started again: ${describeError(error)}`);
    });
  };
}
