import type { ObservedAgent, ObservedTransfer } from '../observability/agent-metrics.ts';
import type { TimelineMap } from '../transfer/timeline-map.ts';
import type { TransferKind, TransferProgress, TransferRegistry } from '../transfer/transfer-progress.ts';

const KINDS: readonly TransferKind[] = ['Pull', 'Snapshot'];

/** What an agent's metrics show. */
export function observeAgent(timelines: TimelineMap, transfers: TransferRegistry): ObservedAgent {
  return {
    timelines: () => timelines.list().length,
    unloadedDirectories: () => timelines.unloaded.length,
    tombstones: () => timelines.tombstones.count(),
    runningTransfers: () => transfers.list().map(observeTransfer),
    totals: () => KINDS.map((kind) => ({ kind, ...transfers.totals(kind) })),
  };
}

/** Of all bytes since the start, whole; 0 as long as no time has passed. */
export function bytesPerSecond({ bytes, elapsedMs }: TransferProgress): number {
  return elapsedMs > 0 ? Math.round((bytes * 1000) / elapsedMs) : 0;
}

function observeTransfer(progress: TransferProgress): ObservedTransfer {
  const { kind, id, bytes, segments, totalBytes } = progress;
  return {
    kind,
    tenant: id.tenantId,
    timeline: id.timelineId,
    bytes,
    segments,
    totalBytes,
    bytesPerSecond: bytesPerSecond(progress),
  };
}
