import { type Clock, formatTimestamp } from '../../base/clock.ts';
import { keyOf } from '../../kube/object.ts';
import { printable } from '../../base/printable.ts';
import { clipLine, type Line, plain, span } from '../terminal/line.ts';
import { canRedraw, type Environment, type Output } from '../terminal/output.ts';
import { createPainter } from '../terminal/paint.ts';
import { Screen } from '../terminal/screen.ts';
import { changeLine } from './change-line.ts';
import type { LiveStore } from './live-store.ts';
import type { Overview } from './overview.ts';
import { formatAge } from '../terminal/quantities.ts';
import { averageRate, RateTracker } from './rates.ts';
import { nothingFound, reportLines } from './report.ts';
import type { ViewContext } from './view-context.ts';

export interface WatchOptions {
  readonly store: LiveStore;
  readonly limit: number;
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  readonly contextOf: (width: number, rateOf: ViewContext['rateOf'], overview: Overview) => ViewContext;
  readonly output: Output;
  readonly environment: Environment;
  readonly clock: Clock;
}

const REDRAW_MS_MIN = 250;
/** Ages and rates move even when nothing happens. */
const REDRAW_MS_MAX = 1_000;
const OUTAGE_CHECK_MS = 500;

/** Shows what happens until the signal is aborted: redrawn in place on a terminal that can, else a line for each change. */
export async function watchStatus(options: WatchOptions, signal: AbortSignal): Promise<void> {
  if (canRedraw(options.output, options.environment)) await redraw(options, signal);
  else await append(options, signal);
}

async function redraw({ store, limit, contextOf, output, environment, ...rest }: WatchOptions, signal: AbortSignal) {
  const { clock, namespace } = rest;
  const rates = new RateTracker();
  using screen = new Screen(output, createPainter(output, environment));
  let wake = () => undefined as void;
  let known: Overview | undefined;
  using _subscription = store.subscribe(() => {
    known = undefined;
    wake();
  });
  while (!signal.aborted) {
    const overview = (known ??= store.overview(limit));
    rates.keepOnly(new Set(overview.timelines.map((timeline) => keyOf(timeline))));
    const { columns, rows } = screen.size();
    const rateOf: ViewContext['rateOf'] = (key, recovery) => rates.rate(key, recovery, clock.wallTimeMs());
    const context = contextOf(columns - 1, rateOf, overview);
    const head = headLines(namespace, store, context);
    // The last row stays free for the cursor.
    const room = Math.max(1, rows - 1 - head.length);
    const lines = reportLines(overview, context, room);
    screen.draw([...head, ...(lines.length === 0 ? [[plain(nothingFound(namespace))]] : lines)].slice(0, rows - 1));
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    await clock.sleep(REDRAW_MS_MIN, signal).catch(() => undefined);
    await Promise.race([changed, clock.sleep(REDRAW_MS_MAX - REDRAW_MS_MIN, signal).catch(() => undefined)]);
  }
}

function headLines(namespace: string | undefined, store: LiveStore, context: ViewContext): Line[] {
  const where = namespace === undefined ? 'all namespaces' : `namespace ${namespace}`;
  const outage = store.outage();
  const time = formatTimestamp(context.nowMs).slice(11, 19);
  const head: Line = [span(`${time} UTC  ${where}  Ctrl-C ends`, 'dim')];
  const lines: Line[] =
    outage === undefined
      ? [head, []]
      : [head, [span(describeOutage(outage.message, outage.sinceMs, context.nowMs), 'red')], []];
  return lines.map((line) => clipLine(line, context.width, context.glyphs.ellipsis));
}

function describeOutage(message: string, sinceMs: number, nowMs: number): string {
  return `No news for ${formatAge(nowMs - sinceMs)}, trying again: ${printable(message)}`;
}

async function append({ store, limit, contextOf, output, environment, ...rest }: WatchOptions, signal: AbortSignal) {
  const { clock, namespace } = rest;
  const paint = createPainter(output, environment);
  const print = (line: Line) => void output.write(`${paint(line)}\n`);
  const stamped = (line: Line) => print([span(`${formatTimestamp(clock.wallTimeMs())}  `, 'dim'), ...line]);
  const overview = store.overview(limit);
  const rateOf: ViewContext['rateOf'] = (_key, recovery) => averageRate(recovery, clock.wallTimeMs());
  const context = contextOf(Number.POSITIVE_INFINITY, rateOf, overview);
  const lines = reportLines(overview, context);
  for (const line of lines.length === 0 ? [[plain(nothingFound(namespace))]] : lines) print(line);
  using _subscription = store.subscribe((change) => {
    const line = changeLine(change, context);
    if (line !== undefined) stamped(line);
  });
  let wasBroken = false;
  while (!signal.aborted) {
    const outage = store.outage();
    if (outage !== undefined && !wasBroken)
      stamped([span(`No news from the API server: ${printable(outage.message)}`, 'red')]);
    if (outage === undefined && wasBroken) stamped([plain('The API server answers again.')]);
    wasBroken = outage !== undefined;
    await clock.sleep(OUTAGE_CHECK_MS, signal).catch(() => undefined);
  }
}
