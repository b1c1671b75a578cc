import { Command } from 'commander';
import pc from 'picocolors';
import { CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../api/resources.ts';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import { findCondition } from '../kube/conditions.ts';
import { kubeConfigAccess } from '../kube/kube-access.ts';
import { KubeClient } from '../kube/kube-client.ts';
import type { KubeObject, ResourceType } from '../kube/object.ts';
import { createRegistry, createRuntimeMetrics } from '../observability/metrics.ts';

interface StatusFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
  readonly allNamespaces?: boolean;
}

/**
 * `safekeeper-operator status`, `kubectl safekeepers`: the redundancy of every cluster, then its timelines, those in
 * trouble first. Exit code 0 when everything is redundant, 1 when something is not or the API cannot be read.
 */
export function statusCommand(): Command {
  return new Command('status')
    .description('show the redundancy of clusters and timelines, those in trouble first')
    .option('--kubeconfig <file>', 'kubeconfig; otherwise $KUBECONFIG, ~/.kube/config or the pod it runs in')
    .option('--context <name>', 'context of the kubeconfig')
    .option('-n, --namespace <name>', "namespace; otherwise the context's")
    .option('-A, --all-namespaces', 'all namespaces')
    .action(async (flags: StatusFlags) => {
      process.exitCode = await show(flags);
    });
}

async function show(flags: StatusFlags): Promise<number> {
  const metrics = createRuntimeMetrics(createRegistry());
  const runtime = { clock: systemClock, random: Math.random, log: createLogger('silent'), metrics };
  const access = kubeConfigAccess(
    {
      ...(flags.kubeconfig === undefined ? {} : { kubeconfigPath: flags.kubeconfig }),
      ...(flags.context === undefined ? {} : { context: flags.context }),
    },
    systemClock,
  );
  await using client = new KubeClient(access, runtime);
  const namespace = flags.namespace ?? (await access.current()).namespace ?? 'default';
  const selection = flags.allNamespaces === true ? {} : { namespace };
  const clusters = await listAll<SafekeeperCluster>(client, CLUSTER_RESOURCE, selection);
  const timelines = await listAll<SafekeeperTimeline>(client, TIMELINE_RESOURCE, selection);
  if (clusters.length === 0 && timelines.length === 0) {
    console.log(
      flags.allNamespaces === true
        ? 'No safekeeper resources found.'
        : `No safekeeper resources found in namespace ${namespace}.`,
    );
    return 0;
  }
  for (const line of renderStatus(clusters, timelines)) console.log(line);
  return [...clusters, ...timelines].every(isReady) ? 0 : 1;
}

/** The lines of the report; exported for tests. */
export function renderStatus(
  clusters: readonly SafekeeperCluster[],
  timelines: readonly SafekeeperTimeline[],
): string[] {
  const lines: string[] = [];
  for (const cluster of clusters) {
    lines.push(
      `${mark(cluster)} ${pc.bold(`${cluster.metadata.namespace}/${cluster.metadata.name}`)}  ${cluster.status?.message ?? 'Not looked at yet.'}`,
    );
    for (const { id, url, reachable, timelines: count, lost } of cluster.status?.safekeepers ?? []) {
      const trouble = [...(reachable ? [] : ['unreachable']), ...((lost ?? 0) > 0 ? [`${lost} lost`] : [])];
      const state = trouble.length === 0 ? pc.green('ok') : pc.red(trouble.join(', '));
      lines.push(
        `    safekeeper ${String(id).padEnd(4)} ${url.padEnd(32)} ${String(count ?? '?').padStart(6)} timelines  ${state}`,
      );
    }
    const own = timelines.filter(
      ({ metadata, spec }) =>
        metadata.namespace === cluster.metadata.namespace && spec.clusterRef.name === cluster.metadata.name,
    );
    lines.push(...renderTimelines(own));
  }
  const orphans = timelines.filter(
    ({ metadata, spec }) =>
      !clusters.some(
        (cluster) =>
          cluster.metadata.namespace === metadata.namespace && cluster.metadata.name === spec.clusterRef.name,
      ),
  );
  if (orphans.length > 0) lines.push(pc.bold('Timelines of no known cluster'), ...renderTimelines(orphans));
  return lines;
}

function renderTimelines(timelines: readonly SafekeeperTimeline[]): string[] {
  return [...timelines].sort(worstFirst).map((timeline) => {
    const { redundancy = '?/?', message = 'Not looked at yet.' } = timeline.status ?? {};
    return `  ${mark(timeline)} ${redundancy.padEnd(4)} ${timeline.spec.tenantId}/${timeline.spec.timelineId}  ${message}`;
  });
}

/** Needs a person, then at risk, then safe; of equals by name. */
function worstFirst(a: SafekeeperTimeline, b: SafekeeperTimeline): number {
  return severity(b) - severity(a) || (a.metadata.name < b.metadata.name ? -1 : 1);
}

function severity(object: SafekeeperTimeline | SafekeeperCluster): number {
  if (findCondition(object.status?.conditions, 'Stalled')?.status === 'True') return 2;
  return isReady(object) ? 0 : 1;
}

function mark(object: SafekeeperTimeline | SafekeeperCluster): string {
  return [pc.green('●'), pc.yellow('▲'), pc.red('✖')][severity(object)] ?? '';
}

function isReady({ status }: SafekeeperTimeline | SafekeeperCluster): boolean {
  return findCondition(status?.conditions, 'Ready')?.status === 'True';
}

async function listAll<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  selection: { readonly namespace?: string },
): Promise<T[]> {
  const items: T[] = [];
  for (let token: string | undefined; ; ) {
    const page = await client.list(type, selection, token, new AbortController().signal);
    items.push(...page.items);
    token = page.metadata.continue;
    if (token === undefined || token === '') return items;
  }
}
