import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';

/** An operator that runs looks at a new object within seconds. */
const PATIENCE_MS = 60_000;

/** What to say of an object without a status. */
export function unseenMessage({ metadata }: SafekeeperTimeline | SafekeeperCluster, nowMs: number): string {
  const isOld = nowMs - Date.parse(metadata.creationTimestamp ?? '') > PATIENCE_MS;
  return isOld ? 'Not looked at yet: is the operator running?' : 'Not looked at yet.';
}
