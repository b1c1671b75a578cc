/** Start and end, ms since the epoch. */
export type Interval = readonly [number, number];

/** When pulls ran, of what their recipient's log says of them. */
export class PullMeter {
  readonly pulls: Interval[] = [];

  readLine(line: string): void {
    if (!line.includes('"timeline pulled"')) return;
    const { time, elapsedMs } = JSON.parse(line) as { time: string; elapsedMs: number };
    const endMs = Date.parse(time);
    this.pulls.push([endMs - elapsedMs, endMs]);
  }
}

/** How long at least one of the intervals ran, ms. */
export function unionMs(intervals: readonly Interval[]): number {
  let total = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const [start, end] of [...intervals].sort((a, b) => a[0] - b[0])) {
    if (end <= until) continue;
    total += end - Math.max(start, until);
    until = end;
  }
  return total;
}
