import { expect, test } from 'vitest';
import { keyOf } from '../../src/kube/object.ts';
import { StatusWriter } from '../../src/kube/status-writer.ts';
import { Store } from '../../src/kube/store.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testClient, testRuntime, WIDGETS, type Widget, widget } from './support/runtime.ts';
import { json, type Step, startScriptedApi, status } from './support/scripted-api.ts';

const signal = new AbortController().signal;

async function setUp(
  cached: Widget,
  steps: readonly Step[],
  stillHolds?: (cached: Widget, current: Widget) => boolean,
) {
  const api = await startScriptedApi(steps);
  const client = testClient(api.url, testRuntime(new FakeClock()));
  const store = new Store<Widget>({});
  store.replace([cached], '10');
  const writer = new StatusWriter({
    client,
    type: WIDGETS,
    reflector: store,
    fieldManager: 'painter',
    ...(stillHolds && { stillHolds }),
  });
  const dispose = async () => {
    await client[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  };
  return { api, store, writer, [Symbol.asyncDispose]: dispose };
}

test('writes the whole status under its own field manager, for exactly the version it was decided on', async () => {
  const written = { ...widget('a', '2'), status: { painted: 'red' } };
  await using rig = await setUp(widget('a', '1'), [json(200, written)]);
  expect(await rig.writer.write(widget('a', '1'), { painted: 'red' }, signal)).toEqual({
    kind: 'Written',
    object: written,
  });
  const [seen] = rig.api.seen;
  expect(`${seen?.method} ${seen?.path}?${seen?.query.toString()}`).toBe(
    'PATCH /apis/example.dev/v1/namespaces/ns/widgets/a/status?fieldManager=painter&force=true',
  );
  expect(seen?.body).toEqual({
    apiVersion: 'example.dev/v1',
    kind: 'Widget',
    metadata: { name: 'a', namespace: 'ns', uid: 'uid-a', resourceVersion: '1' },
    status: { painted: 'red' },
  });
  expect(rig.store.get(keyOf(written))?.status).toEqual({ painted: 'red' });
});

test('writes nothing when the status says the same', async () => {
  const cached = { ...widget('a', '1'), status: { painted: 'red' } };
  await using rig = await setUp(cached, []);
  expect(await rig.writer.write(cached, { painted: 'red' }, signal)).toEqual({ kind: 'Unchanged' });
  expect(rig.api.seen).toEqual([]);
});

test('a stale cache is a conflict and leaves the cache alone', async () => {
  const cached = widget('a', '1');
  await using rig = await setUp(cached, [status(409, 'Conflict')]);
  await expect(rig.writer.write(cached, { painted: 'red' }, signal)).rejects.toMatchObject({ reason: 'Conflict' });
  expect(rig.store.get(keyOf(cached))).toBe(cached);
});

test('what nobody minds is no conflict: it is written for the newer version', async () => {
  const cached = widget('a', '1');
  const written = { ...widget('a', '8'), status: { painted: 'red' } };
  const steps = [status(409, 'Conflict'), json(200, widget('a', '7')), json(200, written)];
  await using rig = await setUp(cached, steps, () => true);
  expect(await rig.writer.write(cached, { painted: 'red' }, signal)).toEqual({ kind: 'Written', object: written });
  expect(rig.api.seen.map(({ method }) => method)).toEqual(['PATCH', 'GET', 'PATCH']);
  expect(rig.api.seen[2]?.body).toMatchObject({ metadata: { resourceVersion: '7' } });
});

test.each([
  ['does not hold for the newer version', widget('a', '7'), false],
  [
    'is about another object of the same name',
    { ...widget('a', '7'), metadata: { ...widget('a', '7').metadata, uid: 'other' } },
    true,
  ],
])('what %s is a conflict', async (_what, current, holds) => {
  const cached = widget('a', '1');
  await using rig = await setUp(cached, [status(409, 'Conflict'), json(200, current)], () => holds);
  await expect(rig.writer.write(cached, { painted: 'red' }, signal)).rejects.toMatchObject({ reason: 'Conflict' });
});

test('who writes faster than we do is a conflict in the end', async () => {
  const cached = widget('a', '1');
  const round = [status(409, 'Conflict'), json(200, widget('a', '7'))];
  const steps = [...round, ...round, ...round, ...round, status(409, 'Conflict')];
  await using rig = await setUp(cached, steps, () => true);
  await expect(rig.writer.write(cached, { painted: 'red' }, signal)).rejects.toMatchObject({ reason: 'Conflict' });
  expect(rig.api.seen).toHaveLength(9);
});
