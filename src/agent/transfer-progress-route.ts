import type { TransferProgress, TransferTotals } from '../transfer/transfer-progress.ts';
import { jsonAnswer } from './answer.ts';
import type { AgentContext } from './context.ts';
import { bytesPerSecond } from './observed-agent.ts';
import type { Handler } from './request-listener.ts';

/**
 * `GET /v1/debug/transfers`, an agent's own: `{running: [{kind: "Pull" | "Snapshot", tenant_id, timeline_id, peer,
 * started_at, elapsed_ms, bytes, total_bytes, segments, bytes_per_second}], totals: {pull, snapshot}}`. `peer` is the url of
 * the donor or the id of the recipient; `total_bytes` is null while unknown; totals are since the start:
 * `{bytes, segments, started}`.
 */
export function transferProgress(context: AgentContext): Handler {
  return async () => {
    const { transfers } = context;
    return jsonAnswer({
      running: transfers.list().map(progressToJson),
      totals: { pull: totalsToJson(transfers.totals('Pull')), snapshot: totalsToJson(transfers.totals('Snapshot')) },
    });
  };
}

function progressToJson(progress: TransferProgress) {
  const { kind, id, peer, startedAtMs, elapsedMs, bytes, totalBytes, segments } = progress;
  return {
    kind,
    tenant_id: id.tenantId,
    timeline_id: id.timelineId,
    peer,
    started_at: new Date(startedAtMs).toISOString(),
    elapsed_ms: Math.round(elapsedMs),
    bytes,
    total_bytes: totalBytes ?? null,
    segments,
    bytes_per_second: bytesPerSecond(progress),
  };
}

function totalsToJson({ bytes, segments, started }: TransferTotals) {
  return { bytes, segments, started };
}
