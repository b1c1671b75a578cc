import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { CLUSTER_RESOURCE } from '../../src/api/names.ts';
import { systemClock } from '../../src/base/clock.ts';
import { LiveStore } from '../../src/cli/status/live-store.ts';
import { approve } from '../../src/cli/verbs/approve.ts';
import { pause } from '../../src/cli/verbs/pause.ts';
import { fixedAccess } from '../../src/kube/kube-access.ts';
import { KubeClient } from '../../src/kube/kube-client.ts';
import { FakeConsole, NEVER, ObjectsWorld } from './api-objects.ts';
import { clusterObject, PULLING, proposedStatus, timelineObject } from './status-objects.ts';

const RBAC = '/apis/rbac.authorization.k8s.io/v1';

let world: ObjectsWorld;

beforeEach(async () => {
  world = await ObjectsWorld.open();
  await world.put(clusterObject('main', PULLING));
  await world.put(timelineObject('a', proposedStatus('abc')));
});

afterEach(() => world[Symbol.asyncDispose]());

async function post(path: string, body: unknown): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${world.api.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
}

/** Somebody with the documented roles, in the test's namespace alone. */
async function person(...roles: string[]) {
  const text = await readFile(resolve(import.meta.dirname, '../../docs/status.md'), 'utf8');
  const [, yaml = ''] = /```yaml\n([^`]*)```/.exec(text) ?? [];
  const name = `person-${roles.length}`;
  for (const document of parseAllDocuments(yaml)) {
    const role = document.toJS() as { kind: string; metadata: { name: string } };
    if (!roles.includes(role.metadata.name)) continue;
    // A Role of the same rules: nothing of this outlives the namespace.
    const own = { ...role, kind: 'Role', metadata: { name: role.metadata.name } };
    await post(`${RBAC}/namespaces/${world.namespace}/roles`, own);
    await post(`${RBAC}/namespaces/${world.namespace}/rolebindings`, {
      metadata: { name: role.metadata.name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: role.metadata.name },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name }],
    });
  }
  const headers = { 'Impersonate-User': name };
  const access = fixedAccess({ server: world.api.url, headers, tls: { verify: true }, namespace: world.namespace });
  await using client = new KubeClient(access, world.runtime);
  const { namespace } = world;
  const look = () => client.list(CLUSTER_RESOURCE, { namespace }, undefined, NEVER).then(() => 'allowed', String);
  // The authorizer learns of a binding a moment later.
  await expect.poll(look, { timeout: 10_000 }).toBe('allowed');
  return access;
}

test('who may look sees and watches everything, and decides nothing', async () => {
  const access = await person('safekeepers-view');
  await using store = new LiveStore(access, world.runtime, {
    namespace: world.namespace,
    targets: { kinds: [], named: [] },
  });
  await store.start([], NEVER);
  expect(store.overview(10)).toMatchObject({ timelineCounts: { NeedsYou: 1 }, clusterCounts: { AtRisk: 1 } });
  await using client = new KubeClient(access, world.runtime);
  const decision = approve(client, world.namespace, 'a', undefined, new FakeConsole(), systemClock, NEVER);
  await expect(decision).rejects.toMatchObject({ reason: 'Forbidden' });
});

test('who may decide needs no more than that', async () => {
  const access = await person('safekeepers-view', 'safekeepers-decide');
  await using client = new KubeClient(access, world.runtime);
  const console = new FakeConsole();
  const decide = () => approve(client, world.namespace, 'a', undefined, console, systemClock, NEVER);
  await expect.poll(() => decide().then(() => 'decided', String), { timeout: 10_000 }).toBe('decided');
  await pause(client, world.namespace, 'skc/main', 3_600_000, console, systemClock, NEVER);
  await pause(client, world.namespace, 'skt/a', undefined, console, systemClock, NEVER);
  expect(console.printed.map((line) => line.split(' ')[0])).toEqual([
    'safekeepertimeline.safekeeper.dev/a',
    'safekeepercluster.safekeeper.dev/main',
    'safekeepertimeline.safekeeper.dev/a',
  ]);
});
