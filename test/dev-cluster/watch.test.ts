import { describe, expect, test } from 'vitest';
import { configMap, items, startApi, text } from './api.ts';

const MAPS = '/api/v1/namespaces/{namespace}/configmaps';
const revisionOf = async (api: Awaited<ReturnType<typeof startApi>>) =>
  text((await api.get(MAPS)).body.metadata.resourceVersion);

describe('watch', () => {
  test('from a version: every later change in order, and nothing earlier', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('before'));
    const watch = await api.watch(`${MAPS}?watch=true&resourceVersion=${await revisionOf(api)}`);
    await api.post(MAPS, configMap('a'));
    await api.mergePatch(`${MAPS}/a`, { data: { k: 'v' } });
    const deleted = await api.send('DELETE', `${MAPS}/a`);
    expect(deleted.body.status).toBe('Success');
    expect(await watch.take(2)).toEqual(['ADDED a', 'MODIFIED a']);
    const event = await watch.next();
    expect(event).toMatchObject({ type: 'DELETED', object: { data: { k: 'v' } } });
    const version = Number(event?.object.metadata.resourceVersion);
    expect(version).toBeGreaterThan(Number(deleted.body.metadata?.resourceVersion ?? 0));
    expect(version).toBeLessThanOrEqual(Number(await revisionOf(api)));
  });

  test('replays from a version in the past', async () => {
    const api = await startApi();
    const start = await revisionOf(api);
    await api.post(MAPS, configMap('a'));
    await api.send('DELETE', `${MAPS}/a`);
    await api.post(MAPS, configMap('a'));
    const watch = await api.watch(`${MAPS}?watch=true&resourceVersion=${start}`);
    expect(await watch.take(3)).toEqual(['ADDED a', 'DELETED a', 'ADDED a']);
  });

  test('without a version it starts with what is there', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('a'));
    const watch = await api.watch(`${MAPS}?watch=1&resourceVersion=0`);
    await api.post(MAPS, configMap('b'));
    expect(await watch.take(2)).toEqual(['ADDED a', 'ADDED b']);
  });

  test('a streaming list ends its initial events with a marked bookmark', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('a'));
    const query = 'watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true';
    const watch = await api.watch(`${MAPS}?${query}`);
    expect(await watch.take(1)).toEqual(['ADDED a']);
    expect(await watch.next()).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'ConfigMap', metadata: { annotations: { 'k8s.io/initial-events-end': 'true' } } },
    });
    expect((await api.get(`${MAPS}?watch=1&sendInitialEvents=true`)).status).toBe(422);
  });

  test('an object that leaves the selector is DELETED, one that enters is ADDED', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('a', { labels: { on: 'yes' } }));
    const watch = await api.watch(`${MAPS}?watch=1&labelSelector=on%3Dyes&resourceVersion=${await revisionOf(api)}`);
    await api.post(MAPS, configMap('b', { labels: { on: 'no' } }));
    await api.mergePatch(`${MAPS}/a`, { metadata: { labels: { on: 'no' } } });
    await api.mergePatch(`${MAPS}/b`, { metadata: { labels: { on: 'yes' } } });
    expect(await watch.take(2)).toEqual(['DELETED a', 'ADDED b']);
  });

  test('a namespace or a name narrows it', async () => {
    const api = await startApi();
    const watch = await api.watch(`${MAPS}?watch=1&fieldSelector=metadata.name%3Db`);
    await api.post('/api/v1/namespaces/kube-system/configmaps', configMap('b'));
    await api.post(MAPS, configMap('a'));
    await api.post(MAPS, configMap('b'));
    const event = await watch.next();
    expect(event?.object.metadata).toMatchObject({ name: 'b', namespace: api.namespace });
  });

  test('tables can be watched', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('a', {}, { k: 'v' }));
    const response = await fetch(api.at(`${MAPS}?watch=1&timeoutSeconds=1`), {
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    const [line = ''] = (await response.text()).split('\n');
    expect(JSON.parse(line)).toMatchObject({
      type: 'ADDED',
      object: { kind: 'Table', rows: [{ cells: ['a', 1, expect.any(String)] }] },
    });
  });
});

describe('list', () => {
  test('pages show one state, whatever is written meanwhile', async () => {
    const api = await startApi();
    for (const name of ['a', 'b', 'c', 'd', 'e']) await api.post(MAPS, configMap(name, {}, { old: 'yes' }));
    const first = await api.get(`${MAPS}?limit=2`);
    expect(first.body.metadata).toMatchObject({ remainingItemCount: 3, continue: expect.any(String) });
    await api.send('DELETE', `${MAPS}/c`);
    await api.post(MAPS, configMap('cc'));
    await api.mergePatch(`${MAPS}/d`, { data: { changed: 'yes' } });
    const token = encodeURIComponent(text(first.body.metadata.continue));
    const second = await api.get(`${MAPS}?limit=2&continue=${token}`);
    expect(second.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    expect(items(second.body.items).map((item) => [item.metadata.name, item.data])).toEqual([
      ['c', { old: 'yes' }],
      ['d', { old: 'yes' }],
    ]);
    const third = await api.get(`${MAPS}?limit=2&continue=${encodeURIComponent(text(second.body.metadata.continue))}`);
    expect(items(third.body.items).map((item) => item.metadata.name)).toEqual(['e']);
    expect(third.body.metadata.continue).toBeUndefined();
    expect((await api.get(`${MAPS}?limit=2&continue=rubbish`)).status).toBe(400);
  });

  test('resourceVersion and resourceVersionMatch', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('a'));
    const version = await revisionOf(api);
    await api.post(MAPS, configMap('b'));
    const names = async (query: string) =>
      items((await api.get(`${MAPS}?${query}`)).body.items).map((item) => text(item.metadata.name));
    expect(await names(`resourceVersion=${version}&resourceVersionMatch=Exact`)).toEqual(['a']);
    expect(await names(`resourceVersion=${version}&resourceVersionMatch=NotOlderThan`)).toEqual(['a', 'b']);
    expect(await names('resourceVersion=0')).toEqual(['a', 'b']);
    expect(await api.get(`${MAPS}?resourceVersion=999999`)).toMatchObject({
      status: 504,
      body: { reason: 'Timeout', details: { causes: [{ reason: 'ResourceVersionTooLarge' }] } },
    });
    expect((await api.get(`${MAPS}?resourceVersion=abc`)).status).toBe(400);
    expect((await api.get(`${MAPS}?resourceVersionMatch=Exact`)).status).toBe(422);
  });

  test('over all namespaces', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('a'));
    await api.post('/api/v1/namespaces/kube-system/configmaps', configMap('b'));
    const all = await api.get('/api/v1/configmaps');
    expect(all.body.kind).toBe('ConfigMapList');
    const seen = items(all.body.items).map(({ metadata }) => `${text(metadata.namespace)}/${text(metadata.name)}`);
    expect(seen).toEqual(expect.arrayContaining([`${api.namespace}/a`, 'kube-system/b']));
  });

  test('metadata alone', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('a', {}, { k: 'v' }));
    const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
    const { body } = await api.get(MAPS, { accept });
    expect(body.kind).toBe('PartialObjectMetadataList');
    expect(items(body.items)[0]).not.toHaveProperty('data');
  });
});
