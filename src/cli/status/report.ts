import { clipLine, type Line } from '../terminal/line.ts';
import { clusterLines } from './cluster-lines.ts';
import type { Overview } from './overview.ts';
import { describeCounts, formatCount } from './severity.ts';
import { timelineLines } from './timeline-lines.ts';
import type { ViewContext } from './view-context.ts';
import { leftOut, totalOf } from './worst.ts';
import { wrapBehind } from './wrap.ts';

/** Lines that a live picture may have. */
const UNBOUNDED = Number.POSITIVE_INFINITY;

/**
 * The clusters, then the timelines, the worst first. No line is wider than the context's width. What finds no room in
 * `height` lines, or was not to be shown, is counted.
 */
export function reportLines(overview: Overview, context: ViewContext, height = UNBOUNDED): Line[] {
  const timelineTotal = totalOf(overview.timelineCounts);
  const clusterBlocks = overview.clusters.map((cluster) => clusterLines(cluster, context));
  const blocks = overview.timelines.map((timeline) => timelineLines(timeline, context));
  const summary = timelineTotal === 0 ? [] : wrapBehind('', summaryText(overview), 'bold', context);
  // Each part stands apart from the next by an empty line; what is left out takes a line or two of its own.
  const reserved = summary.length + 4;
  const clustersShown = fitting(clusterBlocks, Math.max(3, (height - reserved) / (timelineTotal === 0 ? 1 : 2)));
  const clusterPart = [
    ...clusterBlocks.slice(0, clustersShown).flat(),
    ...notShown('clusters', leftOut(overview.clusterCounts, overview.clusters.slice(0, clustersShown)), context),
  ];
  const timelinesShown = fitting(blocks, height - clusterPart.length - reserved);
  const timelinePart = [
    ...blocks.slice(0, timelinesShown).flat(),
    ...notShown('timelines', leftOut(overview.timelineCounts, overview.timelines.slice(0, timelinesShown)), context),
  ];
  const parts = [clusterPart, summary, timelinePart].filter((part) => part.length > 0);
  const lines = parts.flatMap((part, index) => (index === 0 ? part : [[], ...part]));
  return lines.slice(0, height).map((line) => clipLine(line, context.width, context.glyphs.ellipsis));
}

function summaryText({ timelineCounts }: Overview): string {
  const total = totalOf(timelineCounts);
  return `${formatCount(total)} ${total === 1 ? 'timeline' : 'timelines'}: ${describeCounts(timelineCounts)}`;
}

/** How many of the blocks find room one after the other. */
function fitting(blocks: readonly Line[][], height: number): number {
  let left = height;
  const end = blocks.findIndex((block) => (left -= block.length) < 0);
  return end < 0 ? blocks.length : end;
}

function notShown(what: string, counts: Overview['timelineCounts'], context: ViewContext): Line[] {
  const total = totalOf(counts);
  if (total === 0) return [];
  const text = `and ${formatCount(total)} more ${what}: ${describeCounts(counts)} (--all shows all)`;
  return wrapBehind('', text, 'dim', context);
}

/** What to say when there is nothing to show. */
export function nothingFound(namespace: string | undefined): string {
  return namespace === undefined
    ? 'No safekeeper resources found.'
    : `No safekeeper resources found in namespace ${namespace}.`;
}
