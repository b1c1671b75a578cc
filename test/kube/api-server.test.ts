import { describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { Controller } from '../../src/kube/controller.ts';
import { EventRecorder, EVENTS } from '../../src/kube/events.ts';
import { LeaderElector, LEASES } from '../../src/kube/lease.ts';
import { keyOf, type ResourceType } from '../../src/kube/object.ts';
import { Reflector } from '../../src/kube/reflector.ts';
import { intentChanged, watches } from '../../src/kube/source.ts';
import { StatusWriter } from '../../src/kube/status-writer.ts';
import { openApi } from '../api-server/api-server.ts';
import { installDefinition } from '../api-server/definitions.ts';
import { eventually } from '../support/eventually.ts';
import { testClient, testRuntime, type Widget, WIDGETS as SOME_WIDGETS } from './support/runtime.ts';

/** In a group of their own: all tests may share the server. */
const WIDGETS: ResourceType<Widget> = { ...SOME_WIDGETS, group: 'painted.example.dev' };
const text = { type: 'string' };
const section = (properties: object) => ({ type: 'object', properties });
const WIDGET_CRD = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'widgets.painted.example.dev' },
  spec: {
    group: WIDGETS.group,
    scope: 'Namespaced',
    names: { kind: 'Widget', listKind: 'WidgetList', plural: 'widgets', singular: 'widget' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: {
          openAPIV3Schema: section({
            spec: section({ color: text }),
            status: section({ painted: text, coats: { type: 'integer' } }),
          }),
        },
      },
    ],
  },
};

const never = new AbortController().signal;

/** Pauses pass a hundred times faster. */
const hurriedClock: Clock = {
  ...systemClock,
  sleep: (durationMs, signal) => systemClock.sleep(durationMs / 100, signal),
};

/** An API server with the widgets' definition and everything of the runtime that speaks with it. */
async function setUp({ own = false } = {}) {
  const runtime = { ...testRuntime(hurriedClock), random: Math.random };
  const api = await openApi({ own });
  await installDefinition(api.url, WIDGET_CRD);
  const client = testClient(api.url, runtime);
  const stop = new AbortController();
  const { namespace } = api;
  const reflector = new Reflector<Widget>({ client, runtime, type: WIDGETS, selection: { namespace } });
  const running: Array<Promise<void>> = [reflector.run(stop.signal)];
  const dispose = async () => {
    stop.abort(new Error('the test is over'));
    await Promise.all(running);
    await client[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  };
  const names = () => [...reflector.store.values()].map(({ metadata }) => metadata.name).sort();
  const newWidget = (name: string, color = 'red'): Widget => ({
    apiVersion: 'painted.example.dev/v1',
    kind: 'Widget',
    metadata: { name, namespace },
    spec: { color },
  });
  return {
    runtime,
    api,
    namespace,
    client,
    reflector,
    names,
    newWidget,
    stop,
    running,
    [Symbol.asyncDispose]: dispose,
  };
}

describe('reflector', () => {
  test('follows creation, change and deletion', async () => {
    await using rig = await setUp();
    const created = await rig.client.create(WIDGETS, rig.newWidget('a'), never);
    await eventually('a', () => rig.names().join() === 'a');
    expect(rig.reflector.store.get(keyOf(created))).toMatchObject({ spec: { color: 'red' } });
    await rig.client.mergePatch(WIDGETS, created.metadata, { spec: { color: 'blue' } }, never);
    await eventually('the change', () => rig.reflector.store.get(keyOf(created))?.spec?.color === 'blue');
    await rig.client.delete(WIDGETS, created.metadata, {}, never);
    await eventually('the deletion', () => rig.reflector.store.size === 0);
  });

  test('lists more than a page and follows selectors', async () => {
    await using rig = await setUp();
    await Promise.all(Array.from({ length: 510 }, (_, n) => rig.client.create(WIDGETS, rig.newWidget(`w${n}`), never)));
    const { namespace } = rig;
    const [all, one] = [{ namespace }, { namespace, fieldSelector: 'metadata.name=w7' }].map(
      (selected) => new Reflector<Widget>({ ...rig, type: WIDGETS, selection: selected }),
    );
    for (const each of [all, one]) if (each !== undefined) rig.running.push(each.run(rig.stop.signal));
    await eventually('both lists', () => all?.hasSynced() === true && one?.hasSynced() === true);
    expect([all?.store.size, one?.store.size]).toEqual([510, 1]);
  });

  test('comes back from a broken connection, and from a history that is gone', async () => {
    await using rig = await setUp({ own: true });
    const created = await rig.client.create(WIDGETS, rig.newWidget('a'), never);
    await eventually('a', () => rig.reflector.store.size === 1);
    {
      // The watch must not hear of it before its history is gone.
      using _silence = rig.api.door.freezeWatches();
      await rig.client.delete(WIDGETS, created.metadata, {}, never);
      await rig.client.create(WIDGETS, rig.newWidget('b'), never);
      await rig.api.expire();
      rig.api.door.dropWatches();
    }
    await eventually('b alone', () => rig.names().join() === 'b');
    const { values } = await rig.runtime.metrics.watchRestarts.get();
    expect(values.map(({ labels }) => labels.reason)).toContain('Expired');
  });

  test('gives up a watch that fell silent without an end', async () => {
    await using rig = await setUp();
    const { namespace } = rig;
    const selection = { namespace };
    const impatient = new Reflector<Widget>({ ...rig, type: WIDGETS, selection, stallTimeoutMs: 400 });
    rig.running.push(impatient.run(rig.stop.signal));
    const created = await rig.client.create(WIDGETS, rig.newWidget('a'), never);
    await eventually('a', () => impatient.store.size === 1 && rig.reflector.store.size === 1);
    await eventually('both watch', () => rig.api.door.watchCount() === 2);
    rig.api.door.silenceWatches();
    await rig.client.delete(WIDGETS, created.metadata, {}, never);
    await eventually('the deletion', () => impatient.store.size === 0);
    // One that trusts its connection for longer has not heard of it.
    expect(rig.reflector.store.size).toBe(1);
  });

  test('loses and repeats nothing however often connections break and histories end', async () => {
    await using rig = await setUp({ own: true });
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
      const { metadata } = await rig.client.create(WIDGETS, rig.newWidget(`w${round}`), never);
      if (round % 2 === 0) await rig.client.mergePatch(WIDGETS, metadata, { spec: { color: `c${round}` } }, never);
      if (round % 3 === 0) await rig.client.delete(WIDGETS, metadata, {}, never);
      if (round % 5 === 0) rig.api.door.dropWatches();
      if (round % 20 === 0) await rig.api.expire();
    }
    const { items } = await rig.client.list(WIDGETS, { namespace: rig.namespace }, undefined, never);
    const expected = items.map(({ metadata }) => `${metadata.name}@${metadata.resourceVersion}`).sort();
    const actual = () => [...heard].map(([name, version]) => `${name}@${version}`).sort();
    await eventually('the last change', () => actual().join() === expected.join());
    expect(repeats).toEqual([]);
  });
});

describe('status', () => {
  test('is written once, and a decision on a stale version is refused', async () => {
    await using rig = await setUp();
    const stale = await rig.client.create(WIDGETS, rig.newWidget('a'), never);
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
    const created = await rig.client.create(WIDGETS, rig.newWidget('a'), never);
    await eventually('a', () => rig.reflector.store.size === 1);
    const writer = new StatusWriter<Widget['status'], Widget>({ ...rig, type: WIDGETS, fieldManager: 'painter' });
    const first = await writer.write(created, { painted: 'red', coats: 2 }, never);
    if (first.kind === 'Written') await writer.write(first.object, { coats: 2 }, never);
    expect((await rig.client.get(WIDGETS, created.metadata, never)).status).toEqual({ coats: 2 });
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
  await Promise.all(Array.from({ length: 20 }, (_, n) => rig.client.create(WIDGETS, rig.newWidget(`w${n}`), never)));
  await eventually('all painted', painted('red'));
  for (const { metadata } of rig.reflector.store.values()) {
    await rig.client.mergePatch(WIDGETS, metadata, { spec: { color: 'blue' } }, never);
  }
  await eventually('all painted again', painted('blue'));
  const last = await rig.client.create(WIDGETS, rig.newWidget('last'), never);
  await eventually('the last', () => rig.reflector.store.get(keyOf(last))?.status?.painted === 'red');
  const conflicts = (await rig.runtime.metrics.reconciles.get()).values.find(
    ({ labels }) => labels.result === 'conflict',
  );
  expect(reconciles - (conflicts?.value ?? 0)).toBe(41);
});

test('leadership passes on', async () => {
  await using rig = await setUp();
  const common = { ...rig, namespace: rig.namespace, name: 'operator' };
  const first = await new LeaderElector({ ...common, identity: 'one' }).acquire(never);
  await first[Symbol.asyncDispose]();
  await using second = await new LeaderElector({ ...common, identity: 'two' }).acquire(never);
  expect(second.isHeld()).toBe(true);
  const lease = await rig.client.get(LEASES, { namespace: rig.namespace, name: 'operator' }, never);
  expect(lease.spec).toMatchObject({ holderIdentity: 'two', leaseTransitions: 1 });
});

test('events are counted up', async () => {
  await using rig = await setUp();
  const created = await rig.client.create(WIDGETS, rig.newWidget('a'), never);
  const recorder = new EventRecorder({ ...rig, component: 'painter', instance: 'pod-1' });
  rig.running.push(recorder.run(rig.stop.signal));
  const note = { type: 'Normal', reason: 'Painted', message: 'painted it red' } as const;
  recorder.record(created, note);
  await recorder.flush(never);
  recorder.record(created, note);
  await recorder.flush(never);
  const fieldSelector = 'involvedObject.name=a,reason=Painted';
  const { items } = await rig.client.list(EVENTS, { namespace: rig.namespace, fieldSelector }, undefined, never);
  expect(items.map(({ count, message }) => [count, message])).toEqual([[2, 'painted it red']]);
});
