import { describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { startDevCluster } from '../../src/dev-cluster/dev-cluster.ts';
import { Controller } from '../../src/kube/controller.ts';
import { EventRecorder, EVENTS } from '../../src/kube/events.ts';
import { LeaderElector, LEASES } from '../../src/kube/lease.ts';
import { type KubeObject, keyOf, type ResourceType } from '../../src/kube/object.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { intentChanged, watches } from '../../src/kube/source.ts';
import { StatusWriter } from '../../src/kube/status-writer.ts';
import { eventually } from '../support/eventually.ts';
import { testClient, testRuntime, WIDGETS, type Widget } from './support/runtime.ts';

const CRDS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

const text = { type: 'string' };
const section = (properties: object) => ({ type: 'object', properties });
const WIDGET_CRD: KubeObject & { readonly spec: object } = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.example.dev' },
  spec: {
    group: 'example.dev',
    scope: 'Namespaced',
    names: { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: section({ spec: section({ color: text }), status: section({ painted: text }) }),
        },
      },
    ],
  },
};

const never = new AbortController().signal;

function newWidget(name: string, color = 'red'): Widget {
  return { apiVersion: 'example.dev/v1', kind: 'Widget', metadata: { name, namespace: 'default' }, spec: { color } };
}

/** Pauses pass a hundred times faster. */
const hurriedClock: Clock = {
  ...systemClock,
  sleep: (durationMs, signal) => systemClock.sleep(durationMs / 100, signal),
};

/** An embedded API server with the widgets' definition and everything of the runtime that speaks with it. */
async function setUp() {
  const runtime = { ...testRuntime(hurriedClock), random: Math.random };
  const cluster = await startDevCluster({ clock: systemClock, log: runtime.log });
  const client = testClient(cluster.url, runtime);
  await client.create(CRDS, WIDGET_CRD, never);
  const stop = new AbortController();
  const reflector = new Reflector<Widget>({ client, runtime, type: WIDGETS });
  const running: Array<Promise<void>> = [reflector.run(stop.signal)];
  const dispose = async () => {
    stop.abort(new Error('the test is over'));
    await Promise.all(running);
    await client[Symbol.asyncDispose]();
    await cluster.close();
  };
  const names = () => [...reflector.store.values()].map(({ metadata }) => metadata.name).sort();
  return { runtime, cluster, client, reflector, names, stop, running, [Symbol.asyncDispose]: dispose };
}

describe('reflector', () => {
  test('follows creation, change and deletion', async () => {
    await using rig = await setUp();
    const created = await rig.client.create(WIDGETS, newWidget('a'), never);
    await eventually('a', () => rig.names().join() === 'a');
    expect(rig.reflector.store.get(keyOf(created))).toMatchObject({ spec: { color: 'red' } });
    await rig.client.mergePatch(WIDGETS, created.metadata, { spec: { color: 'blue' } }, never);
    await eventually('the change', () => rig.reflector.store.get(keyOf(created))?.spec?.color === 'blue');
    await rig.client.delete(WIDGETS, created.metadata, {}, never);
    await eventually('the deletion', () => rig.reflector.store.size === 0);
  });

  test('lists more than a page and follows selectors', async () => {
    await using rig = await setUp();
    await Promise.all(Array.from({ length: 510 }, (_, n) => rig.client.create(WIDGETS, newWidget(`w${n}`), never)));
    const selection = { fieldSelector: 'metadata.name=w7' };
    const [all, one] = [{}, selection].map(
      (selected) => new Reflector<Widget>({ ...rig, type: WIDGETS, selection: selected }),
    );
    for (const each of [all, one]) if (each !== undefined) rig.running.push(each.run(rig.stop.signal));
    await eventually('both lists', () => all?.hasSynced() === true && one?.hasSynced() === true);
    expect([all?.store.size, one?.store.size]).toEqual([510, 1]);
  });

  test('comes back from a broken connection, and from a history that is gone', async () => {
    await using rig = await setUp();
    const created = await rig.client.create(WIDGETS, newWidget('a'), never);
    await eventually('a', () => rig.reflector.store.size === 1);
    {
      // The watch must not hear of it before its history is gone.
      using _silence = rig.cluster.freezeWatches();
      await rig.client.delete(WIDGETS, created.metadata, {}, never);
      await rig.client.create(WIDGETS, newWidget('b'), never);
      rig.cluster.compact();
      rig.cluster.dropWatches();
    }
    await eventually('b alone', () => rig.names().join() === 'b');
    const { values } = await rig.runtime.metrics.watchRestarts.get();
    expect(values.map(({ labels }) => labels.reason)).toContain('Expired');
  });

  test('loses and repeats nothing however often connections break and histories end', async () => {
    await using rig = await setUp();
    await eventually('the first list', () => rig.reflector.hasSynced());
    const heard = new Map<string, string>();
    const repeats: string[] = [];
    using _subscription = rig.reflector.store.subscribe(({ kind, object }) => {
      const { name, resourceVersion = '' } = object.metadata;
      if (kind !== 'Deleted' && heard.get(name) === resourceVersion) repeats.push(`${name}@${resourceVersion}`);
      if ((kind === 'Added') === heard.has(name)) repeats.push(`${kind} ${name}`);
      if (kind === 'Deleted') heard.delete(name);
      else heard.set(name, resourceVersion);
    });
    for (let round = 0; round < 60; round++) {
      const { metadata } = await rig.client.create(WIDGETS, newWidget(`w${round}`), never);
      if (round % 2 === 0) await rig.client.mergePatch(WIDGETS, metadata, { spec: { color: `c${round}` } }, never);
      if (round % 3 === 0) await rig.client.delete(WIDGETS, metadata, {}, never);
      if (round % 5 === 0) rig.cluster.dropWatches();
      if (round % 20 === 0) rig.cluster.compact();
    }
    const { items } = await rig.client.list(WIDGETS, {}, undefined, never);
    const expected = items.map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort();
    const actual = () => [...heard].map(([name, version]) => `${name}@${version}`).sort();
    await eventually('the last change', () => actual().join() === expected.join());
    expect(repeats).toEqual([]);
  });
});

describe('status', () => {
  test('is written once, and a decision on a stale version is refused', async () => {
    await using rig = await setUp();
    const stale = await rig.client.create(WIDGETS, newWidget('a'), never);
    await eventually('a', () => rig.reflector.store.size === 1);
    const writer = new StatusWriter({ ...rig, type: WIDGETS, fieldManager: 'painter' });
    expect(await writer.write(stale, { painted: 'red' }, never)).toMatchObject({ kind: 'Written' });
    const cached = rig.reflector.store.get(keyOf(stale));
    expect(cached).toMatchObject({ spec: { color: 'red' }, status: { painted: 'red' } });
    expect(cached && (await writer.write(cached, { painted: 'red' }, never))).toEqual({ kind: 'Unchanged' });
    await expect(writer.write(stale, { painted: 'blue' }, never)).rejects.toMatchObject({ reason: 'Conflict' });
    const stored = await rig.client.get(WIDGETS, stale.metadata, never);
    expect(stored.metadata.resourceVersion).toBe(cached?.metadata.resourceVersion);
    const isOurs = { manager: 'painter', operation: 'Apply', subresource: 'status' };
    expect(stored.metadata.managedFields).toContainEqual(expect.objectContaining(isOurs));
  });

  test('fields that are not claimed any more go away', async () => {
    await using rig = await setUp();
    const created = await rig.client.create(WIDGETS, newWidget('a'), never);
    await eventually('a', () => rig.reflector.store.size === 1);
    const writer = new StatusWriter<Widget['status'], Widget>({ ...rig, type: WIDGETS, fieldManager: 'painter' });
    const first = await writer.write(created, { painted: 'red' }, never);
    if (first.kind === 'Written') await writer.write(first.object, {}, never);
    expect((await rig.client.get(WIDGETS, created.metadata, never)).status).toEqual({});
  });
});

test('a controller settles: it writes each status once and then nothing more', async () => {
  await using rig = await setUp();
  const writer = new StatusWriter({ ...rig, type: WIDGETS, fieldManager: 'painter' });
  let reconciles = 0;
  const controller = new Controller({
    name: 'painter',
    runtime: rig.runtime,
    sources: [watches(rig.reflector, (object) => [keyOf(object)], { when: intentChanged })],
    workerCount: 4,
    reconcileTimeoutMs: 5_000,
    reconcile: async (key, signal) => {
      reconciles++;
      const cached = rig.reflector.store.get(key);
      if (cached?.spec !== undefined) await writer.write(cached, { painted: cached.spec.color }, signal);
      return { kind: 'Done' };
    },
  });
  rig.running.push(controller.run(rig.stop.signal, never));
  const painted = (color: string) => () =>
    rig.reflector.store.size === 20 &&
    [...rig.reflector.store.values()].every(({ status }) => status?.painted === color);
  await Promise.all(Array.from({ length: 20 }, (_, n) => rig.client.create(WIDGETS, newWidget(`w${n}`), never)));
  await eventually('all painted', painted('red'));
  for (const { metadata } of rig.reflector.store.values()) {
    await rig.client.mergePatch(WIDGETS, metadata, { spec: { color: 'blue' } }, never);
  }
  await eventually('all painted again', painted('blue'));
  const last = await rig.client.create(WIDGETS, newWidget('last'), never);
  await eventually('the last', () => rig.reflector.store.get(keyOf(last))?.status?.painted === 'red');
  const conflicts = (await rig.runtime.metrics.reconciles.get()).values.find(
    ({ labels }) => labels.result === 'conflict',
  );
  expect(reconciles - (conflicts?.value ?? 0)).toBe(41);
});

test('leadership passes on', async () => {
  await using rig = await setUp();
  const common = { ...rig, namespace: 'default', name: 'operator' };
  const first = await new LeaderElector({ ...common, identity: 'one' }).acquire(never);
  await first[Symbol.asyncDispose]();
  await using second = await new LeaderElector({ ...common, identity: 'two' }).acquire(never);
  expect(second.isHeld()).toBe(true);
  const lease = await rig.client.get(LEASES, { namespace: 'default', name: 'operator' }, never);
  expect(lease.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
});

test('events are counted up', async () => {
  await using rig = await setUp();
  const created = await rig.client.create(WIDGETS, newWidget('a'), never);
  const recorder = new EventRecorder({ ...rig, component: 'painter', instance: 'pod-1' });
  rig.running.push(recorder.run(rig.stop.signal));
  const note = { type: 'Normal', reason: 'Painted', message: 'painted it red' } as const;
  recorder.record(created, note);
  await recorder.flush(never);
  recorder.record(created, note);
  await recorder.flush(never);
  const fieldSelector = 'involvedObject.name=a,reason=Painted';
  const { items } = await rig.client.list(EVENTS, { namespace: 'default', fieldSelector }, undefined, never);
  expect(items.map(({ count, message }) => [count, message])).toEqual([[2, 'painted it red']]);
});
