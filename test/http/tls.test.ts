import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { HttpClient, type HttpClientOptions, type HttpRequest } from '../../src/http/client.ts';
import type { CredentialSource } from '../../src/http/reloaded.ts';
import { listen } from '../../src/http/server.ts';
import { openClientTls, openServerTls, type ServerTls } from '../../src/http/tls.ts';
import { readFixture } from '../support/fixtures.ts';

const never = new AbortController().signal;
const LOCAL = { host: '127.0.0.1', port: 0 };
const SAFEKEEPER = { cert: 'safekeeper.crt', key: 'safekeeper.key' };
const RENEWED = { cert: 'safekeeper-renewed.crt', key: 'safekeeper-renewed.key' };
const get = (url: string): HttpRequest => ({ method: 'GET', url, timeoutMs: 10_000 });

/** Names of fixtures are paths; a test replaces a file by naming another fixture for it. */
function credentials() {
  const replaced = new Map<string, string>();
  const source: CredentialSource = {
    read: (path) => Promise.resolve([readFixture('tls', replaced.get(path) ?? path).toString()]),
    clock: systemClock,
    log: createLogger('silent'),
  };
  return { replaced, source };
}

async function serve(paths: ServerTls, source: CredentialSource) {
  const sockets = new Set<unknown>();
  const tls = await openServerTls(paths, source);
  const server = await listen(
    (request, response) => {
      sockets.add(request.socket);
      response.end('done');
    },
    { ...LOCAL, tls },
  );
  return { server, sockets };
}

async function client(
  paths: Parameters<typeof openClientTls>[0],
  source: CredentialSource,
  more: HttpClientOptions = {},
) {
  return new HttpClient({ ...more, tls: await openClientTls(paths, source) });
}

test('a client takes the certificates of its authorities, and no others', async () => {
  const { source } = credentials();
  const { server } = await serve(SAFEKEEPER, source);
  await using _server = server;
  expect(server.url).toMatch(/^https:/);
  await using trusting = await client({ ca: 'authority.crt' }, source);
  expect((await trusting.request(get(server.url), never)).text).toBe('done');
  for (const options of [{}, { ca: 'other-authority.crt' }]) {
    await using stranger = await client(options, source);
    await expect(stranger.request(get(server.url), never)).rejects.toMatchObject({ reason: 'Unreachable' });
  }
});

test('a download over HTTPS trusts and shows what other requests do', async () => {
  const { source } = credentials();
  const { server } = await serve({ ...SAFEKEEPER, clientCa: 'other-authority.crt' }, source);
  await using _server = server;
  const asked = { url: server.url, timeoutMs: 10_000 };
  await using known = await client({ ca: 'authority.crt', clientCertificate: RENEWED }, source);
  const { body } = await known.download(asked, never);
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString();
  expect(text).toBe('done');
  for (const options of [{}, { ca: 'authority.crt', clientCertificate: SAFEKEEPER }]) {
    await using stranger = await client(options, source);
    await expect(stranger.download(asked, never)).rejects.toMatchObject({ reason: 'Unreachable' });
  }
});

test('with an authority for clients only who has a certificate of it is served', async () => {
  const { source } = credentials();
  const { server } = await serve({ ...SAFEKEEPER, clientCa: 'other-authority.crt' }, source);
  await using _server = server;
  await using known = await client({ ca: 'authority.crt', clientCertificate: RENEWED }, source);
  expect((await known.request(get(server.url), never)).text).toBe('done');
  for (const options of [{}, { clientCertificate: SAFEKEEPER }]) {
    await using stranger = await client({ ca: 'authority.crt', ...options }, source);
    await expect(stranger.request(get(server.url), never)).rejects.toMatchObject({ reason: 'Unreachable' });
  }
});

test('both sides take over new certificates, and connections that there are go on', async () => {
  const { replaced, source } = credentials();
  const { server, sockets } = await serve(SAFEKEEPER, source);
  await using _server = server;
  await using before = await client({ ca: 'authority.crt' }, source, { connectionsPerHostMax: 1 });
  await before.request(get(server.url), never);
  const [kept] = sockets;
  await using waiting = await client({ ca: 'other-authority.crt' }, source);
  await expect(waiting.request(get(server.url), never)).rejects.toMatchObject({ reason: 'Unreachable' });

  for (const name of ['cert', 'key'] as const) replaced.set(SAFEKEEPER[name], RENEWED[name]);
  const answered = () =>
    waiting.request(get(server.url), never).then(
      ({ text }) => text,
      () => 'refused',
    );
  await expect.poll(answered, { timeout: 10_000 }).toBe('done');
  sockets.clear();
  expect((await before.request(get(server.url), never)).text).toBe('done');
  expect([...sockets]).toEqual([kept]);

  await using late = await client({ ca: 'authority.crt' }, source);
  await expect(late.request(get(server.url), never)).rejects.toMatchObject({ reason: 'Unreachable' });
  replaced.set('authority.crt', 'other-authority.crt');
  const accepted = () =>
    late.request(get(server.url), never).then(
      ({ text }) => text,
      () => 'refused',
    );
  await expect.poll(accepted, { timeout: 10_000 }).toBe('done');
});

test('closing does not wait for a client that never finishes its handshake', async () => {
  const { source } = credentials();
  const { server } = await serve(SAFEKEEPER, source);
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  await server.close(50);
  await closed;
});

describe('files that do not fit are a Failure', () => {
  const { source } = credentials();
  test.each<[string, ServerTls]>([
    ['the key of another certificate', { cert: 'safekeeper.crt', key: 'safekeeper-renewed.key' }],
    ['a key for a certificate', { cert: 'safekeeper.key', key: 'safekeeper.key' }],
    ['a certificate for a key', { cert: 'safekeeper.crt', key: 'safekeeper.crt' }],
    ['a key for an authority', { ...SAFEKEEPER, clientCa: 'safekeeper.key' }],
  ])('%s', async (_, paths) => {
    await expect(openServerTls(paths, source)).rejects.toMatchObject({ reason: 'CredentialsInvalid' });
  });

  test('an empty directory of authorities', async () => {
    const empty = { ...source, read: () => Promise.resolve([]) };
    await expect(openClientTls({ ca: '/ca' }, empty)).rejects.toMatchObject({ reason: 'CredentialsInvalid' });
  });
});
