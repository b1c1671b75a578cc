import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { DiskEvidence, Observation } from '../domain/observation.ts';
import { statusOf } from '../domain/replica-state.ts';
import type { TimelineStatus } from '../safekeeper/api.ts';
import { readDisk } from './disk-evidence.ts';
import type { Peer } from './peers.ts';

/** What the peers have of one timeline on their disks. Asks of a disk that has not moved are not repeated (rule R13). */
export class KnownDisks {
  private readonly timeline: TenantTimelineId;
  private readonly disks = new Map<
    SafekeeperId,
    Pick<TimelineStatus, 'flushLsn' | 'term'> & { readonly evidence: DiskEvidence }
  >();

  constructor(timeline: TenantTimelineId) {
    this.timeline = timeline;
  }

  /** As it was when last looked at. */
  get all(): Map<SafekeeperId, DiskEvidence> {
    return new Map([...this.disks].map(([id, { evidence }]) => [id, evidence]));
  }

  /** Of those that have not moved; damage stays damage. */
  unmoved(observation: Observation): Map<SafekeeperId, DiskEvidence> {
    const known = [...this.disks].filter(([id, { flushLsn, term, evidence }]) => {
      const status = statusOf(observation, id);
      return evidence.kind === 'Missing' || (status?.flushLsn === flushLsn && status.term === term);
    });
    return new Map(known.map(([id, { evidence }]) => [id, evidence]));
  }

  /** Asks a peer that was observed; one that does not tell stays unknown. Throws only for the signal. */
  async look(peer: Peer, observation: Observation, signal: AbortSignal): Promise<void> {
    const status = statusOf(observation, peer.id);
    if (status === undefined) return;
    using _permit = await peer.dumps.acquire(signal);
    const evidence = await readDisk(peer.client, this.timeline, signal).catch(() => undefined);
    signal.throwIfAborted();
    if (evidence === undefined) return;
    this.disks.set(peer.id, { flushLsn: status.flushLsn, term: status.term, evidence });
  }
}
