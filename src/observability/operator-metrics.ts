import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** One custom resource as its status has it; reasons are those of its conditions. */
export interface ObservedResource {
  readonly namespace: string;
  readonly cluster: string;
  /** Of the condition Ready; empty while there is none. */
  readonly ready: string;
  /** Of the condition Stalled when it is true. */
  readonly stalled: string | undefined;
}

/** What the operator is asked for at each scrape. */
export interface ObservedOperator {
  timelines(): Iterable<ObservedResource>;
  clusters(): Iterable<ObservedResource>;
  runningRecoveries(): number;
}

/** What the operator counts itself. */
export interface OperatorMetrics {
  /** How often timelines came to an outcome that people were told of. */
  readonly outcomes: Counter<'reason'>;
  readonly recoveries: Counter<'result' | 'fencing'>;
  readonly recoverySeconds: Histogram<'result'>;
  readonly restoredBytes: Counter;
}

const PREFIX = 'safekeeper_operator_';
const RECOVERY_BUCKETS_SECONDS = [0.1, 0.5, 1, 2, 5, 15, 60, 300, 1_800];
const RESOURCE_LABELS = ['namespace', 'cluster', 'reason'] as const;

/** Registers the metrics of the controllers; once for a registry. */
export function createOperatorMetrics(registry: Registry, operator: ObservedOperator): OperatorMetrics {
  registerState(registry, operator);
  const registers = [registry];
  return {
    outcomes: new Counter({
      name: `${PREFIX}timeline_outcomes_total`,
      help: 'Outcomes of timelines that were announced with an event, by reason; refusals are among them.',
      labelNames: ['reason'],
      registers,
    }),
    recoveries: new Counter({
      name: `${PREFIX}recoveries_total`,
      help: 'Recoveries that have ended, by result and by how the lost incarnation was fenced.',
      labelNames: ['result', 'fencing'],
      registers,
    }),
    recoverySeconds: new Histogram({
      name: `${PREFIX}recovery_duration_seconds`,
      help: 'From the decision to restore a replica to its end.',
      labelNames: ['result'],
      buckets: RECOVERY_BUCKETS_SECONDS,
      registers,
    }),
    restoredBytes: new Counter({
      name: `${PREFIX}restored_bytes_total`,
      help: 'Size of the replicas that were restored.',
      registers,
    }),
  };
}

function registerState(registry: Registry, operator: ObservedOperator): void {
  const gauge = (
    name: string,
    help: string,
    resources: () => Iterable<ObservedResource>,
    reasonOf: (resource: ObservedResource) => string | undefined,
  ) =>
    new Gauge({
      name: PREFIX + name,
      help,
      labelNames: RESOURCE_LABELS,
      registers: [registry],
      collect() {
        this.reset();
        for (const resource of resources()) {
          const { namespace, cluster } = resource;
          const reason = reasonOf(resource);
          if (reason !== undefined) this.inc({ namespace, cluster, reason });
        }
      },
    });
  const timelines = () => operator.timelines();
  const clusters = () => operator.clusters();
  gauge('timelines', 'SafekeeperTimelines by the reason of Ready.', timelines, ({ ready }) => ready);
  gauge('timelines_stalled', 'SafekeeperTimelines that need a person, by reason.', timelines, ({ stalled }) => stalled);
  gauge('clusters', 'SafekeeperClusters by the reason of Ready.', clusters, ({ ready }) => ready);
  gauge('clusters_stalled', 'SafekeeperClusters that need a person, by reason.', clusters, ({ stalled }) => stalled);
  const running = new Gauge({
    name: `${PREFIX}recoveries_running`,
    help: 'Recoveries under way.',
    registers: [],
    collect() {
      this.set(operator.runningRecoveries());
    },
  });
  registry.registerMetric(running);
}
