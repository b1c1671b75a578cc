import { describe, expect, test } from 'vitest';
import { KubeApiError } from '../../src/kube/api-error.ts';
import type { AccessSource, KubeAccess } from '../../src/kube/kube-access.ts';
import { KubeClient } from '../../src/kube/kube-client.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testClient, testRuntime, WIDGETS, type Widget, widget } from './support/runtime.ts';
import { json, type Step, startScriptedApi, status } from './support/scripted-api.ts';

const AT = { namespace: 'ns', name: 'a' };
const signal = new AbortController().signal;

async function setUp(steps: readonly Step[]) {
  const api = await startScriptedApi(steps);
  const clock = new FakeClock();
  const client = testClient(api.url, testRuntime(clock));
  const dispose = async () => {
    await client[Symbol.asyncDispose]();
    await api[Symbol.asyncDispose]();
  };
  return { api, clock, client, [Symbol.asyncDispose]: dispose };
}

async function errorOf(work: Promise<unknown>): Promise<KubeApiError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof KubeApiError) return error;
  throw new Error('expected a KubeApiError', { cause: error });
}

test('each call has the method, path, content type and body of the Kubernetes API', async () => {
  const object = widget('a', '1');
  const metadata = { name: 'a', namespace: 'ns' };
  await using rig = await setUp(Array.from({ length: 8 }, () => json(200, object)));
  const { client } = rig;
  await client.get(WIDGETS, AT, signal);
  await client.create(WIDGETS, object, signal);
  await client.replace(WIDGETS, object, signal);
  await client.mergePatch(WIDGETS, AT, { spec: { color: 'blue' } }, signal);
  await client.patchStatus(WIDGETS, AT, { status: {} }, signal);
  await client.apply(WIDGETS, { metadata, spec: {} }, { fieldManager: 'me' }, signal);
  await client.applyStatus(WIDGETS, { metadata, status: {} }, { fieldManager: 'me', force: true }, signal);
  await client.delete(WIDGETS, AT, { preconditions: { uid: 'uid-a' } }, signal);
  const base = '/apis/example.dev/v1/namespaces/ns/widgets';
  expect(
    rig.api.seen.map(({ method, path, query, headers }) => [
      method,
      query.size === 0 ? path : `${path}?${query.toString()}`,
      headers['content-type'],
    ]),
  ).toEqual([
    ['GET', `${base}/a`, undefined],
    ['POST', base, 'application/json'],
    ['PUT', `${base}/a`, 'application/json'],
    ['PATCH', `${base}/a`, 'application/merge-patch+json'],
    ['PATCH', `${base}/a/status`, 'application/merge-patch+json'],
    ['PATCH', `${base}/a?fieldManager=me`, 'application/apply-patch+yaml'],
    ['PATCH', `${base}/a/status?fieldManager=me&force=true`, 'application/apply-patch+yaml'],
    ['DELETE', `${base}/a`, 'application/json'],
  ]);
  const typeMeta = { apiVersion: 'example.dev/v1', kind: 'Widget' };
  expect(rig.api.seen[5]?.body).toEqual({ ...typeMeta, metadata, spec: {} });
  expect(rig.api.seen[7]?.body).toEqual({
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    preconditions: { uid: 'uid-a' },
  });
});

test('a list of a built-in type gets the kind of its items filled in, and the core group has its own path', async () => {
  const leaves = { metadata: { name: 'x', resourceVersion: '1' } };
  await using rig = await setUp([json(200, { metadata: { resourceVersion: '1' }, items: [leaves] })]);
  const pods = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true };
  const list = await rig.client.list(pods, {}, undefined, signal);
  expect(list.items).toEqual([{ apiVersion: 'v1', kind: 'Pod', ...leaves }]);
  expect(rig.api.seen[0]?.path).toBe('/api/v1/pods');
});

describe('errors', () => {
  test.each([
    [404, 'NotFound', 'backoff'],
    [409, 'AlreadyExists', 'backoff'],
    [409, 'Conflict', 'backoff'],
    [410, 'Expired', 'backoff'],
    [422, 'Invalid', 'after-change'],
    [400, 'BadRequest', 'never'],
  ])('%d %s', async (code, reason, retry) => {
    await using rig = await setUp([status(code, reason)]);
    const error = await errorOf(rig.client.get(WIDGETS, AT, signal));
    expect([error.code, error.reason, error.retry]).toEqual([code, reason, retry]);
    expect(error.message).toBe(`GET /apis/example.dev/v1/namespaces/ns/widgets/a: scripted ${reason}`);
  });

  test('an answer that is no Status gets the reason of its code', async () => {
    await using rig = await setUp([json(404, 'not here'), json(502, {}), json(200, {})]);
    expect((await errorOf(rig.client.get(WIDGETS, AT, signal))).reason).toBe('NotFound');
    expect((await errorOf(rig.client.get(WIDGETS, AT, signal))).reason).toBe('ServerError');
  });

  test('a success that is not JSON is a failure', async () => {
    await using rig = await setUp([(response) => void response.end('<html>')]);
    await expect(rig.client.get(WIDGETS, AT, signal)).rejects.toMatchObject({ reason: 'InvalidJson' });
  });

  test('a server that never answers runs into the deadline', async () => {
    await using rig = await setUp([() => undefined]);
    const access = { server: rig.api.url, headers: {}, tls: { verify: true }, namespace: undefined };
    const source = { current: () => Promise.resolve(access), refresh: () => Promise.resolve(access) };
    await using hasty = new KubeClient(source, testRuntime(new FakeClock()), { callTimeoutMs: 30 });
    await expect(hasty.get(WIDGETS, AT, signal)).rejects.toMatchObject({ reason: 'DeadlineExceeded' });
  });
});

describe('Retry-After', () => {
  test.each([429, 503])('%d is tried again after the pause that the server asks for', async (code) => {
    const refusal = status(code, 'TooManyRequests', { 'retry-after': '3' });
    await using rig = await setUp([refusal, refusal, json(200, widget('a', '1'))]);
    const answer = rig.client.get(WIDGETS, AT, signal);
    for (const tried of [1, 2]) {
      await eventually('the pause', () => rig.api.seen.length === tried && rig.clock.pendingSleepsMs()[0] === 3_000);
      await rig.clock.advance(3_000);
    }
    expect((await answer).metadata.resourceVersion).toBe('1');
  });

  test('is handed up when it is long, or when there is none', async () => {
    const long = status(429, 'TooManyRequests', { 'retry-after': '60' });
    await using rig = await setUp([long, status(503, 'ServiceUnavailable')]);
    expect((await errorOf(rig.client.get(WIDGETS, AT, signal))).retryAfterMs).toBe(60_000);
    expect((await errorOf(rig.client.get(WIDGETS, AT, signal))).retryAfterMs).toBeUndefined();
  });

  test('ends after three more tries', async () => {
    const refusals = Array.from({ length: 4 }, () => status(429, 'TooManyRequests', { 'retry-after': '1' }));
    await using rig = await setUp(refusals);
    const failing = errorOf(rig.client.get(WIDGETS, AT, signal));
    for (const tried of [1, 2, 3]) {
      await eventually('the pause', () => rig.api.seen.length === tried && rig.clock.pendingSleepsMs().length === 1);
      await rig.clock.advance(1_000);
    }
    expect((await failing).reason).toBe('TooManyRequests');
  });
});

/** Hands out token 1, then 2, … each time it is asked to read again. */
function rotatingAccess(server: string): AccessSource & { reads: number } {
  const make = (reads: number): KubeAccess => ({
    server,
    headers: { Authorization: `Bearer ${reads}` },
    tls: { verify: true },
    namespace: undefined,
  });
  let access = make(1);
  const source = {
    reads: 1,
    current: () => Promise.resolve(access),
    refresh: () => {
      access = make(++source.reads);
      return Promise.resolve(access);
    },
  };
  return source;
}

describe('401', () => {
  const denied = status(401, 'Unauthorized');

  test('reads the credentials again, once, for calls and watches', async () => {
    await using api = await startScriptedApi([denied, json(200, widget('a', '1')), denied, json(200, {})]);
    const access = rotatingAccess(api.url);
    await using client = new KubeClient(access, testRuntime(new FakeClock()));
    const got: Widget = await client.get(WIDGETS, AT, signal);
    const body = await client.watch(WIDGETS, {}, { resourceVersion: '1', timeoutSeconds: 300 }, signal);
    body.destroy();
    expect([got.metadata.name, access.reads]).toEqual(['a', 3]);
    expect(api.seen.map(({ headers }) => headers.authorization)).toEqual([1, 2, 2, 3].map((n) => `Bearer ${n}`));
  });

  test('twice is an error', async () => {
    await using api = await startScriptedApi([denied, denied, denied, denied]);
    await using client = new KubeClient(rotatingAccess(api.url), testRuntime(new FakeClock()));
    expect((await errorOf(client.get(WIDGETS, AT, signal))).reason).toBe('Unauthorized');
    const watching = client.watch(WIDGETS, {}, { resourceVersion: '1', timeoutSeconds: 300 }, signal);
    expect((await errorOf(watching)).reason).toBe('Unauthorized');
    expect(api.seen).toHaveLength(4);
  });
});
