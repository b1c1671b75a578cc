import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import type { SeverityCounts } from './severity.ts';

/** Everything that one picture shows. */
export interface Overview {
  /** The worst first, as many as are shown. */
  readonly clusters: readonly SafekeeperCluster[];
  /** All that were found, the ones left out too. */
  readonly clusterCounts: SeverityCounts;
  readonly timelines: readonly SafekeeperTimeline[];
  readonly timelineCounts: SeverityCounts;
}

/** Whether every cluster and timeline is redundant, also those that are not shown. */
export function isAllRedundant({ clusterCounts, timelineCounts }: Overview): boolean {
  return [clusterCounts, timelineCounts].every(
    ({ QuorumLost, NeedsYou, AtRisk, Unseen }) => QuorumLost + NeedsYou + AtRisk + Unseen === 0,
  );
}
