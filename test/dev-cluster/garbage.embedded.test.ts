import { describe, expect, test } from 'vitest';
import { type Api, configMap, items, startEmbedded, text } from './api.ts';

const MAPS = '/api/v1/namespaces/{namespace}/configmaps';

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

// The controller manager's work, which does not run beside the real server of the tests.
describe('what goes with another object', () => {
  test('dependents go with their last owner', async () => {
    const api = await startEmbedded();
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
    const api = await startEmbedded();
    await api.post(MAPS, configMap('one'));
    await api.post(MAPS, configMap('child', await ownedBy(api, 'one')));
    await api.send('DELETE', `${MAPS}/one?propagationPolicy=Orphan`);
    expect((await api.get(`${MAPS}/child`)).body.metadata.ownerReferences).toBeUndefined();
    expect((await api.send('DELETE', `${MAPS}/child`, { propagationPolicy: 'Sideways' })).status).toBe(400);
  });

  test('a namespace takes its content along, and waits for finalizers in it', async () => {
    const api = await startEmbedded();
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
