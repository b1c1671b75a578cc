import type { SafekeeperTimeline } from '../../api/resources.ts';
import { parseSafekeeperId } from '../../domain/ids.ts';
import type { Inventory } from './inventory.ts';

/**
 * Whether a safekeeper that answered lists the timeline though its status calls the replica lost, or does not list it
 * though the status calls it present. Comparing with what the status says, not with the scan before, finds also what
 * came and went between two scans.
 */
export function disagrees({ spec, status }: SafekeeperTimeline, { views }: Inventory): boolean {
  const name = `${spec.tenantId}/${spec.timelineId}`;
  return (status?.replicas ?? []).some(({ safekeeperId, state }) => {
    if (state !== 'Present' && state !== 'Lost') return false;
    const id = parseSafekeeperId(safekeeperId);
    const view = id && views.get(id);
    if (view?.state.kind !== 'Reachable' || view.timelines === undefined) return false;
    return view.timelines.has(name) !== (state === 'Present');
  });
}
