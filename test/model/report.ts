import { explore } from './explore.ts';
import type { Invariant } from './consensus.ts';
import type { Row } from './rows.ts';
import { type WalkLimits, walk } from './walk.ts';

/** Beyond this a row is not what it was when its bounds were chosen. */
const STATES_MAX = 40_000_000;

/** What a search found, whichever way it searched. */
interface Finding {
  readonly installs: number;
  /** Installs with exactly as many witnesses as rule R1 asks for, where that is counted. */
  readonly bareInstalls: number | undefined;
  readonly violation: { readonly invariant: Invariant; readonly trace: readonly string[] } | undefined;
  /** For people. */
  readonly numbers: string;
}

export interface RowResult extends Finding {
  /** Whether the row found what it had to find. */
  readonly isAsExpected: boolean;
  /** Bounds, numbers and the trace, for people. */
  readonly report: string;
}

/** Searches one row. `nowMs` is a clock for the report only. */
export function check(row: Row, nowMs: () => number): RowResult {
  const { name, bounds, violates } = row;
  const startedMs = nowMs();
  const finding = row.walk === undefined ? exploreAll(row) : walkSome(row, row.walk);
  const seconds = ((nowMs() - startedMs) / 1_000).toFixed(1);
  const { violation, numbers } = finding;
  const isAsExpected = violation === undefined ? violates.length === 0 : violates.includes(violation.invariant);
  const limits = Object.entries(bounds).map(([what, count]) => `${count} ${what}`);
  const verdict = violation === undefined ? 'holds' : `violates ${violation.invariant}`;
  const report = [
    `${name}: ${verdict} (${limits.join(', ')})`,
    `  ${numbers}; ${seconds} s`,
    ...(violation?.trace ?? []).map((line, at) => `  ${String(at + 1).padStart(2)}. ${line}`),
  ].join('\n');
  return { ...finding, isAsExpected, report };
}

function exploreAll({ variant, bounds }: Row): Finding {
  const { states, transitions, installs, refused, violation } = explore(variant, bounds, STATES_MAX);
  const numbers = `${states} states, ${transitions} steps; ${installs} installs, ${refused} refused by verifyReplica`;
  return { installs, bareInstalls: undefined, violation, numbers };
}

function walkSome({ variant, bounds }: Row, limits: WalkLimits): Finding {
  const { walks, transitions, installs, bareInstalls, refused, violation } = walk(variant, bounds, limits);
  const numbers =
    `${walks} walks from seed ${limits.seed}, ${transitions} steps looked at; ${installs} installs, ` +
    `${bareInstalls} with no witness to spare, ${refused} refused by verifyReplica`;
  return { installs, bareInstalls, violation, numbers };
}
