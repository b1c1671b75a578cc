import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { API_VERSION, CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../../../src/api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../../src/api/resources.ts';
import { mapBounded } from '../../../src/base/concurrency.ts';
import { systemClock } from '../../../src/base/clock.ts';
import type { TenantTimelineId } from '../../../src/domain/ids.ts';
import { fixedAccess } from '../../../src/kube/kube-access.ts';
import { KubeClient } from '../../../src/kube/kube-client.ts';
import type { ResourceType } from '../../../src/kube/object.ts';
import { createRegistry, createRuntimeMetrics } from '../../../src/observability/metrics.ts';
import { installDefinitions } from '../../api-server/definitions.ts';
import { findEnvtest } from '../../envtest/find.ts';
import { type KubeApiserverAddress, kubeconfigOf, startKubeApiserver } from '../../envtest/kube-apiserver.ts';
import { openDoor } from '../../api-server/door.ts';

export interface BenchCluster extends AsyncDisposable {
  readonly address: KubeApiserverAddress;
  readonly client: KubeClient;
  /** A kubeconfig whose user may do everything. */
  readonly kubeconfigPath: string;
}

export interface SafekeeperAddress {
  readonly id: number;
  readonly url: string;
}

const NAMESPACES: ResourceType = {
  group: '',
  version: 'v1',
  plural: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
};
const CREATE_CONCURRENCY = 32;
const NEVER = new AbortController().signal;

/** A client of its own for a real API server, as the operator's. */
export function connect({ url, ca, token }: KubeApiserverAddress): KubeClient {
  const headers = { authorization: `Bearer ${token}` };
  const access = fixedAccess({ server: url, headers, tls: { ca, verify: true }, namespace: undefined });
  const metrics = createRuntimeMetrics(createRegistry());
  return new KubeClient(access, { clock: systemClock, random: Math.random, log: pino({ level: 'error' }), metrics });
}

/** A real kube-apiserver that knows both kinds. */
export async function startBenchCluster(): Promise<BenchCluster> {
  const programs = await findEnvtest();
  if ('missing' in programs) throw new Error(programs.missing);
  const server = await startKubeApiserver(programs.path);
  const directory = await mkdtemp(join(tmpdir(), 'bench-control-'));
  const kubeconfigPath = join(directory, 'kubeconfig');
  await writeFile(kubeconfigPath, kubeconfigOf(server), { mode: 0o600 });
  {
    await using door = await openDoor({ ...server, headers: { authorization: `Bearer ${server.token}` } });
    await installDefinitions(door.url);
  }
  const client = connect(server);
  return {
    address: server,
    client,
    kubeconfigPath,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** A namespace with a cluster of these safekeepers and an object without a status for each timeline. */
export async function createObjects(
  client: KubeClient,
  namespace: string,
  safekeepers: readonly SafekeeperAddress[],
  spec: object,
  ids: readonly TenantTimelineId[],
): Promise<void> {
  await client.create(NAMESPACES, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }, NEVER);
  const cluster = {
    apiVersion: API_VERSION,
    kind: CLUSTER_RESOURCE.kind,
    metadata: { name: 'main', namespace },
    spec: { safekeepers, ...spec },
  };
  await client.create(CLUSTER_RESOURCE, cluster as unknown as SafekeeperCluster, NEVER);
  await mapBounded(ids, CREATE_CONCURRENCY, async ({ tenantId, timelineId }) => {
    const timeline = {
      apiVersion: API_VERSION,
      kind: TIMELINE_RESOURCE.kind,
      metadata: { name: `timeline-${timelineId}`, namespace },
      spec: { clusterRef: { name: 'main' }, tenantId, timelineId },
    };
    await client.create(TIMELINE_RESOURCE, timeline as unknown as SafekeeperTimeline, NEVER);
  });
}

/** All timelines of a namespace, page by page. */
export async function listTimelines(client: KubeClient, namespace: string): Promise<SafekeeperTimeline[]> {
  const all: SafekeeperTimeline[] = [];
  for (let next: string | undefined; ; ) {
    const { items, metadata } = await client.list<SafekeeperTimeline>(TIMELINE_RESOURCE, { namespace }, next, NEVER);
    all.push(...items);
    next = metadata.continue;
    if (next === undefined || next === '') return all;
  }
}

export async function deleteTimelines(client: KubeClient, namespace: string): Promise<void> {
  await mapBounded(await listTimelines(client, namespace), CREATE_CONCURRENCY, async ({ metadata }) => {
    await client.delete(TIMELINE_RESOURCE, metadata, {}, NEVER);
  });
}
