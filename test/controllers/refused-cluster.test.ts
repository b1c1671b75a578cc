import { expect, test } from 'vitest';
import type { SafekeeperClusterStatus } from '../../src/api/cluster-status.ts';
import type { SafekeeperCluster } from '../../src/api/resources.ts';
import { createLogger } from '../../src/base/log.ts';
import { ClusterRegistry } from '../../src/controllers/cluster/cluster-runtime.ts';
import { ClusterReconciler, type ClusterReconcilerOptions } from '../../src/controllers/cluster/reconcile.ts';
import { HttpClient } from '../../src/http/client.ts';
import { keyOf } from '../../src/kube/object.ts';
import { clusterObject, withoutSpecField } from '../api/objects.ts';
import { FakeClock } from '../support/fake-clock.ts';

const never = new AbortController().signal;

/** One visit of an object that the API server of today would not admit, or cannot judge. */
async function visit(object: SafekeeperCluster, client: object = {}) {
  const registry = new ClusterRegistry();
  const written: SafekeeperClusterStatus[] = [];
  const events: string[] = [];
  const reconciler = new ClusterReconciler({
    clusters: { get: () => object },
    timelines: { byIndex: () => [], keptUnder: () => [], keep: () => true, drop: () => undefined },
    registry,
    client: client as ClusterReconcilerOptions['client'],
    statusWriter: {
      write: (_object, status) => {
        written.push(status);
        return Promise.resolve({ kind: 'Unchanged' });
      },
    },
    events: { record: (_object, { reason }) => void events.push(reason) },
    openHttp: (options) => new HttpClient(options),
    clock: new FakeClock(),
    log: createLogger('silent'),
    random: () => 0,
    isTroubled: () => Promise.resolve(false),
    enqueueTimeline: () => undefined,
  });
  const result = await reconciler.reconcile(keyOf(object), never);
  return { result, written, events, entry: registry.get(keyOf(object)) };
}

test('a spec that is older than its rules is refused in words, and its timelines are told', async () => {
  const object = clusterObject({ recovery: { gracePeriod: '1s' } }) as SafekeeperCluster;
  const { result, written, events, entry } = await visit(object);
  expect(written[0]?.message).toContain('spec.recovery.gracePeriod must be a duration');
  expect(written[0]?.conditions?.find(({ type }) => type === 'Stalled')).toMatchObject({ reason: 'InvalidSpec' });
  expect(events).toEqual(['InvalidSpec']);
  expect(entry).toMatchObject({ kind: 'Unusable', reason: 'InvalidSpec' });
  expect(result).toEqual({ kind: 'Done' });
});

test('a selector of too many pods is refused, and looked at again', async () => {
  const pods = { discovery: { pods: { selector: { matchLabels: { app: 'everything' } } } } };
  const object = withoutSpecField(clusterObject(pods), 'safekeepers') as SafekeeperCluster;
  const items = Array.from({ length: 129 }, (_, n) => ({ metadata: { name: `pod-${n}`, uid: `${n}` } }));
  const list = () => Promise.resolve({ items, metadata: { resourceVersion: '1' } });
  const { result, written } = await visit(object, { list });
  expect(written[0]?.message).toContain('selects more than 128 pods');
  expect(result).toEqual({ kind: 'RequeueAfter', delayMs: 10_000 });
});

test('fences that could be announced nowhere are refused', async () => {
  const object = clusterObject({
    recovery: { fencing: 'Always' },
    inventory: { timelines: 'None' },
  }) as SafekeeperCluster;
  const { written } = await visit(object);
  expect(written[0]?.message).toContain('spec.recovery.fencing must not be Always with spec.inventory.timelines None');
});
