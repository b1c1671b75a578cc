import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { HistoryEntry, ReplicaEntry, SafekeeperTimelineStatus } from '../../api/timeline-status.ts';
import { formatLsn } from '../../domain/lsn.ts';
import { findCondition } from '../../kube/conditions.ts';
import { keyOf } from '../../kube/object.ts';
import { printable } from '../../base/printable.ts';
import { type Line, padEnd, padStart, plain, shortenName, type Span, span, widthOf } from '../terminal/line.ts';
import { advice, isPausedItself } from './advice.ts';
import { ageOf, formatAge, formatBytes } from '../terminal/quantities.ts';
import { recoveryLine, summarizeProgress } from './recovery-line.ts';
import { reasonOf, type Severity, severityMark, severityOf, severityStyle } from './severity.ts';
import { unseenMessage } from './unseen.ts';
import type { ViewContext } from './view-context.ts';
import { fullCells, type ReplicaPosition, replicaPositions } from './wal-bars.ts';
import { wrapBehind } from './wrap.ts';

const REDUNDANCY_WIDTH = 5;
const INDENT = ' '.repeat(7);
/** Less tells nothing apart. */
const NAME_WIDTH_MIN = 12;
const BAR_CELLS = { narrow: 10, wide: 20 };
/** From here on there is room for a longer bar. */
const WIDE_COLUMNS = 120;

/** One timeline: a line when all is well; what is wrong, replica by replica, and what to do otherwise. */
export function timelineLines(timeline: SafekeeperTimeline, context: ViewContext): Line[] {
  const severity = severityOf(timeline);
  const status = timeline.status ?? {};
  const head = headLines(timeline, severity, context);
  const paused = findCondition(status.conditions, 'Paused');
  // A pause of the cluster is told there once.
  const tellsPause = paused?.status === 'True' && (context.isWide || isPausedItself(timeline, context.nowMs));
  if (severity === 'Redundant' && !tellsPause && !context.isWide) return head;
  const ids = `tenant ${timeline.spec.tenantId}, timeline ${timeline.spec.timelineId}`;
  const told = severity === 'Redundant' ? [] : [status.message ?? unseenMessage(timeline, context.nowMs)];
  if (tellsPause && paused.message !== '') told.push(paused.message);
  return [
    ...head,
    ...(context.isWide ? wrapBehind(INDENT, ids, 'dim', context) : []),
    ...told.flatMap((text) => wrapBehind(INDENT, text, 'plain', context)),
    ...replicaLines(timeline, status, context),
    ...(context.isWide ? (status.history ?? []).map((entry) => historyLine(entry, context)) : []),
    ...advice(timeline, context).flatMap(({ command, loss }) => [
      ...(loss === undefined ? [] : wrapBehind(INDENT, loss, 'red', context)),
      ...wrapBehind(`${INDENT}${context.glyphs.todo} `, command, 'cyan', context),
    ]),
  ];
}

/** The same in a single line: the name is shortened, so that what is wrong can be read. */
export function timelineLine(timeline: SafekeeperTimeline, context: ViewContext): Line {
  const severity = severityOf(timeline);
  const style = severityStyle(severity);
  const key = keyOf(timeline);
  const recovery = timeline.status?.recovery;
  const progress = recovery === undefined ? '' : summarizeProgress(recovery, context.rateOf(key, recovery));
  const facts = severity === 'Redundant' ? '' : [reasonText(timeline), progress].join('  ').trimEnd();
  const room = context.width - INDENT.length - (facts === '' ? 0 : widthOf(facts) + 2);
  const name = context.showNamespace ? key : timeline.metadata.name;
  return [
    startOf(timeline, severity, context),
    span(
      shortenName(name, Math.max(room, NAME_WIDTH_MIN), context.glyphs.ellipsis),
      severity === 'Redundant' ? 'plain' : 'bold',
    ),
    span(facts === '' ? '' : `  ${facts}`, style),
  ];
}

/** The name is never cut where a person may need it; the reason goes on a line of its own when it finds no room. */
function headLines(timeline: SafekeeperTimeline, severity: Severity, context: ViewContext): Line[] {
  if (severity === 'Redundant') return [timelineLine(timeline, context)];
  const style = severityStyle(severity);
  const name = context.showNamespace ? keyOf(timeline) : timeline.metadata.name;
  const start = startOf(timeline, severity, context);
  const room = context.width - INDENT.length;
  const reason = span(reasonText(timeline), style);
  const fits = widthOf(name) + 2 + widthOf(reason.text) <= room;
  if (fits) return [[start, span(name, 'bold'), plain('  '), reason]];
  const [first = [], ...rest] = wrapBehind(INDENT, name, 'bold', context);
  return [[start, ...first.slice(1)], ...rest, [plain(INDENT), reason]];
}

function reasonText(timeline: SafekeeperTimeline): string {
  const isPaused = findCondition(timeline.status?.conditions, 'Paused')?.status === 'True';
  return `${printable(reasonOf(timeline))}${isPaused ? ', paused' : ''}`;
}

function startOf({ status }: SafekeeperTimeline, severity: Severity, { glyphs }: ViewContext): Span {
  const redundancy = padEnd(status?.redundancy ?? '?/?', REDUNDANCY_WIDTH);
  return span(`${severityMark(severity, glyphs)} ${redundancy}`, severityStyle(severity));
}

function replicaLines(timeline: SafekeeperTimeline, status: SafekeeperTimelineStatus, context: ViewContext): Line[] {
  const positions = replicaPositions(status);
  const { recovery } = status;
  const idWidth = Math.max(1, ...positions.map(({ entry }) => String(entry.safekeeperId).length));
  const stateWidth = Math.max(0, ...positions.map(({ entry }) => entry.state.length));
  const lines = positions.flatMap((position): Line[] => {
    const { safekeeperId } = position.entry;
    const start = replicaStart(position.entry, idWidth, stateWidth);
    if (recovery?.recipient === safekeeperId) {
      return [[...start, ...recoveryLine(keyOf(timeline), recovery, barCells(context), context)]];
    }
    return replicaLine(start, position, context);
  });
  if (recovery === undefined || positions.some(({ entry }) => entry.safekeeperId === recovery.recipient)) return lines;
  const start = plain(`${INDENT}${padStart(String(recovery.recipient), idWidth)}  ${' '.repeat(stateWidth)}  `);
  return [...lines, [start, ...recoveryLine(keyOf(timeline), recovery, barCells(context), context)]];
}

function replicaStart({ safekeeperId, state }: ReplicaEntry, idWidth: number, stateWidth: number): Line {
  return [
    plain(`${INDENT}${padStart(String(safekeeperId), idWidth)}  `),
    span(padEnd(state, stateWidth), stateStyle(state)),
    plain('  '),
  ];
}

function replicaLine(start: Line, position: ReplicaPosition, context: ViewContext): Line[] {
  const { entry, flushLsn, lagBytes } = position;
  const { glyphs, nowMs, isWide } = context;
  const cells = barCells(context);
  const full = fullCells(lagBytes, cells);
  const bar: Line = [
    span(glyphs.full.repeat(full), stateStyle(entry.state)),
    span(glyphs.empty.repeat(cells - full), 'dim'),
  ];
  const lostFor = ageOf(entry.lostSince, nowMs);
  const lag = lagBytes === undefined || lagBytes === 0n ? '' : `${glyphs.minus}${formatBytes(Number(lagBytes))}`;
  const facts = [
    flushLsn === undefined ? '' : formatLsn(flushLsn),
    lag,
    lostFor === undefined ? '' : `lost for ${lostFor}`,
    isWide && entry.term !== undefined ? `term ${entry.term}` : '',
    isWide && entry.commitLsn !== undefined ? `committed ${entry.commitLsn}` : '',
    isWide && entry.observedAt !== undefined ? `as of ${ageOf(entry.observedAt, nowMs)} ago` : '',
  ].filter((fact) => fact !== '');
  const line = [...start, ...bar, ...facts.map((fact) => plain(`  ${fact}`))];
  // What is wrong with a lost one is that it is lost.
  if (entry.message === undefined || entry.state === 'Lost') return [line];
  return [line, ...wrapBehind(`${INDENT}   `, entry.message, 'dim', context)];
}

function historyLine(entry: HistoryEntry, { nowMs }: ViewContext): Line {
  const { recipient, donor, duration, fencing, forced, outcome, startedAt } = entry;
  const why = entry.message === undefined ? '' : `: ${printable(entry.message)}`;
  const how = `${forced ? 'forced, ' : ''}fenced ${fencing === 'ByTerms' ? 'by terms' : 'by grace'}`;
  const when = Number.isNaN(Date.parse(startedAt)) ? '' : `, ${formatAge(nowMs - Date.parse(startedAt))} ago`;
  const text = `${outcome} ${recipient} from ${donor} in ${duration}${when}, ${how}${why}`;
  return [plain(INDENT), span(text, outcome === 'Failed' ? 'yellow' : 'dim')];
}

function stateStyle(state: ReplicaEntry['state']) {
  if (state === 'Present') return 'green';
  return state === 'Unreachable' || state === 'Unknown' ? 'yellow' : 'red';
}

function barCells({ width }: ViewContext): number {
  return width >= WIDE_COLUMNS && Number.isFinite(width) ? BAR_CELLS.wide : BAR_CELLS.narrow;
}
