import { assertNever } from '../../base/assert.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { Style } from '../terminal/line.ts';
import type { Glyphs } from '../terminal/glyphs.ts';

/**
 * How much an object needs attention, the worst first: acknowledged commits may be gone, nothing goes on without a
 * person, redundancy is lacking, nobody has looked yet, all is well.
 */
export const SEVERITIES = ['QuorumLost', 'NeedsYou', 'AtRisk', 'Unseen', 'Redundant'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Decided by the conditions alone. */
export function severityOf({ status }: SafekeeperTimeline | SafekeeperCluster): Severity {
  let worst: Severity = 'Unseen';
  // One pass: of 100,000 timelines this is asked with every picture.
  for (const { type, status: value } of status?.conditions ?? []) {
    if (type === 'QuorumIntact' && value === 'False') return 'QuorumLost';
    if (type === 'Stalled' && value === 'True') worst = 'NeedsYou';
    else if (type === 'Ready' && value !== 'Unknown' && worst === 'Unseen')
      worst = value === 'True' ? 'Redundant' : 'AtRisk';
  }
  return worst;
}

/** In one CamelCase word, of the condition that says most. */
export function reasonOf({ status }: SafekeeperTimeline | SafekeeperCluster): string {
  const [stalled, reconciling, ready] = ['Stalled', 'Reconciling', 'Ready'].map((type) =>
    findCondition(status?.conditions, type),
  );
  if (stalled?.status === 'True') return stalled.reason;
  if (reconciling?.status === 'True') return reconciling.reason;
  return ready?.reason ?? 'Unseen';
}

export function severityStyle(severity: Severity): Style {
  switch (severity) {
    case 'QuorumLost':
    case 'NeedsYou':
      return 'red';
    case 'AtRisk':
      return 'yellow';
    case 'Unseen':
      return 'dim';
    case 'Redundant':
      return 'green';
    default:
      return assertNever(severity);
  }
}

export function severityMark(severity: Severity, glyphs: Glyphs): string {
  switch (severity) {
    case 'QuorumLost':
    case 'NeedsYou':
      return glyphs.needsYou;
    case 'AtRisk':
      return glyphs.atRisk;
    case 'Unseen':
      return glyphs.unseen;
    case 'Redundant':
      return glyphs.redundant;
    default:
      return assertNever(severity);
  }
}

/** How many objects there are of each severity. */
export type SeverityCounts = Readonly<Record<Severity, number>>;

export const NO_COUNTS: SeverityCounts = { QuorumLost: 0, NeedsYou: 0, AtRisk: 0, Unseen: 0, Redundant: 0 };

const COUNT_WORDS: Readonly<Record<Severity, string>> = {
  QuorumLost: 'without a quorum',
  NeedsYou: 'waiting for you',
  AtRisk: 'at risk',
  Unseen: 'not looked at yet',
  Redundant: 'redundant',
};

/** `1 without a quorum, 3 at risk, 96 redundant`: those that there are, the worst first. */
export function describeCounts(counts: SeverityCounts): string {
  return SEVERITIES.filter((severity) => counts[severity] > 0)
    .map((severity) => `${formatCount(counts[severity])} ${COUNT_WORDS[severity]}`)
    .join(', ');
}

/** `99,980` */
export function formatCount(count: number): string {
  return String(count).replaceAll(/\B(?=([0-9]{3})+$)/g, ',');
}
