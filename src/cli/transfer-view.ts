import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { TransferMeter } from '../transfer/transfer-progress.ts';
import { formatBytes } from './terminal/quantities.ts';

const REDRAW_INTERVAL_MS = 100;
const LOG_INTERVAL_MS = 10_000;
const STEADY_AFTER_MS = 500;
const DEFAULT_COLUMNS = 80;
const ERASE_LINE_END = '\u001B[K';

/** What a terminal looks like to us. */
export interface Terminal {
  readonly isTTY?: boolean;
  /** 0 or undefined when it is not known. */
  readonly columns?: number;
  write(text: string): unknown;
}

/** One transfer, shown while it goes on. */
export interface TransferView extends Disposable {
  readonly meter: TransferMeter;
  /** What it waits for, if it does: one short sentence without a full stop. */
  waiting(what: string | undefined): void;
  /** The end: a sentence on a terminal, a constant message with fields in a log. */
  done(sentence: string, message: string, fields: Readonly<Record<string, unknown>>): void;
}

/** Whether a line can be written anew; log lines would tear it. */
export function canRedraw(output: Terminal, environment: Readonly<Record<string, string | undefined>>): boolean {
  return output.isTTY === true && environment['TERM'] !== 'dumb';
}

/** A line that is written anew on a terminal that can, log lines every ten seconds anywhere else. */
export function createTransferView(
  output: Terminal,
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock,
  log: Logger,
): TransferView {
  const redraws = canRedraw(output, environment);
  const state = {
    bytes: 0,
    segments: 0,
    totalBytes: undefined as number | undefined,
    waitsFor: undefined as string | undefined,
  };
  const startedMs = clock.monotonicMs();
  const show = () => {
    if (redraws) {
      const line = formatLine(state, clock.monotonicMs() - startedMs);
      output.write(`\r${line.slice(0, (output.columns || DEFAULT_COLUMNS) - 1)}${ERASE_LINE_END}`);
    } else {
      const { bytes, segments, totalBytes, waitsFor } = state;
      log.info({ bytes, segments, totalBytes, waitsFor }, 'in progress');
    }
  };
  const timer = setInterval(show, redraws ? REDRAW_INTERVAL_MS : LOG_INTERVAL_MS);
  const end = () => {
    clearInterval(timer);
    if (redraws) output.write(`\r${ERASE_LINE_END}`);
  };
  return {
    meter: {
      expect: (totalBytes) => {
        state.totalBytes = totalBytes;
      },
      addBytes: (count) => {
        state.bytes += count;
      },
      addSegment: () => {
        state.segments++;
      },
    },
    waiting: (what) => {
      if (what === state.waitsFor) return;
      state.waitsFor = what;
      if (!redraws && what !== undefined) log.info({ waitsFor: what }, 'waiting');
    },
    done: (sentence, message, fields) => {
      end();
      if (redraws) output.write(`${sentence}\n`);
      else log.info(fields, message);
    },
    [Symbol.dispose]: end,
  };
}

interface TransferState {
  readonly bytes: number;
  readonly segments: number;
  readonly totalBytes: number | undefined;
  readonly waitsFor: string | undefined;
}

/** `12.0 MiB of 48.0 MiB, 25 %, 103.2 MiB/s, 1 s left`; what is waited for in place of the speed. */
function formatLine({ bytes, totalBytes, waitsFor }: TransferState, elapsedMs: number): string {
  const all = totalBytes === undefined ? undefined : Math.max(totalBytes, bytes, 1);
  const done = all === undefined ? [formatBytes(bytes)] : [`${formatBytes(bytes)} of ${formatBytes(all)}`];
  if (all !== undefined) done.push(`${Math.floor((100 * bytes) / all)} %`);
  if (waitsFor !== undefined) return `${done.join(', ')}; ${waitsFor}`;
  const bytesPerMs = bytes / Math.max(elapsedMs, 1);
  done.push(`${formatBytes(Math.round(bytesPerMs * 1_000))}/s`);
  // The first moments say nothing.
  const isSteady = elapsedMs >= STEADY_AFTER_MS && bytes > 0;
  if (all !== undefined && all > bytes && isSteady) {
    done.push(`${Math.ceil((all - bytes) / bytesPerMs / 1_000)} s left`);
  }
  return done.join(', ');
}
