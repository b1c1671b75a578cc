import { TIMELINE_RESOURCE } from '../../../src/api/names.ts';
import { mapBounded } from '../../../src/base/concurrency.ts';
import { formatTimestamp } from '../../../src/base/clock.ts';
import { parseTenantId, parseTimelineId } from '../../../src/domain/ids.ts';
import { formatLsn } from '../../../src/domain/lsn.ts';
import { HttpClient } from '../../../src/http/client.ts';
import type { TimelineStatus } from '../../../src/safekeeper/api.ts';
import { SafekeeperClient, type TimelineAnswer } from '../../../src/safekeeper/client.ts';
import type { KubeApiserverAddress } from '../../envtest/kube-apiserver.ts';
import { connect, listTimelines, type SafekeeperAddress } from './cluster.ts';

// The baseline, in a process of its own: list the timelines, GET the status of each replica, write one status each, as
// long as the operator's, with its own clients and as much at once, and nothing else. Its orders come as a message.
interface Orders {
  readonly address: KubeApiserverAddress;
  readonly namespace: string;
  readonly safekeepers: readonly SafekeeperAddress[];
  readonly concurrency: number;
}

process.once('message', (orders: Orders) => {
  void run(orders).then(() => process.disconnect());
});

/** As much as the operator says. */
function statusOf(answers: readonly TimelineAnswer[], safekeepers: readonly SafekeeperAddress[]): object {
  const now = formatTimestamp(Date.now());
  const types = ['Ready', 'Reconciling', 'Stalled', 'Paused', 'QuorumIntact'];
  return {
    observedGeneration: 1,
    redundancy: `${answers.filter(({ kind }) => kind === 'Status').length}/${answers.length}`,
    message: 'Safe: every member has its replica.',
    members: safekeepers.map(({ id }) => id),
    replicas: answers.map((answer, at) => ({
      safekeeperId: safekeepers[at]?.id,
      state: 'Present',
      ...(answer.kind === 'Status' ? positions(answer.status) : {}),
      observedAt: now,
    })),
    conditions: types.map((type) => ({
      type,
      status: 'True',
      reason: 'AllReplicasPresent',
      message: 'Safe: every member has its replica.',
      observedGeneration: 1,
      lastTransitionTime: now,
    })),
  };
}

function positions(status: TimelineStatus) {
  return {
    generation: String(status.membership.generation),
    term: String(status.term),
    lastLogTerm: String(status.lastLogTerm),
    flushLsn: formatLsn(status.flushLsn),
    commitLsn: formatLsn(status.commitLsn),
  };
}

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
    const status = statusOf(answers, safekeepers);
    const { name, resourceVersion } = metadata;
    const body = { metadata: { name, namespace, resourceVersion }, status };
    await kube.applyStatus(TIMELINE_RESOURCE, body as never, { fieldManager: 'bare-loop', force: true }, signal);
  });
}
