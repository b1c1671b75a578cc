import { TIMELINE_RESOURCE } from '../../../src/api/names.ts';
import { mapBounded } from '../../../src/base/concurrency.ts';
import { parseTenantId, parseTimelineId } from '../../../src/domain/ids.ts';
import { HttpClient } from '../../../src/http/client.ts';
import { SafekeeperClient } from '../../../src/safekeeper/client.ts';
import type { KubeApiserverAddress } from '../../envtest/kube-apiserver.ts';
import { connect, listTimelines, type SafekeeperAddress } from './cluster.ts';

// The baseline, in a process of its own: list the timelines, GET the status of each replica, write one status each, with
// the operator's own clients and as much at once, and nothing else. Its orders come as a message.
interface Orders {
  readonly address: KubeApiserverAddress;
  readonly namespace: string;
  readonly safekeepers: readonly SafekeeperAddress[];
  readonly concurrency: number;
}

process.once('message', (orders: Orders) => {
  void run(orders).then(() => process.disconnect());
});

async function run({ address, namespace, safekeepers, concurrency }: Orders): Promise<void> {
  const signal = new AbortController().signal;
  await using kube = connect(address);
  await using http = new HttpClient();
  const clients = safekeepers.map(({ url }) => new SafekeeperClient({ http, url }));
  await mapBounded(await listTimelines(kube, namespace), concurrency, async ({ metadata, spec }) => {
    const tenantId = parseTenantId(spec.tenantId);
    const timelineId = parseTimelineId(spec.timelineId);
    if (tenantId === undefined || timelineId === undefined) throw new Error('these are ids');
    const id = { tenantId, timelineId };
    const answers = await Promise.all(clients.map((client) => client.timelineStatus(id, signal)));
    const status = {
      redundancy: `${answers.filter(({ kind }) => kind === 'Status').length}/${clients.length}`,
      replicas: answers.map((answer, at) => ({
        safekeeperId: safekeepers[at]?.id,
        state: 'Present',
        ...(answer.kind === 'Status' ? { term: String(answer.status.term) } : {}),
      })),
    };
    const { name, resourceVersion } = metadata;
    const body = { metadata: { name, namespace, resourceVersion }, status };
    await kube.applyStatus(TIMELINE_RESOURCE, body as never, { fieldManager: 'bare-loop', force: true }, signal);
  });
}
