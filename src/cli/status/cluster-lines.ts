import type { SafekeeperCluster } from '../../api/resources.ts';
import type { SafekeeperClusterStatus } from '../../api/cluster-status.ts';
import { findCondition } from '../../kube/conditions.ts';
import { keyOf } from '../../kube/object.ts';
import { printable } from '../../base/printable.ts';
import { type Line, padEnd, padStart, plain, shortenName, span } from '../terminal/line.ts';
import { ageOf } from '../terminal/quantities.ts';
import { describeCounts, formatCount, NO_COUNTS, severityMark, severityOf, severityStyle } from './severity.ts';
import { unseenMessage } from './unseen.ts';
import type { ViewContext } from './view-context.ts';
import { wrapBehind } from './wrap.ts';

type SafekeeperEntry = NonNullable<SafekeeperClusterStatus['safekeepers']>[number];

const INDENT = '  ';
const GAP = '  ';
const FINE = 'ok';
/** Less says nothing. */
const URL_WIDTH_MIN = 12;

/** A cluster: its state in a sentence, then its safekeepers. */
export function clusterLines(cluster: SafekeeperCluster, context: ViewContext): Line[] {
  const severity = severityOf(cluster);
  const { conditions, safekeepers = [], message } = cluster.status ?? {};
  const paused = findCondition(conditions, 'Paused');
  return [
    [
      span(`${severityMark(severity, context.glyphs)} `, severityStyle(severity)),
      plain('cluster '),
      span(keyOf(cluster), 'bold'),
    ],
    ...wrapBehind(INDENT, message ?? unseenMessage(cluster, context.nowMs), 'plain', context),
    ...(paused?.status === 'True' && paused.message !== ''
      ? wrapBehind(INDENT, paused.message, 'yellow', context)
      : []),
    ...safekeeperLines(safekeepers, context),
    ...timelinesLine(cluster.status?.timelines),
  ];
}

function safekeeperLines(safekeepers: readonly SafekeeperEntry[], context: ViewContext): Line[] {
  const idWidth = Math.max(0, ...safekeepers.map(({ id }) => String(id).length));
  const countWidth = Math.max(0, ...safekeepers.map((entry) => countText(entry).length));
  const troubles = safekeepers.map((entry) => troubleOf(entry, context.nowMs) || FINE);
  const factsWidth =
    ' timelines'.length + countWidth + Math.max(0, ...troubles.map((text) => text.length)) + 3 * GAP.length;
  const urlWidth = Math.min(
    Math.max(0, ...safekeepers.map(({ url }) => url.length)),
    Math.max(URL_WIDTH_MIN, context.width - INDENT.length - idWidth - factsWidth),
  );
  return safekeepers.map((entry, index) => {
    const url = padEnd(shortenName(printable(entry.url), urlWidth, context.glyphs.ellipsis), urlWidth);
    const trouble = troubles[index] ?? FINE;
    return [
      plain(
        [
          INDENT + padStart(String(entry.id), idWidth),
          url,
          `${padStart(countText(entry), countWidth)} timelines`,
          '',
        ].join(GAP),
      ),
      span(trouble, trouble === FINE ? 'green' : 'red'),
    ];
  });
}

function countText({ timelines }: SafekeeperEntry): string {
  return timelines === undefined ? '?' : formatCount(timelines);
}

function troubleOf({ reachable, lost = 0, lastSeen }: SafekeeperEntry, nowMs: number): string {
  const age = ageOf(lastSeen, nowMs);
  const silent = age === undefined ? 'unreachable' : `unreachable, seen ${age} ago`;
  return [...(reachable ? [] : [silent]), ...(lost > 0 ? [`${formatCount(lost)} lost`] : [])].join(', ');
}

/** What the operator counts, objects or not: a cluster may have timelines without one. */
function timelinesLine(counts: SafekeeperClusterStatus['timelines']): Line[] {
  if (counts === undefined) return [];
  const { total, redundant, degraded, recovering, blocked } = counts;
  const parts = [
    describeCounts({ ...NO_COUNTS, Redundant: redundant }),
    ...(degraded > 0 ? [`${formatCount(degraded)} degraded`] : []),
    ...(recovering > 0 ? [`${formatCount(recovering)} recovering`] : []),
    ...(blocked > 0 ? [`${formatCount(blocked)} blocked`] : []),
  ].filter((part) => part !== '');
  return [[span(`${INDENT}${formatCount(total)} timelines known: ${parts.join(', ') || 'none'}`, 'dim')]];
}
