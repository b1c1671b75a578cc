import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { stringify } from 'yaml';
import { type KubeAccess, kubeConfigAccess } from '../../src/kube/kube-access.ts';
import { KubeClient } from '../../src/kube/kube-client.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { fixturePath, readFixture } from '../support/fixtures.ts';
import { testRuntime, WIDGETS, widget } from './support/runtime.ts';
import { json, startScriptedApi, status } from './support/scripted-api.ts';

const CERT = fixturePath('tls', 'kubernetes.test.crt');
const KEY = fixturePath('tls', 'kubernetes.test.key');
const AT = { namespace: 'ns', name: 'a' };
const signal = new AbortController().signal;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kube-access-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function kubeconfig(cluster: object, user: object, name = 'main'): string {
  const path = join(folder, 'kubeconfig');
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'home' } }],
    'current-context': name,
  };
  writeFileSync(path, stringify(config));
  return path;
}

function access(kubeconfigPath: string, clock = new FakeClock()) {
  return kubeConfigAccess({ kubeconfigPath }, clock);
}

function authorization({ headers }: KubeAccess): string | undefined {
  return headers.Authorization;
}

describe('credentials', () => {
  test('of a kubeconfig: server, token and namespace', async () => {
    const path = kubeconfig({ server: 'http://127.0.0.1:1/' }, { token: 'secret' });
    expect(await access(path).current()).toEqual({
      server: 'http://127.0.0.1:1',
      headers: { Authorization: 'Bearer secret' },
      tls: { verify: false },
      namespace: 'home',
    });
  });

  test('of a user with a name and a password, who acts as another', async () => {
    const path = kubeconfig({ server: 'https://h' }, { username: 'u', password: 'p', as: 'boss' });
    expect((await access(path).current()).headers).toEqual({
      'Impersonate-User': 'boss',
      Authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
    });
  });

  test('of an exec plugin: run once a minute when it names no expiry, and again when refused', async () => {
    const script = join(folder, 'plugin.mjs');
    writeFileSync(
      script,
      `import { appendFileSync, readFileSync } from 'node:fs';
       appendFileSync(${JSON.stringify(join(folder, 'runs'))}, 'x');
       const token = 'run-' + readFileSync(${JSON.stringify(join(folder, 'runs'))}).length;
       console.log(JSON.stringify({ kind: 'ExecCredential', status: { token } }));`,
    );
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: process.execPath, args: [script] };
    const clock = new FakeClock();
    const source = access(kubeconfig({ server: 'https://h' }, { exec }), clock);
    const first = await source.current();
    await clock.advance(59_000);
    expect([authorization(first), authorization(await source.current())]).toEqual(['Bearer run-1', 'Bearer run-1']);
    await clock.advance(2_000);
    const second = await source.current();
    expect(authorization(second)).toBe('Bearer run-2');
    const refreshed = await Promise.all([second, second, first].map((refused) => source.refresh(refused)));
    expect(refreshed.map(authorization)).toEqual(['Bearer run-3', 'Bearer run-3', 'Bearer run-3']);
  });

  test('are read from the file again after a 401', async () => {
    await using api = await startScriptedApi([status(401, 'Unauthorized'), json(200, widget('a', '1'))]);
    const source = access(kubeconfig({ server: api.url }, { token: 'old' }));
    await source.current();
    kubeconfig({ server: api.url }, { token: 'new' });
    await using client = new KubeClient(source, testRuntime(new FakeClock()));
    await client.get(WIDGETS, AT, signal);
    expect(api.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
  });
});

/** An API server over TLS that answers with the name in the client's certificate. */
async function startTlsApi() {
  const [cert, key] = [readFixture('tls', 'kubernetes.test.crt'), readFixture('tls', 'kubernetes.test.key')];
  const options = { cert, key, ca: cert, requestCert: true, rejectUnauthorized: false };
  const server = createServer(options, (request, response) => {
    const socket = request.socket as TLSSocket;
    const peer = socket.authorized ? socket.getPeerCertificate().subject.CN : 'nobody';
    response.end(JSON.stringify(widget(String(peer), '1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const dispose = () => {
    server.closeAllConnections();
    return new Promise<void>((resolve) => server.close(() => resolve()));
  };
  return { url, [Symbol.asyncDispose]: dispose };
}

describe('TLS', () => {
  const trusted = { 'certificate-authority': CERT, 'tls-server-name': 'kubernetes.test' };

  test.each([
    ['files', { 'client-certificate': CERT, 'client-key': KEY }, 'kubernetes.test'],
    [
      'embedded data',
      {
        'client-certificate-data': readFixture('tls', 'kubernetes.test.crt').toString('base64'),
        'client-key-data': readFixture('tls', 'kubernetes.test.key').toString('base64'),
      },
      'kubernetes.test',
    ],
    ['no client certificate', { token: 't' }, 'nobody'],
  ])('with %s', async (_what, user, name) => {
    await using api = await startTlsApi();
    const source = access(kubeconfig({ server: api.url, ...trusted }, user));
    await using client = new KubeClient(source, testRuntime(new FakeClock()));
    expect((await client.get(WIDGETS, AT, signal)).metadata.name).toBe(name);
  });

  test('an unknown authority is refused unless the kubeconfig says not to verify', async () => {
    await using api = await startTlsApi();
    const runtime = testRuntime(new FakeClock());
    await using strict = new KubeClient(access(kubeconfig({ server: api.url }, { token: 't' })), runtime);
    await expect(strict.get(WIDGETS, AT, signal)).rejects.toMatchObject({ reason: 'Unreachable' });
    const lenient = kubeconfig({ server: api.url, 'insecure-skip-tls-verify': true }, { token: 't' });
    await using trusting = new KubeClient(access(lenient), runtime);
    expect((await trusting.get(WIDGETS, AT, signal)).metadata.name).toBe('nobody');
  });

  test('new certificates are taken up with new connections', async () => {
    await using api = await startTlsApi();
    const clock = new FakeClock();
    const [cert, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
    writeFileSync(cert, readFixture('tls', 'kubernetes.test.crt'));
    writeFileSync(key, readFixture('tls', 'kubernetes.test.key'));
    const user = { 'client-certificate': cert, 'client-key': key };
    const source = access(kubeconfig({ server: api.url, ...trusted }, user), clock);
    await using client = new KubeClient(source, testRuntime(clock));
    await client.get(WIDGETS, AT, signal);
    kubeconfig({ server: api.url, ...trusted }, { token: 't' });
    await source.refresh(await source.current());
    expect((await client.get(WIDGETS, AT, signal)).metadata.name).toBe('nobody');
  });
});

describe('what cannot work is said in one sentence', () => {
  test.each([
    ['no such file', () => join(folder, 'absent'), /^the kubeconfig cannot be read: ENOENT/],
    ['no server', () => kubeconfig({}, {}), /^the kubeconfig cannot be read: clusters\[0\].cluster.server is missing$/],
    ['a proxy', () => kubeconfig({ server: 'https://h', 'proxy-url': 'http://p' }, {}), /^proxy-url .* not supported$/],
    ['a token file that is gone', () => kubeconfig({ server: 'https://h' }, tokenFile('absent')), /ENOENT/],
  ])('%s', async (_what, path, message) => {
    await expect(access(path()).current()).rejects.toMatchObject({
      name: 'Failure',
      message: expect.stringMatching(message),
    });
  });

  test('a context that does not exist', async () => {
    const path = kubeconfig({ server: 'https://h' }, {});
    const source = kubeConfigAccess({ kubeconfigPath: path, context: 'other' }, new FakeClock());
    await expect(source.current()).rejects.toThrow('the kubeconfig has no cluster for its context "other"');
  });

  test('and is tried again the next time', async () => {
    const path = join(folder, 'kubeconfig');
    const source = access(path);
    await expect(source.current()).rejects.toMatchObject({ reason: 'KubeConfigInvalid' });
    kubeconfig({ server: 'https://h' }, { token: 'now' });
    expect(authorization(await source.current())).toBe('Bearer now');
  });
});

function tokenFile(name: string): object {
  return { 'auth-provider': { name: 'tokenFile', config: { tokenFile: join(folder, name) } } };
}

test.each([
  ['of a provider', () => tokenFile('token')],
  ['beside the kubeconfig', () => ({ tokenFile: 'token' })],
])('a token file %s is read once a minute at most, and again when its token is refused', async (_where, user) => {
  writeFileSync(join(folder, 'token'), 'first\n');
  const clock = new FakeClock();
  const source = access(kubeconfig({ server: 'https://h' }, user()), clock);
  const first = await source.current();
  writeFileSync(join(folder, 'token'), 'second\n');
  expect([authorization(first), authorization(await source.current())]).toEqual(['Bearer first', 'Bearer first']);
  expect(authorization(await source.refresh(first))).toBe('Bearer second');
});

describe('of several files in $KUBECONFIG', () => {
  /** A kubeconfig in a directory of its own, beside a token with the directory's name. */
  function place(name: string, config: object): string {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'token'), name);
    const path = join(folder, name, 'kubeconfig');
    writeFileSync(path, stringify({ apiVersion: 'v1', kind: 'Config', ...config }));
    return path;
  }

  const users = [{ name: 'main', user: { tokenFile: 'token' } }];
  const clusters = [{ name: 'main', cluster: { server: 'https://h' } }];
  const contexts = [{ name: 'main', context: { cluster: 'main', user: 'main' } }];

  function current(...paths: readonly string[]): Promise<KubeAccess> {
    vi.stubEnv('KUBECONFIG', paths.join(delimiter));
    return kubeConfigAccess({}, new FakeClock()).current();
  }
  afterEach(() => vi.unstubAllEnvs());

  test("a token file is beside the one that names it, whichever that is; those that don't exist are passed over", async () => {
    const first = place('first', { clusters, contexts, 'current-context': 'main' });
    const second = place('second', { users });
    for (const paths of [
      [first, second],
      [second, first],
      [join(folder, 'absent'), first, second],
    ]) {
      expect(authorization(await current(...paths))).toBe('Bearer second');
    }
    await expect(current(join(folder, 'absent'))).rejects.toThrow(/^the kubeconfig cannot be read: ENOENT/);
  });

  test('what the first one names stands', async () => {
    const first = place('first', { clusters, contexts, users, 'current-context': 'main' });
    const others = [{ name: 'other', cluster: { server: 'https://other' } }];
    const second = place('second', { clusters: [...others, ...clusters], contexts, users, 'current-context': 'other' });
    expect(await current(first, second)).toMatchObject({
      server: 'https://h',
      headers: { Authorization: 'Bearer first' },
    });
  });
});
