import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** A copy that is under way. */
export interface ObservedTransfer {
  readonly kind: string;
  readonly tenant: string;
  readonly timeline: string;
  readonly bytes: number;
  readonly segments: number;
  /** Undefined while unknown. */
  readonly totalBytes: number | undefined;
  /** Since its start. */
  readonly bytesPerSecond: number;
}

/** What all transfers of one kind have moved since the start of the program. */
export interface ObservedTotals {
  readonly kind: string;
  readonly bytes: number;
  readonly segments: number;
  readonly started: number;
}

/** What an agent is asked for at each scrape. */
export interface ObservedAgent {
  timelines(): number;
  /** Directories that could not be loaded. */
  unloadedDirectories(): number;
  tombstones(): number;
  runningTransfers(): readonly ObservedTransfer[];
  totals(): readonly ObservedTotals[];
}

/** What an agent counts itself. */
export interface AgentMetrics {
  /** `status` is `broken` for an answer that did not reach its end. */
  readonly requests: Counter<'method' | 'route' | 'status'>;
  readonly requestSeconds: Histogram<'method' | 'route'>;
  readonly transferFailures: Counter<'kind' | 'reason'>;
}

/** A small answer takes about a millisecond, a large snapshot minutes. */
const LATENCY_BUCKETS_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300];
const PREFIX = 'safekeeper_agent_';
/** Of one running transfer; a series lives as long as its transfer. */
const TRANSFER_LABELS = ['kind', 'tenant', 'timeline'] as const;

/** Registers the metrics of one agent; once for a registry. */
export function createAgentMetrics(registry: Registry, agent: ObservedAgent): AgentMetrics {
  registerState(registry, agent);
  registerRunningTransfers(registry, agent);
  registerTotals(registry, agent);
  const registers = [registry];
  return {
    requests: new Counter({
      name: `${PREFIX}http_requests_total`,
      help: 'Answered requests; status "broken" for an answer that did not reach its end.',
      labelNames: ['method', 'route', 'status'],
      registers,
    }),
    requestSeconds: new Histogram({
      name: `${PREFIX}http_request_duration_seconds`,
      help: 'From the headers of a request to the end of its answer.',
      labelNames: ['method', 'route'],
      buckets: LATENCY_BUCKETS_SECONDS,
      registers,
    }),
    transferFailures: new Counter({
      name: `${PREFIX}transfer_failures_total`,
      help: 'Pulls and snapshots that failed, by reason.',
      labelNames: ['kind', 'reason'],
      registers,
    }),
  };
}

function registerState(registry: Registry, agent: ObservedAgent): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('timelines', 'Timelines that are served.', () => agent.timelines());
  gauge('unloaded_directories', 'Timeline directories that could not be loaded.', () => agent.unloadedDirectories());
  gauge('tombstones', 'Deletions that are remembered.', () => agent.tombstones());
}

function registerRunningTransfers(registry: Registry, agent: ObservedAgent): void {
  const gauge = (name: string, help: string, read: (transfer: ObservedTransfer) => number | undefined) =>
    new Gauge({
      name: `${PREFIX}transfer_${name}`,
      help,
      labelNames: TRANSFER_LABELS,
      registers: [registry],
      collect() {
        this.reset();
        for (const transfer of agent.runningTransfers()) {
          const { kind, tenant, timeline } = transfer;
          const value = read(transfer);
          // A timeline may be pulled twice at once.
          if (value !== undefined) this.inc({ kind, tenant, timeline }, value);
        }
      },
    });
  gauge('running', 'Pulls and snapshots under way.', () => 1);
  gauge('running_bytes', 'Bytes that a running transfer has moved.', (transfer) => transfer.bytes);
  gauge(
    'running_expected_bytes',
    'Bytes that a running transfer will move, where known.',
    (transfer) => transfer.totalBytes,
  );
  gauge('running_segments', 'WAL segments that a running transfer has moved.', (transfer) => transfer.segments);
  gauge(
    'running_bytes_per_second',
    'Rate of a running transfer since its start.',
    (transfer) => transfer.bytesPerSecond,
  );
}

function registerTotals(registry: Registry, agent: ObservedAgent): void {
  const counter = (name: string, help: string, read: (total: ObservedTotals) => number) =>
    new Counter({
      name: `${PREFIX}${name}`,
      help,
      labelNames: ['kind'],
      registers: [registry],
      collect() {
        this.reset();
        for (const total of agent.totals()) this.inc({ kind: total.kind }, read(total));
      },
    });
  counter('transfers_started_total', 'Pulls and snapshots that were started.', (total) => total.started);
  counter('transfer_bytes_total', 'Bytes moved by pulls and snapshots.', (total) => total.bytes);
  counter('transfer_segments_total', 'WAL segments moved by pulls and snapshots.', (total) => total.segments);
}
