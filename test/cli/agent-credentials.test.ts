import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '../../src/base/log.ts';
import { openIncoming, openOutgoing } from '../../src/cli/agent-credentials.ts';
import { fixturePath } from '../support/fixtures.ts';

const log = createLogger('silent');
const CERT = fixturePath('tls', 'safekeeper.crt');
const KEY = fixturePath('tls', 'safekeeper.key');
const CA = fixturePath('tls', 'authority.crt');

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'credentials-'));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('what an agent asks its clients for', () => {
  test('is nothing unless it is told so', async () => {
    expect(await openIncoming({}, log)).toEqual({});
  });

  test('certificates', async () => {
    const { server } = await openIncoming({ tlsCert: CERT, tlsKey: KEY, tlsClientCa: CA }, log);
    expect(Object.keys((await server?.tls?.current()) ?? {})).toEqual(['cert', 'key', 'clientCa']);
  });

  test.each([
    [{ tlsCert: CERT }, '--tls-cert and --tls-key go together'],
    [{ tlsKey: KEY }, '--tls-cert and --tls-key go together'],
    [{ tlsClientCa: CA }, '--tls-client-ca needs --tls-cert and --tls-key'],
  ])('%j is bad usage', async (flags, message) => {
    await expect(openIncoming(flags, log)).rejects.toMatchObject({ reason: 'BadUsage', message });
  });

  test.each([
    [{ httpAuthPublicKeyPath: '/nowhere/at/all' }, '--http-auth-public-key-path: /nowhere/at/all cannot be used'],
    [{ httpAuthPublicKeyPath: CERT }, `--http-auth-public-key-path: ${CERT} cannot be used`],
    [
      { tlsCert: CERT, tlsKey: KEY, tlsClientCa: '/nowhere' },
      `--tls-cert, --tls-key, --tls-client-ca: ${CERT}, ${KEY}, /nowhere cannot be used`,
    ],
  ])('%j cannot be used, and the message names the option', async (flags, message) => {
    await expect(openIncoming(flags, log)).rejects.toMatchObject({ reason: 'CredentialsInvalid', message });
  });
});

describe('what it shows to other safekeepers', () => {
  test('is nothing unless it is told so', async () => {
    expect(await openOutgoing({}, {}, log)).toEqual({});
  });

  test('a token of a file, or of the environment', async () => {
    const authTokenPath = join(directory, 'token');
    writeFileSync(authTokenPath, 'of.the.file\n');
    const environment = { SAFEKEEPER_AUTH_TOKEN: 'of.the.environment' };
    expect(await (await openOutgoing({}, environment, log)).token?.current()).toBe('of.the.environment');
    expect(await (await openOutgoing({ authTokenPath }, environment, log)).token?.current()).toBe('of.the.file');
  });

  test('certificates', async () => {
    const { tls } = await openOutgoing({ sslCaFile: CA, clientCert: CERT, clientKey: KEY }, {}, log);
    expect(Object.keys((await tls?.current()) ?? {})).toEqual(['ca', 'clientCertificate']);
    const failure = openOutgoing({ clientCert: CERT }, {}, log);
    await expect(failure).rejects.toMatchObject({ message: '--client-cert and --client-key go together' });
  });

  test.each([
    [{ authTokenPath: '/nowhere' }, {}, '--auth-token-path: /nowhere cannot be used'],
    [{}, { SAFEKEEPER_AUTH_TOKEN: '' }, '$SAFEKEEPER_AUTH_TOKEN: the token cannot be used'],
    [{ sslCaFile: '/nowhere' }, {}, '--ssl-ca-file: /nowhere cannot be used'],
  ])('%j with %j cannot be used, and the message names where it came from', async (flags, environment, message) => {
    const failure = openOutgoing(flags, environment, log);
    await expect(failure).rejects.toMatchObject({
      reason: 'CredentialsInvalid',
      message: expect.stringContaining(message) as string,
    });
  });
});
