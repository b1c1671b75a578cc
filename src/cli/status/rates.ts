import type { RecoveryEntry } from '../../api/timeline-status.ts';

/** How a recovery gets on. */
export interface Progress {
  readonly bytesDone: number | undefined;
  readonly bytesExpected: number | undefined;
  /** Undefined while there is nothing to judge by. */
  readonly bytesPerSecond: number | undefined;
  readonly leftMs: number | undefined;
}

/** The rate since its start; the operator's clock wrote when that was. */
export function averageRate({ startedAt, bytesDone }: RecoveryEntry, nowMs: number): number | undefined {
  const elapsedMs = nowMs - Date.parse(startedAt);
  // Times are whole seconds, and clocks differ.
  return bytesDone === undefined || !(elapsedMs >= 1_000) ? undefined : (bytesDone / elapsedMs) * 1_000;
}

export function progressOf(recovery: RecoveryEntry, bytesPerSecond: number | undefined): Progress {
  const { bytesDone, bytesExpected } = recovery;
  const isKnown = bytesDone !== undefined && bytesExpected !== undefined && bytesPerSecond !== undefined;
  const left = isKnown && bytesPerSecond > 0 ? (bytesExpected - bytesDone) / bytesPerSecond : undefined;
  return {
    bytesDone,
    bytesExpected,
    bytesPerSecond,
    // What is expected is an estimate.
    leftMs: left === undefined ? undefined : Math.max(0, left * 1_000),
  };
}

interface Sample {
  readonly atMs: number;
  readonly bytes: number;
}

const WINDOW_MS = 30_000;
/** The operator writes every 5 s: more than the window can hold. */
const SAMPLES_MAX = 16;

/** The rates of running recoveries as somebody sees who watches them: over the last half minute. */
export class RateTracker {
  private readonly samples = new Map<string, { readonly startedAt: string; readonly seen: Sample[] }>();

  /** Of the recovery of the object `key`; the average since its start until it was seen twice. */
  rate(key: string, recovery: RecoveryEntry, nowMs: number): number | undefined {
    const { bytesDone, startedAt } = recovery;
    if (bytesDone === undefined) return undefined;
    const known = this.samples.get(key);
    const entry = known?.startedAt === startedAt ? known : { startedAt, seen: [] };
    this.samples.set(key, entry);
    const { seen } = entry;
    if (seen.at(-1)?.bytes !== bytesDone) seen.push({ atMs: nowMs, bytes: bytesDone });
    while (seen.length > SAMPLES_MAX || (seen.length > 2 && nowMs - (seen[0]?.atMs ?? nowMs) > WINDOW_MS)) seen.shift();
    const [first, last] = [seen[0], seen.at(-1)];
    if (first === undefined || last === undefined || last.atMs - first.atMs < 1_000) {
      return averageRate(recovery, nowMs);
    }
    // A stalled one slows down: time goes by although no byte arrives.
    const untilMs = Math.max(last.atMs, nowMs - SAMPLE_INTERVAL_MS);
    return ((last.bytes - first.bytes) / (untilMs - first.atMs)) * 1_000;
  }

  /** Forgets every recovery whose key is not among those. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.samples.keys()) if (!keys.has(key)) this.samples.delete(key);
  }
}

/** For so long no news is no news. */
const SAMPLE_INTERVAL_MS = 6_000;
