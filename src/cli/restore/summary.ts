import { formatTenantTimelineId } from '../../domain/ids.ts';
import { type RestoreSummary, type Verdict, verdictOf } from '../../restore/outcome.ts';
import { formatBytes, formatSeconds } from '../terminal/quantities.ts';
import { EXIT } from '../program.ts';

const LACKING_SHOWN = 20;

/** `--on-partial`: whether a part is a failure. */
export type OnPartial = 'fail' | 'continue';

export function exitCodeOf(summary: RestoreSummary, onPartial: OnPartial): number {
  const verdict = verdictOf(summary);
  return verdict === 'Part' && onPartial === 'continue' ? EXIT.done : EXIT_OF[verdict];
}

const EXIT_OF: Readonly<Record<Verdict, number>> = {
  Everything: EXIT.done,
  Part: EXIT.partly,
  Nothing: EXIT.failed,
  Refused: EXIT.refused,
};

const VERDICT_TEXT: Readonly<Record<Verdict, string>> = {
  Everything: 'Everything is there',
  Part: 'Only a part is there',
  Nothing: 'Nothing was restored',
  Refused: 'Nothing was restored, for safety',
};

/** For people: what came of it, and what lacks. */
export function summaryLines(summary: RestoreSummary): string[] {
  const { restored, kept, refused, failed, untried, notOurs, bytes, durationMs, lacking, unknown, stopped } = summary;
  const counts = [
    `${restored} restored`,
    ...(kept > 0 ? [`${kept} there already`] : []),
    ...(refused > 0 ? [`${refused} refused`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(untried > 0 ? [`${untried} not tried`] : []),
    ...(notOurs > 0 ? [`${notOurs} of others`] : []),
  ];
  const hidden = refused + failed - Math.min(lacking.length, LACKING_SHOWN);
  return [
    `${VERDICT_TEXT[verdictOf(summary)]}: ${counts.join(', ')}; ${formatBytes(bytes)} in ${formatSeconds(durationMs)}.`,
    ...(stopped === undefined ? [] : [`Stopped: ${stopped.message}`]),
    ...unknown.map((problem) => `What there is may be more: ${problem}`),
    ...lacking
      .slice(0, LACKING_SHOWN)
      .map(({ outcome, ...id }) => `${formatTenantTimelineId(id)}: ${outcome.reason}: ${outcome.message}`),
    ...(hidden > 0 ? [`and ${hidden} more`] : []),
    ...(verdictOf(summary) === 'Everything' ? [] : ['The same command goes on where this one ended.']),
  ];
}

/** For programs: one line. */
export function summaryJson(summary: RestoreSummary): string {
  const { safekeeperId, lacking, durationMs, ...same } = summary;
  return JSON.stringify({
    result: verdictOf(summary),
    safekeeper: safekeeperId.toString(),
    ...same,
    duration_ms: Math.round(durationMs),
    lacking: lacking.map(({ tenantId, timelineId, outcome }) => ({
      tenant: tenantId,
      timeline: timelineId,
      reason: outcome.reason,
      message: outcome.message,
    })),
  });
}
