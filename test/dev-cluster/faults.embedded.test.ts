import { describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { configMap, startEmbedded, text } from './api.ts';

const MAPS = '/api/v1/namespaces/{namespace}/configmaps';
const revisionOf = async (api: Awaited<ReturnType<typeof startEmbedded>>) =>
  text((await api.get(MAPS)).body.metadata.resourceVersion);

describe('what the embedded API can be made to do', () => {
  test('a version that is no longer in the history is answered with 410 in the stream', async () => {
    const api = await startEmbedded();
    const old = await revisionOf(api);
    await api.post(MAPS, configMap('a'));
    api.cluster.compact();
    const watch = await api.watch(`${MAPS}?watch=1&resourceVersion=${old}`);
    expect(await watch.next()).toMatchObject({
      type: 'ERROR',
      object: {
        kind: 'Status',
        code: 410,
        reason: 'Expired',
        message: expect.stringContaining('too old resource version'),
      },
    });
    expect(await watch.next()).toBeUndefined();
    const fresh = await api.watch(`${MAPS}?watch=1&resourceVersion=${await revisionOf(api)}`);
    await api.post(MAPS, configMap('b'));
    expect(await fresh.take(1)).toEqual(['ADDED b']);
  });

  test('bookmarks come while nothing happens, and the timeout ends the watch in order', async () => {
    const clock = new FakeClock();
    const api = await startEmbedded(clock);
    const quiet = await api.watch(`${MAPS}?watch=1&resourceVersion=1&timeoutSeconds=25&allowWatchBookmarks=true`);
    await api.post('/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' } });
    await clock.advance(limits.devClusterBookmarkIntervalMs);
    const bookmark = await quiet.next();
    expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { kind: 'ConfigMap' } });
    expect(text(bookmark?.object.metadata.resourceVersion)).toBe(await revisionOf(api));
    await clock.advance(25_000);
    const rest = [await quiet.next(), await quiet.next(), await quiet.next()];
    expect(rest.map((event) => event?.type)).toEqual(['BOOKMARK', 'BOOKMARK', undefined]);
    expect(api.cluster.watchCount()).toBe(0);
  });

  test('dropped watches break off', async () => {
    const api = await startEmbedded();
    const watch = await api.watch(`${MAPS}?watch=1`);
    api.cluster.dropWatches();
    await expect(watch.next()).rejects.toThrow();
  });

  test('frozen watches say nothing until they thaw', async () => {
    const clock = new FakeClock();
    const api = await startEmbedded(clock);
    const watch = await api.watch(`${MAPS}?watch=1&resourceVersion=1&allowWatchBookmarks=1`);
    const freeze = api.cluster.freezeWatches();
    const duringFreeze = await api.watch(`${MAPS}?watch=1&resourceVersion=1`);
    await api.post(MAPS, configMap('a'));
    await clock.advance(limits.devClusterBookmarkIntervalMs);
    let heard = false;
    const next = watch.next().then((event) => {
      heard = true;
      return event;
    });
    await api.get('/version');
    expect(heard).toBe(false);
    freeze[Symbol.dispose]();
    expect(await next).toMatchObject({ type: 'ADDED' });
    expect(await watch.next()).toMatchObject({ type: 'BOOKMARK' });
    expect(await duringFreeze.take(1)).toEqual(['ADDED a']);
  });

  test('a list in pages does not go on after its history is gone', async () => {
    const api = await startEmbedded();
    for (const name of ['a', 'b', 'c']) await api.post(MAPS, configMap(name));
    const first = await api.get(`${MAPS}?limit=2`);
    await api.post(MAPS, configMap('d'));
    api.cluster.compact();
    const token = encodeURIComponent(text(first.body.metadata.continue));
    expect(await api.get(`${MAPS}?limit=2&continue=${token}`)).toMatchObject({
      status: 410,
      body: { reason: 'Expired' },
    });
  });

  test('its kubeconfig leads to it', async () => {
    const api = await startEmbedded();
    expect(api.cluster.kubeconfig()).toContain(`server: ${api.cluster.url}`);
    expect(api.cluster.kubeconfig()).toContain('current-context: safekeeper-demo');
  });
});
