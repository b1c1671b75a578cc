import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { type Severity, SEVERITIES, type SeverityCounts, severityOf, NO_COUNTS } from './severity.ts';

type Ranked = SafekeeperTimeline | SafekeeperCluster;

/** Below 0 when `a` is worse off: by severity, then by fewer replicas present, then by namespace and name. */
export function compareWorst(a: Ranked, b: Ranked): number {
  return (
    SEVERITIES.indexOf(severityOf(a)) - SEVERITIES.indexOf(severityOf(b)) ||
    presentCount(a) - presentCount(b) ||
    compareText(a.metadata.namespace, b.metadata.namespace) ||
    compareText(a.metadata.name, b.metadata.name)
  );
}

/** The worst `limit` of any number of objects, in memory for twice as many, and how many of each severity there were. */
export class WorstOf<T extends Ranked> {
  readonly limit: number;
  private readonly counted: Record<Severity, number> = { ...NO_COUNTS };
  private kept: T[] = [];
  /** Not better off than this is who has a chance. */
  private bound: T | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  get counts(): SeverityCounts {
    return this.counted;
  }

  add(object: T): void {
    this.counted[severityOf(object)]++;
    if (this.bound !== undefined && compareWorst(this.bound, object) <= 0) return;
    this.kept.push(object);
    if (this.kept.length <= 2 * this.limit) return;
    this.kept = this.worst();
    this.bound = this.kept.at(-1);
  }

  /** The worst first. */
  worst(): T[] {
    return this.kept.toSorted(compareWorst).slice(0, this.limit);
  }
}

/** How many of each severity `shown` lacks of what was counted. */
export function leftOut(counts: SeverityCounts, shown: readonly Ranked[]): SeverityCounts {
  const left: Record<Severity, number> = { ...counts };
  for (const object of shown) left[severityOf(object)]--;
  return left;
}

export function totalOf(counts: SeverityCounts): number {
  return SEVERITIES.reduce((sum, severity) => sum + counts[severity], 0);
}

/** Of a cluster, which has no redundancy of its own, as of a timeline not yet looked at: none. */
function presentCount({ status }: Ranked): number {
  const redundancy = status !== undefined && 'redundancy' in status ? status.redundancy : undefined;
  return Number.parseInt(redundancy ?? '', 10) || 0;
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
