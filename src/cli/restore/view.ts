import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import { formatTenantTimelineId } from '../../domain/ids.ts';
import { formatLsn } from '../../domain/lsn.ts';
import { type RestoreListener, Tally } from '../../restore/tally.ts';
import type { TransferRegistry } from '../../transfer/transfer-progress.ts';
import { createLiveFrame } from '../terminal/live-frame.ts';
import { canRedraw, type Environment, type Output } from '../terminal/output.ts';
import { composeRestoreFrame } from './frame.ts';

/** How a restore is told while it goes on. Disposing it leaves the terminal as it was found. */
export interface RestoreView extends Disposable {
  readonly tally: Tally;
  /** The end is told in text, not as JSON. */
  readonly isTerminal: boolean;
}

export interface ViewOptions {
  readonly output: Output;
  readonly environment: Environment;
  readonly dataDirectory: string;
  readonly transfers: TransferRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

const PROGRESS_INTERVAL_MS = 10_000;
const NOTES_KEPT = 20;

/** Bars on a terminal that can, log lines anywhere else. */
export function createRestoreView(options: ViewOptions): RestoreView {
  return canRedraw(options.output, options.environment) ? terminalView(options) : logView(options);
}

function terminalView({ output, environment, dataDirectory, transfers, clock }: ViewOptions): RestoreView {
  const startedMs = clock.monotonicMs();
  const notes: string[] = [];
  const note = (text: string) => {
    notes.push(text);
    if (notes.length > NOTES_KEPT) notes.shift();
  };
  const tally = new Tally({
    onFound: () => undefined,
    onSilence: (problems) => problems.forEach((problem) => note(`no answer: ${problem}`)),
    onLater: (id, reason, message) => {
      if (reason !== 'GracePeriod') note(`${formatTenantTimelineId(id)}: ${message}`);
    },
    onEnded: (id, outcome) => {
      if (outcome.kind === 'Refused' || outcome.kind === 'Failed')
        note(`${formatTenantTimelineId(id)}: ${outcome.message}`);
    },
  });
  const frame = createLiveFrame(output, environment, (size, glyphs) => {
    const bytes = transfers.totals('Pull').bytes;
    const elapsedMs = clock.monotonicMs() - startedMs;
    return composeRestoreFrame(
      { dataDirectory, elapsedMs, tally, running: transfers.list(), bytes, notes },
      size,
      glyphs,
    );
  });
  return { tally, isTerminal: true, [Symbol.dispose]: () => frame[Symbol.dispose]() };
}

function logView({ transfers, log }: ViewOptions): RestoreView {
  const tally = new Tally(logListener(log));
  const timer = setInterval(() => {
    const { bytes, segments } = transfers.totals('Pull');
    const waiting = Object.fromEntries(tally.waitingByReason());
    const running = transfers.list().length;
    log.info({ timelines: tally.known, ended: tally.ended, running, waiting, bytes, segments }, 'restoring');
  }, PROGRESS_INTERVAL_MS);
  return { tally, isTerminal: false, [Symbol.dispose]: () => clearInterval(timer) };
}

function logListener(log: Logger): RestoreListener {
  return {
    onFound: (timelines) => log.info({ timelines }, 'timelines found'),
    onSilence: (problems) => log.warn({ problems }, 'not everybody has told what there is'),
    onLater: ({ tenantId: tenant, timelineId: timeline }, reason, message) =>
      log.info({ tenant, timeline, reason, problem: message }, 'timeline waits'),
    onEnded: ({ tenantId: tenant, timelineId: timeline }, outcome) => {
      switch (outcome.kind) {
        case 'Restored': {
          const { donor, fencing, setAside } = outcome;
          const fields = { tenant, timeline, donor: donor.toString(), fencing, flushLsn: formatLsn(outcome.flushLsn) };
          log.info({ ...fields, ...(setAside === undefined ? {} : { setAside }) }, 'timeline restored');
          break;
        }
        case 'Kept':
          log.debug({ tenant, timeline }, 'timeline is there');
          break;
        case 'NotOurs':
          log.debug({ tenant, timeline }, 'timeline belongs to others');
          break;
        case 'Refused':
          log.warn({ tenant, timeline, reason: outcome.reason, problem: outcome.message }, 'timeline refused');
          break;
        case 'Failed':
          log.error({ tenant, timeline, reason: outcome.reason, problem: outcome.message }, 'timeline failed');
          break;
      }
    },
  };
}
