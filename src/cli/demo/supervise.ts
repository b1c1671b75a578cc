import { systemClock } from '../../base/clock.ts';
import { describeError } from '../../base/failure.ts';
import { type DemoSafekeeper, type Stage, titleOf } from './stage.ts';

const RESTART_DELAY_MS = 2_000;

/** Starts safekeepers that end again, as Kubernetes would, on whatever is then left of their data directory. */
export function superviseAgents(
  stage: Stage,
  safekeepers: readonly DemoSafekeeper[],
  print: (line: string) => void,
  signal: AbortSignal,
): void {
  const restart = async (safekeeper: DemoSafekeeper) => {
    await systemClock.sleep(RESTART_DELAY_MS, signal);
    await stage.restart(safekeeper, signal);
    print(`${titleOf(safekeeper)} runs again`);
  };
  const { onUnexpectedEnd } = stage;
  stage.onUnexpectedEnd = (title, how) => {
    const safekeeper = safekeepers.find((each) => titleOf(each) === title);
    if (safekeeper === undefined) {
      onUnexpectedEnd(title, how);
      return;
    }
    print(`${title} ended with ${how}`);
    restart(safekeeper).catch((error: unknown) => {
      if (!signal.aborted) onUnexpectedEnd(title, `${how}, and could not be started again: ${describeError(error)}`);
    });
  };
}
