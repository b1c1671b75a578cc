import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { findCondition } from '../../kube/conditions.ts';
import { keyOf } from '../../kube/object.ts';
import { printable } from '../../base/printable.ts';
import { type Line, plain, span } from '../terminal/line.ts';
import type { LiveChange } from './live-store.ts';
import { formatBytes } from '../terminal/quantities.ts';
import { reasonOf, severityMark, severityOf, severityStyle } from './severity.ts';
import { unseenMessage } from './unseen.ts';
import type { ViewContext } from './view-context.ts';

/** One line for a change that people want to hear of; undefined for any other, such as bytes that arrived. */
export function changeLine(change: LiveChange, context: Pick<ViewContext, 'glyphs' | 'nowMs'>): Line | undefined {
  const { object } = change;
  if (change.kind === 'Deleted') {
    return [plain(`${context.glyphs.unseen} `), span(keyOf(object), 'bold'), plain('  deleted')];
  }
  if (change.kind === 'Updated' && essence(change.previous) === essence(object)) return undefined;
  const severity = severityOf(object);
  const style = severityStyle(severity);
  const redundancy = isTimeline(object) ? `${object.status?.redundancy ?? '?/?'}  ` : '';
  const message = printable(object.status?.message ?? unseenMessage(object, context.nowMs));
  return [
    span(`${severityMark(severity, context.glyphs)} ${redundancy}`, style),
    span(keyOf(object), 'bold'),
    plain('  '),
    span(reasonOf(object), style),
    plain(`  ${severity === 'Redundant' ? '' : message}${copied(object)}`.trimEnd()),
  ];
}

/** What two states of an object must differ in to be told apart. */
function essence(object: SafekeeperTimeline | SafekeeperCluster): string {
  const paused = findCondition(object.status?.conditions, 'Paused')?.status;
  const own = isTimeline(object)
    ? [object.status?.redundancy, object.status?.proposal?.id, object.status?.recovery?.attempt]
    : (object.status?.safekeepers ?? []).map(({ id, reachable, lost }) => [id, reachable, lost]);
  return JSON.stringify([severityOf(object), reasonOf(object), paused, own]);
}

function copied(object: SafekeeperTimeline | SafekeeperCluster): string {
  const bytes = isTimeline(object) ? object.status?.recovery?.bytesExpected : undefined;
  return bytes === undefined ? '' : ` (${formatBytes(bytes)})`;
}

function isTimeline(object: SafekeeperTimeline | SafekeeperCluster): object is SafekeeperTimeline {
  return object.kind === 'SafekeeperTimeline';
}
