import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { CONFIG_MAPS, SECRETS } from '../../src/controllers/cluster/core-objects.ts';
import { HttpClient } from '../../src/http/client.ts';
import type { CredentialSource } from '../../src/http/reloaded.ts';
import { openServerTls } from '../../src/http/tls.ts';
import { fixedToken } from '../../src/http/token-file.ts';
import { openPublicKeys, TokenVerifier } from '../../src/http/token-verifier.ts';
import { readFixture } from '../support/fixtures.ts';
import { tokenIssuer } from '../support/tokens.ts';
import { onRequest } from './proxy.ts';
import { isReady, place, reasonsOf, TestWorld } from './test-operator.ts';

const never = new AbortController().signal;
const TOKEN_REF = { auth: { tokenSecretRef: { name: 'safekeeper-token' } } };
const INVALID = 'CredentialsInvalid/-/CredentialsInvalid';
const pem = (name: string) => readFixture('tls', name).toString();

async function putSecret(world: TestWorld, name: string, values: Record<string, string>): Promise<void> {
  const at = { namespace: world.api.namespace, name };
  const entries = Object.entries(values).map(([key, value]) => [key, Buffer.from(value).toString('base64')]);
  const secret = { apiVersion: 'v1', kind: 'Secret', metadata: at, data: Object.fromEntries(entries) };
  await world.client.apply(SECRETS, secret, { fieldManager: 'test', force: true }, never);
}

async function deleteSecret(world: TestWorld, name: string): Promise<void> {
  await world.client.delete(SECRETS, { namespace: world.api.namespace, name }, {}, never);
}

/** Three safekeepers that take tokens of one issuer only, and show each other one. */
async function startWithTokens() {
  const issuer = tokenIssuer();
  const source = { read: () => Promise.resolve([issuer.publicKey]), clock: systemClock, log: createLogger('silent') };
  const token = await issuer.issue({ scope: 'safekeeperdata' });
  const world = await TestWorld.start(3, place(2), {
    tokens: new TokenVerifier(await openPublicKeys('/keys', source), systemClock),
    http: new HttpClient({ token: fixedToken(token) }),
  });
  return { world, token };
}

test('a token is asked for, refused, renewed, lost and found again, and never told to anybody', async () => {
  const { world, token } = await startWithTokens();
  await using _world = world;
  const stranger = await tokenIssuer().issue({ scope: 'safekeeperdata' });
  const lines: string[] = [];
  const seen: unknown[] = [];
  const untilCluster = async (what: string, reasons: string) => {
    const cluster = await world.untilCluster(what, (skc) => reasonsOf(skc) === reasons);
    seen.push(cluster, await world.timelines());
    return cluster.status?.message ?? '';
  };
  await world.createCluster(TOKEN_REF);
  await world.createTimeline('1');
  world.startOperator({ logTo: { write: (line) => void lines.push(line) } });
  expect(await untilCluster('there is no Secret', INVALID)).toContain(
    `spec.auth.tokenSecretRef: Secret safekeeper-token in namespace ${world.api.namespace} does not exist: create it`,
  );
  const timeline = await world.untilTimeline('1', 'its timelines say so', (skt) => reasonsOf(skt) === INVALID);
  expect(timeline.status?.message).toContain('safekeeper-token');

  await putSecret(world, 'safekeeper-token', { other: 'value' });
  await world.untilCluster('there is no key', ({ status }) => status?.message?.includes('has no key token') === true);
  await putSecret(world, 'safekeeper-token', { token: 'two\nlines' });
  await world.untilCluster('it is no token', ({ status }) => status?.message?.includes('bearer token') === true);

  // A safekeeper that quotes what it refuses.
  world.safekeeper(1).proxy.react = onRequest(/\/v1\/tenant/, {
    kind: 'Answer',
    status: 403,
    body: { msg: `this token is not mine: ${stranger}` },
  });
  await putSecret(world, 'safekeeper-token', { token: stranger });
  const refused = await world.untilCluster(
    'it is refused',
    ({ status }) => status?.message?.includes('not mine') === true,
  );
  expect(refused.status?.message).toContain('renew the token at key token of Secret safekeeper-token');
  seen.push(refused);
  world.safekeeper(1).proxy.react = () => undefined;

  await putSecret(world, 'safekeeper-token', { token });
  await world.untilCluster('it is right', isReady);
  await world.untilTimelines('all are Ready', 2, isReady);

  await deleteSecret(world, 'safekeeper-token');
  expect(await untilCluster('the Secret is gone', INVALID)).toContain('stays in use');
  await world.wipe(2);
  await world.untilTimelines('they are lost', 2, (skt) => !isReady(skt));
  await world.untilTimelines('and healed with what was known', 2, isReady);
  await putSecret(world, 'safekeeper-token', { token });
  await world.untilCluster('the Secret is back', isReady);

  await world.untilEvents('CredentialsInvalid', 'Recovered');
  const told = JSON.stringify([lines, seen, await world.events(), await world.timelines(), await world.cluster()]);
  expect(lines.length).toBeGreaterThan(3);
  for (const secret of [token, stranger]) {
    expect(told).not.toContain(secret);
    expect(told).not.toContain(Buffer.from(secret).toString('base64'));
  }
});

test('another reference is not served with what the last one gave', async () => {
  const { world, token } = await startWithTokens();
  await using _world = world;
  await putSecret(world, 'safekeeper-token', { token });
  await world.createCluster(TOKEN_REF);
  world.startOperator();
  await world.untilTimelines('all are Ready', 2, isReady);
  await world.patch('cluster', { spec: { auth: { tokenSecretRef: { name: 'no-such' } } } });
  await world.untilTimelines('they wait for it', 2, (skt) => reasonsOf(skt) === INVALID);
  await putSecret(world, 'no-such', { token });
  await world.untilTimelines('all are Ready again', 2, isReady);
});

test('authorities, a client certificate and a server name; the certificates are replaced while it runs', async () => {
  const files = { cert: 'safekeeper', key: 'safekeeper', clientCa: 'other-authority.crt' };
  const source: CredentialSource = {
    read: (path) => Promise.resolve([pem(path)]),
    clock: { ...systemClock, monotonicMs: () => performance.now() * 1_000 },
    log: createLogger('silent'),
  };
  const paths = { cert: 'cert', key: 'key', clientCa: files.clientCa };
  const read = (path: string) =>
    Promise.resolve([pem(path === 'cert' ? `${files.cert}.crt` : path === 'key' ? `${files.key}.key` : path)]);
  const tls = await openServerTls(paths, { ...source, read });
  await using world = await TestWorld.start(3, place(1), { server: { tls } });
  const urls = world.safekeepers.map(({ id, url }) => ({ id, url }));
  expect(urls[0]?.url).toMatch(/^https:/);
  const authority = (name: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { namespace: world.api.namespace, name: 'authorities' },
    data: { 'ca.crt': name },
  });
  const trust = async (text: string) =>
    await world.client.apply(CONFIG_MAPS, authority(text), { fieldManager: 'test', force: true }, never);
  await trust('-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----');
  await putSecret(world, 'client', { 'tls.crt': pem('safekeeper-renewed.crt'), 'tls.key': pem('safekeeper.key') });
  await world.createCluster({
    safekeepers: urls,
    tls: {
      caConfigMapRef: { name: 'authorities' },
      clientCertSecretRef: { name: 'client' },
      serverName: 'localhost',
    },
  });
  const lines: string[] = [];
  world.startOperator({ logTo: { write: (line) => void lines.push(line) } });
  const message = async (part: string) =>
    await world.untilCluster(part, (skc) => reasonsOf(skc) === INVALID && skc.status?.message?.includes(part) === true);
  await message('spec.tls.caConfigMapRef: key ca.crt of ConfigMap authorities holds no certificate authorities in PEM');
  await trust(pem('authority.crt'));
  await message('spec.tls.clientCertSecretRef: key tls.key of Secret client holds no private key in PEM that fits');
  await putSecret(world, 'client', {
    'tls.crt': pem('safekeeper-renewed.crt'),
    'tls.key': pem('safekeeper-renewed.key'),
  });
  await world.untilTimelines('all are Ready', 1, isReady);

  await trust(pem('other-authority.crt'));
  const nobody = (skc: Parameters<typeof reasonsOf>[0]) => reasonsOf(skc).startsWith('StormBrake/');
  await world.untilCluster('nobody is trusted', nobody);
  files.cert = files.key = 'safekeeper-renewed';
  await world.untilCluster('the certificates are renewed, too', isReady);
  await world.patch('cluster', { spec: { tls: { serverName: 'kubernetes.test' } } });
  await world.untilCluster('the name is another', nobody);
  const told = JSON.stringify([lines, await world.events(), await world.timelines(), await world.cluster()]);
  for (const file of ['safekeeper.key', 'safekeeper-renewed.key']) {
    const [, firstLine = ''] = pem(file).split('\n');
    expect(firstLine.length).toBeGreaterThan(40);
    expect(told).not.toContain(firstLine);
  }
});
