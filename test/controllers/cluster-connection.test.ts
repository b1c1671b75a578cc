import { expect, test } from 'vitest';
import { createLogger } from '../../src/base/log.ts';
import { ClusterConnection, type ConnectionSettings } from '../../src/controllers/cluster/cluster-connection.ts';
import { HttpClient } from '../../src/http/client.ts';
import { KubeApiError } from '../../src/kube/api-error.ts';
import type { KubeClient } from '../../src/kube/kube-client.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startHttpStub } from '../support/http-stub.ts';

const never = new AbortController().signal;
const SETTINGS: ConnectionSettings = {
  recovery: { maxPerRecipient: 20 },
  tokenSecretRef: { name: 'tokens', key: 'safekeeper' },
  storageController: { url: 'http://controller', tokenSecretRef: { name: 'tokens', key: 'controller' } },
  tls: undefined,
};
const CLUSTER = { namespace: 'neon', name: 'main' };

/** An API server with one Secret, and a server that takes one token. */
async function rig() {
  const clock = new FakeClock();
  const state = {
    values: { safekeeper: 'first', controller: 'other' } as Record<string, string>,
    version: 1,
    accepted: 'first',
    failure: undefined as Error | undefined,
    gets: 0,
  };
  const get = (_type: unknown, at: unknown) => {
    state.gets++;
    if (state.failure !== undefined) return Promise.reject(state.failure);
    const encoded = Object.entries(state.values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
    const metadata = { ...(at as object), uid: 'u', resourceVersion: String(state.version) };
    return Promise.resolve({ apiVersion: 'v1', kind: 'Secret', metadata, data: Object.fromEntries(encoded) });
  };
  const shown: string[] = [];
  const server = await startHttpStub((request, response) => {
    const token = (request.headers.authorization ?? '').replace('Bearer ', '');
    shown.push(token);
    if (request.url !== '/pull') response.writeHead(token === state.accepted ? 200 : 401).end(`I saw ${token}`);
  });
  const connection = new ClusterConnection({
    cluster: CLUSTER,
    client: { get } as unknown as Pick<KubeClient, 'get'>,
    openHttp: (options) => new HttpClient(options),
    clock,
    log: createLogger('silent'),
  });
  const connect = async () => {
    const readiness = await connection.read(SETTINGS, never);
    if (readiness.kind === 'Unusable') throw new Error(readiness.problem.message);
    connection.apply(SETTINGS, readiness.credentials);
  };
  const ask = async () =>
    await connection.safekeepers.request({ method: 'GET', url: server.url, timeoutMs: 5_000 }, never);
  return {
    clock,
    state,
    shown,
    server,
    connection,
    connect,
    ask,
    [Symbol.asyncDispose]: async () => {
      await connection[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

test('a refused token is read again once, at once, and what the server quotes of it is not passed on', async () => {
  await using world = await rig();
  const { state, clock, ask, shown } = world;
  await world.connect();
  expect((await ask()).status).toBe(200);
  Object.assign(state, { values: { ...state.values, safekeeper: 'second' }, version: 2, accepted: 'second' });
  await clock.advance(1_000);
  expect((await ask()).status).toBe(200);
  expect(shown).toEqual(['first', 'first', 'second']);
  state.accepted = 'third';
  await clock.advance(1_000);
  expect(await ask()).toMatchObject({ status: 401, text: 'I saw [token]' });
  expect(shown.slice(3)).toEqual(['second']);
});

test('many refusals at once cost one read a second', async () => {
  await using world = await rig();
  await world.connect();
  world.state.accepted = 'nobody has this';
  await world.clock.advance(1_000);
  await Promise.all(Array.from({ length: 50 }, world.ask));
  await Promise.all(Array.from({ length: 50 }, world.ask));
  expect(world.state.gets).toBe(2);
});

test('an old token is read again beside the requests, which wait for no API server', async () => {
  await using world = await rig();
  const { state, clock, ask } = world;
  await world.connect();
  state.failure = new KubeApiError(503, 'ServiceUnavailable', 'away');
  await clock.advance(20_000);
  expect((await ask()).status).toBe(200);
  expect(state.gets).toBe(2);
  expect((await world.connection.read(SETTINGS, never)).kind).toBe('Ready');
  state.failure = undefined;
  Object.assign(state, { values: { ...state.values, safekeeper: 'second' }, version: 2 });
  await clock.advance(20_000);
  await ask();
  state.accepted = 'second';
  await expect.poll(async () => (await ask()).status).toBe(200);
});

test('another cluster setting does not lend its token, and the storage controller gets its own', async () => {
  await using world = await rig();
  await world.connect();
  const { connection, server, state } = world;
  await connection.storageController.request({ method: 'GET', url: server.url, timeoutMs: 5_000 }, never);
  expect(world.shown).toEqual(['other']);
  state.values = {};
  state.version = 2;
  expect(await connection.read(SETTINGS, never)).toMatchObject({
    kind: 'Outdated',
    problem: { message: expect.any(String) },
  });
  const elsewhere = { ...SETTINGS, tokenSecretRef: { name: 'tokens', key: 'nothing' } };
  expect(await connection.read(elsewhere, never)).toMatchObject({
    kind: 'Unusable',
    problem: {
      message: 'spec.auth.tokenSecretRef: Secret tokens has no key nothing: add it or correct the reference',
    },
  });
  state.failure = new KubeApiError(403, 'Forbidden', 'no');
  expect(await connection.read(elsewhere, never)).toMatchObject({
    problem: { message: expect.stringContaining('allow it to get secrets there') },
  });
  state.failure = new KubeApiError(500, 'ServerError', 'no');
  await expect(connection.read(elsewhere, never)).rejects.toMatchObject({ reason: 'CredentialsUnread' });
});

test('as many pulls as one recipient may have leave room for looking at it', async () => {
  await using world = await rig();
  await world.connect();
  const { connection, server, shown } = world;
  const stop = new AbortController();
  const pull = () =>
    connection.safekeepers.request({ method: 'POST', url: `${server.url}/pull`, timeoutMs: 60_000 }, stop.signal);
  const pulls = Promise.allSettled(Array.from({ length: 20 }, pull));
  await expect.poll(() => shown.length).toBe(20);
  const looks = await Promise.all(Array.from({ length: 100 }, world.ask));
  expect(new Set(looks.map(({ status }) => status))).toEqual(new Set([200]));
  stop.abort();
  expect((await pulls).every(({ status }) => status === 'rejected')).toBe(true);
});
