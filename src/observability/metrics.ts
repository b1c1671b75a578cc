import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export type { Registry } from 'prom-client';

/** What the controller runtime measures. The names of the queue's metrics are those of client-go, which dashboards know. */
export interface RuntimeMetrics {
  readonly queueDepth: Gauge<'name' | 'priority'>;
  readonly queueAdds: Counter<'name'>;
  readonly queueRetries: Counter<'name'>;
  readonly queueWaitSeconds: Histogram<'name'>;
  readonly reconciles: Counter<'controller' | 'result'>;
  readonly reconcileSeconds: Histogram<'controller'>;
  readonly activeWorkers: Gauge<'controller'>;
  readonly apiCalls: Counter<'method' | 'code'>;
  readonly listSeconds: Histogram<'resource'>;
  readonly watchRestarts: Counter<'resource' | 'reason'>;
  readonly watchMalformedLines: Counter<'resource'>;
  readonly cachedObjects: Gauge<'resource'>;
  readonly eventsSent: Counter<'outcome'>;
  readonly leader: Gauge<'name'>;
}

const LATENCY_BUCKETS_SECONDS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 15, 60, 300];

/** A registry of its own: nothing here touches prom-client's global one. */
export function createRegistry(): Registry {
  return new Registry();
}

/** CPU, memory, event loop and garbage collection of this process. */
export function registerProcessMetrics(registry: Registry): void {
  collectDefaultMetrics({ register: registry });
}

/** Registers the runtime's metrics; once for a registry. */
export function createRuntimeMetrics(registry: Registry): RuntimeMetrics {
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers });
  const histogram = <Label extends string>(name: string, help: string, labelNames: Label[]) =>
    new Histogram({ name, help, labelNames, registers, buckets: LATENCY_BUCKETS_SECONDS });
  return {
    queueDepth: gauge('workqueue_depth', 'Keys that wait for a worker.', ['name', 'priority']),
    queueAdds: counter('workqueue_adds_total', 'Keys that began to wait.', ['name']),
    queueRetries: counter('workqueue_retries_total', 'Keys put back after a failure.', ['name']),
    queueWaitSeconds: histogram('workqueue_queue_duration_seconds', 'How long keys waited for a worker.', ['name']),
    reconciles: counter('controller_reconcile_total', 'Reconciles by result.', ['controller', 'result']),
    reconcileSeconds: histogram('controller_reconcile_duration_seconds', 'How long reconciles took.', ['controller']),
    activeWorkers: gauge('controller_active_workers', 'Workers that are busy.', ['controller']),
    apiCalls: counter('kube_api_requests_total', 'Answers of the API server.', ['method', 'code']),
    listSeconds: histogram('reflector_list_duration_seconds', 'How long complete lists took.', ['resource']),
    watchRestarts: counter('reflector_watch_restarts_total', 'Watches that ended.', ['resource', 'reason']),
    watchMalformedLines: counter('reflector_watch_malformed_lines_total', 'Watch lines not understood.', ['resource']),
    cachedObjects: gauge('reflector_cached_objects', 'Objects in the cache.', ['resource']),
    eventsSent: counter('kube_events_total', 'Kubernetes events by outcome.', ['outcome']),
    leader: gauge('leader_election_leader', '1 while this process holds the lease.', ['name']),
  };
}
