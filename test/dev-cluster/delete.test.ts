import { describe, expect, test } from 'vitest';
import { type Api, configMap, items, startApi, text } from './api.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

async function names(api: Api, path = MAPS): Promise<string[]> {
  return items((await api.get(path)).body.items).map((item) => text(item.metadata.name));
}

async function ownedBy(api: Api, ...owners: string[]): Promise<object> {
  const references = await Promise.all(
    owners.map(async (name) => {
      const { uid } = (await api.get(`${MAPS}/${name}`)).body.metadata;
      return { apiVersion: 'v1', kind: 'ConfigMap', name, uid };
    }),
  );
  return { ownerReferences: references };
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

  test('dependents go with their last owner', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('one'));
    await api.post(MAPS, configMap('two'));
    await api.post(MAPS, configMap('child', await ownedBy(api, 'one', 'two')));
    await api.post(MAPS, configMap('grandchild', await ownedBy(api, 'child')));
    await api.send('DELETE', `${MAPS}/one`);
    expect(await names(api)).toEqual(['child', 'grandchild', 'two']);
    await api.send('DELETE', `${MAPS}/two`);
    expect(await names(api)).toEqual([]);
  });

  test('orphaned dependents stay and lose the reference', async () => {
    const api = await startApi();
    await api.post(MAPS, configMap('one'));
    await api.post(MAPS, configMap('child', await ownedBy(api, 'one')));
    await api.send('DELETE', `${MAPS}/one?propagationPolicy=Orphan`);
    expect((await api.get(`${MAPS}/child`)).body.metadata.ownerReferences).toBeUndefined();
    expect((await api.send('DELETE', `${MAPS}/child`, { propagationPolicy: 'Sideways' })).status).toBe(400);
  });

  test('a namespace takes its content along, and waits for finalizers in it', async () => {
    const api = await startApi();
    const team = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } };
    expect((await api.post('/api/v1/namespaces', team)).body.status).toEqual({ phase: 'Active' });
    const maps = '/api/v1/namespaces/team/configmaps';
    await api.post(maps, configMap('a'));
    await api.post(maps, configMap('held', { finalizers: ['x.dev/f'] }));
    const reply = await api.send('DELETE', '/api/v1/namespaces/team');
    expect(reply.body).toMatchObject({ kind: 'Namespace', status: { phase: 'Terminating' } });
    expect(await names(api, maps)).toEqual(['held']);
    expect(await api.post(maps, configMap('late'))).toMatchObject({ status: 403, body: { reason: 'Forbidden' } });
    await api.mergePatch(`${maps}/held`, { metadata: { finalizers: [] } });
    expect((await api.get('/api/v1/namespaces/team')).status).toBe(404);
    expect((await api.send('DELETE', '/api/v1/namespaces/default')).status).toBe(403);
    await api.post('/api/v1/namespaces', team);
    await api.post(maps, configMap('a'));
    expect((await api.send('DELETE', '/api/v1/namespaces/team')).status).toBe(200);
    expect((await api.get('/api/v1/namespaces/team')).status).toBe(404);
  });
});
