import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startOwnKubeApiserver } from '../api-server/api-server.ts';
import { openDoor } from '../api-server/door.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';

/** Command lines of the processes that mention `word`. */
function processesWith(word: string): string[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  return pids.flatMap((pid) => {
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return line.includes(word) ? [line] : [];
    } catch {
      return [];
    }
  });
}

test('comes back with its data at its address, and without its history', async () => {
  await using server = await startOwnKubeApiserver();
  await using door = await openDoor({ ...server, headers: { authorization: `Bearer ${server.token}` } });
  const post = async (name: string) =>
    await fetch(door.url + MAPS, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }),
    });
  const created = (await (await post('before')).json()) as { metadata: { resourceVersion: string } };
  await post('after');
  const watch = `${door.url}${MAPS}?watch=1&timeoutSeconds=1&resourceVersion=${created.metadata.resourceVersion}`;
  expect(await (await fetch(watch)).text()).toContain('"name":"after"');
  const { url } = server;
  await server.stop();
  await expect(fetch(door.url + MAPS)).rejects.toThrow();
  await server.compact();
  await server.start();
  expect(server.url).toBe(url);
  expect(await (await fetch(`${door.url}${MAPS}/after`)).json()).toMatchObject({ metadata: { name: 'after' } });
  expect(await (await fetch(watch)).text()).toContain('too old resource version');
});

test('a service account token is worth as long as it says', async () => {
  await using server = await startOwnKubeApiserver();
  await using door = await openDoor(server);
  const admin = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };
  const accounts = `${door.url}/api/v1/namespaces/default/serviceaccounts`;
  const body = JSON.stringify({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'a' } });
  const created = await fetch(accounts, { method: 'POST', headers: admin, body });
  const { metadata } = (await created.json()) as { metadata: { uid: string } };
  const reviewed = async (lifetimeSeconds: number) => {
    const account = { namespace: 'default', name: 'a', uid: metadata.uid };
    const authorization = `Bearer ${server.serviceAccountToken(account, lifetimeSeconds)}`;
    return (await fetch(`${door.url}${MAPS}`, { headers: { authorization } })).status;
  };
  expect(await reviewed(60)).toBe(403);
  // It allows clocks that differ by a minute.
  expect(await reviewed(-70)).toBe(401);
});

test('ends with the process that started it, and leaves no file and no process', async () => {
  const execArgv = ['--import', 'tsx'];
  const child = fork(join(import.meta.dirname, 'killed-parent.ts'), { execArgv, stdio: 'ignore' });
  const [{ url }] = (await once(child, 'message')) as [{ url: string }];
  const [line = ''] = processesWith(`--secure-port=${new URL(url).port}`);
  const [directory = 'none'] = /\S*kube-apiserver-\w{6}(?=\s)/.exec(line) ?? [];
  expect(directory).toContain(tmpdir());
  expect(processesWith(directory).length).toBeGreaterThanOrEqual(4);
  child.kill('SIGKILL');
  await expect.poll(() => processesWith(directory), { timeout: 10_000 }).toEqual([]);
  await expect.poll(() => readdirSync(tmpdir()).map((name) => join(tmpdir(), name))).not.toContain(directory);
});
