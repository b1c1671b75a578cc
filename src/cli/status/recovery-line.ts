import type { RecoveryEntry } from '../../api/timeline-status.ts';
import { type Line, plain, span } from '../terminal/line.ts';
import { formatAge, formatBytes } from '../terminal/quantities.ts';
import { type Progress, progressOf } from './rates.ts';
import type { ViewContext } from './view-context.ts';

/** A recovery: how much has arrived, how fast, how long it still takes; or when it is tried again. */
export function recoveryLine(key: string, recovery: RecoveryEntry, cells: number, context: ViewContext): Line {
  const { glyphs, nowMs } = context;
  const progress = progressOf(recovery, context.rateOf(key, recovery));
  const { bytesDone = 0, bytesExpected = 0 } = progress;
  const full = bytesExpected === 0 ? 0 : Math.min(cells, Math.floor((bytesDone / bytesExpected) * cells));
  return [
    span(glyphs.full.repeat(full), 'cyan'),
    span(glyphs.empty.repeat(cells - full), 'dim'),
    plain('  '),
    span(describeRecovery(recovery, progress, nowMs), 'cyan'),
  ];
}

/** `from 1: 45.0 MiB of 210 MiB, 12.1 MiB/s, 14s left` */
export function describeRecovery(recovery: RecoveryEntry, progress: Progress, nowMs: number): string {
  const { donor, attempt, forced, nextAttemptAt, startedAt } = recovery;
  const waitMs = Date.parse(nextAttemptAt ?? '') - nowMs;
  const extra = forced ? ', forced' : '';
  if (!Number.isNaN(waitMs)) {
    const when = waitMs > 0 ? `in ${formatAge(waitMs)}` : 'now';
    return `from ${donor}: attempt ${attempt} failed, the next one ${when}${extra}`;
  }
  const parts = [amount(progress, startedAt, nowMs), rate(progress), attempt > 1 ? `attempt ${attempt}` : ''];
  return `from ${donor}: ${parts.filter((part) => part !== '').join(', ')}${extra}`;
}

/** `25%, 12.1 MiB/s, 14s left`; empty where nothing is known. */
export function summarizeProgress(recovery: RecoveryEntry, bytesPerSecond: number | undefined): string {
  const progress = progressOf(recovery, bytesPerSecond);
  const { bytesDone, bytesExpected } = progress;
  const isKnown = bytesDone !== undefined && bytesExpected !== undefined && bytesExpected > 0;
  const percent = isKnown ? `${Math.min(100, Math.floor((bytesDone / bytesExpected) * 100))}%` : '';
  return [percent, rate(progress)].filter((part) => part !== '').join(', ');
}

/** Safekeepers tell nothing of a pull that runs; agents do. */
function amount({ bytesDone, bytesExpected }: Progress, startedAt: string, nowMs: number): string {
  const expected = bytesExpected === undefined ? '' : ` of ${formatBytes(bytesExpected)}`;
  if (bytesDone !== undefined) return `${formatBytes(bytesDone)}${expected}`;
  const sinceMs = nowMs - Date.parse(startedAt);
  const since = Number.isNaN(sinceMs) ? '' : ` for ${formatAge(sinceMs)}`;
  return `copying${bytesExpected === undefined ? '' : ` ${formatBytes(bytesExpected)}`}${since}`;
}

function rate({ bytesPerSecond, leftMs }: Progress): string {
  if (bytesPerSecond === undefined) return '';
  const left = leftMs === undefined ? '' : `, ${formatAge(leftMs)} left`;
  return `${formatBytes(bytesPerSecond)}/s${left}`;
}
