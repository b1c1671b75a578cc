import { clipLine, type Line } from '../terminal/line.ts';
import { clusterLines } from './cluster-lines.ts';
import type { Overview } from './overview.ts';
import { describeCounts, formatCount, type SeverityCounts } from './severity.ts';
import { timelineLine, timelineLines } from './timeline-lines.ts';
import type { ViewContext } from './view-context.ts';
import { leftOut, totalOf } from './worst.ts';
import { wrapBehind } from './wrap.ts';

const UNBOUNDED = Number.POSITIVE_INFINITY;
/** Where there is little room, so many timelines are shown rather than everything about the worst. */
const TIMELINES_WANTED = 6;
/** What counts those that are not shown takes two lines at most where lines are of usual width. */
const COUNT_LINES = 2;

/**
 * The clusters, then the timelines, the worst first. No line is wider than the context's width. In a picture of `height`
 * lines the worst are shown in full, then others in a line each; what finds no room, or was not to be shown, is counted.
 */
export function reportLines(overview: Overview, context: ViewContext, height = UNBOUNDED): Line[] {
  const { timelines, timelineCounts } = overview;
  const summary = totalOf(timelineCounts) === 0 ? [] : wrapBehind('', summaryText(timelineCounts), 'bold', context);
  const clusterRoom = summary.length === 0 ? height : Math.max(3, (height - summary.length) / 2);
  const clusters = clusterPart(overview, context, clusterRoom);
  const room = height - clusters.length - summary.length - 2;
  const parts = [clusters, summary, timelines.length === 0 ? [] : timelinePart(overview, context, room)];
  const lines = parts.filter((part) => part.length > 0).flatMap((part, index) => (index === 0 ? part : [[], ...part]));
  return lines.slice(0, height).map((line) => clipLine(line, context.width, context.glyphs.ellipsis));
}

function clusterPart({ clusters, clusterCounts }: Overview, context: ViewContext, room: number): Line[] {
  const blocks = clusters.map((cluster) => clusterLines(cluster, context));
  const all = blocks.flat();
  const isComplete = all.length <= room && totalOf(clusterCounts) === clusters.length;
  const shown = isComplete ? blocks.length : fitting(blocks, room - COUNT_LINES);
  return [
    ...blocks.slice(0, shown).flat(),
    ...notShown('clusters', leftOut(clusterCounts, clusters.slice(0, shown)), context, Number.isFinite(room)),
  ];
}

function timelinePart({ timelines, timelineCounts }: Overview, context: ViewContext, height: number): Line[] {
  const blocks: Line[][] = [];
  let left = height;
  const isCut = totalOf(timelineCounts) > timelines.length;
  for (const [index, timeline] of timelines.entries()) {
    const rest = timelines.length - index - 1;
    const reserved = rest > TIMELINES_WANTED || isCut ? Math.min(rest, TIMELINES_WANTED) + COUNT_LINES : rest;
    const full = timelineLines(timeline, context);
    const block = full.length <= left - reserved ? full : [timelineLine(timeline, context)];
    if (block.length > left - (isCut ? COUNT_LINES : Math.min(rest, COUNT_LINES))) break;
    blocks.push(block);
    left -= block.length;
  }
  const shown = timelines.slice(0, blocks.length);
  return [...blocks.flat(), ...notShown('timelines', leftOut(timelineCounts, shown), context, Number.isFinite(height))];
}

function summaryText(counts: SeverityCounts): string {
  const total = totalOf(counts);
  return `${formatCount(total)} ${total === 1 ? 'timeline' : 'timelines'}: ${describeCounts(counts)}`;
}

/** How many of the blocks find room one after the other. */
function fitting(blocks: readonly Line[][], height: number): number {
  let left = height;
  const end = blocks.findIndex((block) => (left -= block.length) < 0);
  return end < 0 ? blocks.length : end;
}

function notShown(what: string, counts: SeverityCounts, context: ViewContext, isPicture: boolean): Line[] {
  const total = totalOf(counts);
  if (total === 0) return [];
  const how = isPicture ? '' : ' (--all shows all)';
  return wrapBehind('', `and ${formatCount(total)} more ${what}: ${describeCounts(counts)}${how}`, 'dim', context);
}

/** What to say when there is nothing to show. */
export function nothingFound(namespace: string | undefined): string {
  return namespace === undefined
    ? 'No safekeeper resources found.'
    : `No safekeeper resources found in namespace ${namespace}.`;
}
