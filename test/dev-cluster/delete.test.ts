import { describe, expect, test } from 'vitest';
import { type Api, configMap, items, startApi, text } from './api.ts';

const MAPS = '/api/v1/namespaces/{namespace}/configmaps';

async function names(api: Api, path = MAPS): Promise<string[]> {
  return items((await api.get(path)).body.items).map((item) => text(item.metadata.name));
}

describe('delete', () => {
  test('answers with a Status and is final', async () => {
    const api = await startApi();
    const { body } = await api.post(MAPS, configMap('a'));
    expect(await api.send('DELETE', `${MAPS}/a`)).toMatchObject({
      status: 200,
      body: { kind: 'Status', status: 'Success', details: { name: 'a', kind: 'configmaps', uid: body.metadata.uid } },
    });
    expect((await api.send('DELETE', `${MAPS}/a`)).status).toBe(404);
  });

  test('preconditions', async () => {
    const api = await startApi();
    const { body } = await api.post(MAPS, configMap('a'));
    const withPreconditions = (preconditions: object) => api.send('DELETE', `${MAPS}/a`, { preconditions });
    expect(await withPreconditions({ uid: 'other' })).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    expect((await withPreconditions({ resourceVersion: '1' })).status).toBe(409);
    expect((await api.send('DELETE', `${MAPS}/a?dryRun=All`)).status).toBe(200);
    expect((await withPreconditions({ uid: body.metadata.uid })).status).toBe(200);
  });

  test('finalizers hold the object until they are gone', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('a', { finalizers: ['x.dev/f'] }));
    const marked = await api.send('DELETE', `${MAPS}/a`);
    expect(marked.body.metadata).toMatchObject({
      deletionTimestamp: expect.any(String),
      deletionGracePeriodSeconds: 0,
    });
    const undone = await api.mergePatch(`${MAPS}/a`, { metadata: { deletionTimestamp: null } });
    expect(undone.body.metadata).toHaveProperty('deletionTimestamp');
    expect((await api.mergePatch(`${MAPS}/a`, { metadata: { finalizers: null } })).status).toBe(200);
    expect((await api.get(`${MAPS}/a`)).status).toBe(404);
  });

  test('a collection, by selector', async () => {
    const api = await startApi();
    for (const [name, on] of [
      ['a', 'yes'],
      ['b', 'no'],
      ['c', 'yes'],
    ] as const) {
      await api.post(MAPS, configMap(name, { labels: { on } }));
    }
    const reply = await api.send('DELETE', `${MAPS}?labelSelector=on%3Dyes`);
    expect(items(reply.body.items)).toHaveLength(2);
    expect(await names(api)).toEqual(['b']);
  });
});
