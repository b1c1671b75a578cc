import { type Exploration, explore } from './explore.ts';
import type { Row } from './rows.ts';

/** Beyond this a row is not what it was when its bounds were chosen. */
const STATES_MAX = 40_000_000;

export interface RowResult extends Exploration {
  /** Whether the row found what it had to find. */
  readonly isAsExpected: boolean;
  /** Bounds, numbers and the trace, for people. */
  readonly report: string;
}

/** Explores one row. `nowMs` is a clock for the report only. */
export function check({ name, variant, bounds, violates }: Row, nowMs: () => number): RowResult {
  const startedMs = nowMs();
  const exploration = explore(variant, bounds, STATES_MAX);
  const seconds = ((nowMs() - startedMs) / 1_000).toFixed(1);
  const { states, transitions, installs, refused, violation } = exploration;
  const isAsExpected = violation === undefined ? violates.length === 0 : violates.includes(violation.invariant);
  const limits = Object.entries(bounds).map(([what, count]) => `${count} ${what}`);
  const verdict = violation === undefined ? 'holds' : `violates ${violation.invariant}`;
  const report = [
    `${name}: ${verdict} (${limits.join(', ')})`,
    `  ${states} states, ${transitions} steps, ${seconds} s; ${installs} installs, ${refused} refused by verifyReplica`,
    ...(violation?.trace ?? []).map((line, at) => `  ${String(at + 1).padStart(2)}. ${line}`),
  ].join('\n');
  return { ...exploration, isAsExpected, report };
}
