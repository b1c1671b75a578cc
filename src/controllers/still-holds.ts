import type { SafekeeperCluster, SafekeeperTimeline } from '../api/resources.ts';
import { API_GROUP } from '../api/names.ts';
import { semanticEqual } from '../kube/semantic-equal.ts';

/**
 * Whether what was decided on one version of an object holds for a later one: nobody has changed what is asked for, nor
 * what an operator says of it. Other people's labels and annotations are nothing to us.
 */
export function stillHolds<T extends SafekeeperCluster | SafekeeperTimeline>(cached: T, current: T): boolean {
  return (
    cached.metadata.generation === current.metadata.generation &&
    cached.metadata.deletionTimestamp === current.metadata.deletionTimestamp &&
    semanticEqual(annotationsOf(cached), annotationsOf(current)) &&
    semanticEqual(cached.status, current.status)
  );
}

function annotationsOf({ metadata }: SafekeeperCluster | SafekeeperTimeline): Readonly<Record<string, string>> {
  const all = Object.entries(metadata.annotations ?? {});
  return Object.fromEntries(all.filter(([name]) => name.startsWith(`${API_GROUP}/`)));
}
