import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import type { TransferMeter } from '../transfer/transfer-progress.ts';
import { formatBytes } from './demo/format.ts';

const REDRAW_INTERVAL_MS = 100;
const LOG_INTERVAL_MS = 10_000;
const DEFAULT_COLUMNS = 80;
const ERASE_LINE_END = '\u001B[K';

/** What a terminal looks like to us. */
export interface Terminal {
  readonly isTTY?: boolean;
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

/** A line that is written anew on a terminal that can, log lines every ten seconds anywhere else. */
export function createTransferView(
  output: Terminal,
  environment: Readonly<Record<string, string | undefined>>,
  clock: Clock,
  log: Logger,
): TransferView {
  const canRedraw = output.isTTY === true && environment['TERM'] !== 'dumb';
  const state = {
    bytes: 0,
    segments: 0,
    totalBytes: undefined as number | undefined,
    waitsFor: undefined as string | undefined,
  };
  const startedMs = clock.monotonicMs();
  const show = () => {
    if (canRedraw) {
      const line = formatLine(state, clock.monotonicMs() - startedMs);
      output.write(`\r${line.slice(0, (output.columns ?? DEFAULT_COLUMNS) - 1)}${ERASE_LINE_END}`);
    } else {
      const { bytes, segments, totalBytes, waitsFor } = state;
      log.info({ bytes, segments, totalBytes, waitsFor }, 'in progress');
    }
  };
  const timer = setInterval(show, canRedraw ? REDRAW_INTERVAL_MS : LOG_INTERVAL_MS);
  const end = () => {
    clearInterval(timer);
    if (canRedraw) output.write(`\r${ERASE_LINE_END}`);
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
      if (!canRedraw && what !== undefined) log.info({ waitsFor: what }, 'waiting');
    },
    done: (sentence, message, fields) => {
      end();
      if (canRedraw) output.write(`${sentence}\n`);
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

/** `12.0 MiB of 48.0 MiB, 25 %, 103.2 MiB/s, 1 s left; waiting for …` */
function formatLine({ bytes, totalBytes, waitsFor }: TransferState, elapsedMs: number): string {
  const bytesPerMs = bytes / Math.max(elapsedMs, 1);
  const parts = [formatBytes(bytes)];
  if (totalBytes !== undefined && totalBytes > 0) {
    const left = Math.max(totalBytes - bytes, 0);
    parts[0] += ` of ${formatBytes(Math.max(totalBytes, bytes))}`;
    parts.push(`${Math.floor((100 * bytes) / Math.max(totalBytes, bytes, 1))} %`);
    if (left > 0 && bytes > 0) parts.push(`${Math.ceil(left / bytesPerMs / 1_000)} s left`);
  }
  if (waitsFor === undefined) parts.splice(2, 0, `${formatBytes(Math.round(bytesPerMs * 1_000))}/s`);
  return parts.join(', ') + (waitsFor === undefined ? '' : `; ${waitsFor}`);
}
