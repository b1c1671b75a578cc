import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { RuntimeMetrics } from '../observability/metrics.ts';

/** What every part of the controller runtime is given from outside. */
export interface Runtime {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly log: Logger;
  readonly metrics: RuntimeMetrics;
}
