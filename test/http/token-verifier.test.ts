import { createHmac, generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { createLogger } from '../../src/base/log.ts';
import { openPublicKeys, TokenVerifier } from '../../src/http/token-verifier.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { tokenIssuer } from '../support/tokens.ts';

const issuer = tokenIssuer();
const claims = { scope: 'safekeeperdata' };

async function verifier(keys: readonly string[], clock = new FakeClock()): Promise<TokenVerifier> {
  const source = { read: () => Promise.resolve(keys), clock, log: createLogger('silent') };
  return new TokenVerifier(await openPublicKeys('/keys', source), clock);
}

async function verdict(token: string, clock?: FakeClock) {
  return await (await verifier([issuer.publicKey], clock)).verify(`Bearer ${token}`);
}

test('a token signed by one of the keys gives its claims', async () => {
  const other = tokenIssuer();
  const both = await verifier([other.publicKey, issuer.publicKey]);
  for (const { issue } of [issuer, other]) {
    expect(await both.verify(`Bearer ${await issue(claims)}`)).toEqual({ kind: 'Valid', claims });
  }
});

test('the header must be there, and of the form that safekeepers take', async () => {
  const checks = await verifier([issuer.publicKey]);
  expect(await checks.verify(undefined)).toEqual({ kind: 'Missing' });
  const token = await issuer.issue(claims);
  for (const header of ['', 'Bearer', token, `bearer ${token}`, `Basic ${token}`]) {
    expect(await checks.verify(header), header).toEqual({ kind: 'Malformed' });
  }
});

describe('refused', () => {
  const seconds = (clock: FakeClock) => Math.floor(clock.wallTimeMs() / 1000);
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

  test.each(['', 'x', 'a.b.c', '..', ' '])('what is no token: "%s"', async (text) => {
    expect(await verdict(text)).toMatchObject({ kind: 'Refused' });
  });

  test('another signer, also one that claims to be ours', async () => {
    expect(await verdict(await tokenIssuer().issue(claims))).toMatchObject({ kind: 'Refused' });
  });

  test('a changed payload', async () => {
    const [head, , signature] = (await issuer.issue({ scope: 'tenant' })).split('.');
    expect(await verdict(`${head}.${encode(claims)}.${signature}`)).toMatchObject({ kind: 'Refused' });
  });

  test('no signature, and the public key taken for a shared secret', async () => {
    expect(await verdict(`${encode({ alg: 'none' })}.${encode(claims)}.`)).toMatchObject({ kind: 'Refused' });
    const signed = `${encode({ alg: 'HS256' })}.${encode(claims)}`;
    const mac = createHmac('sha256', issuer.publicKey).update(signed).digest('base64url');
    expect(await verdict(`${signed}.${mac}`)).toMatchObject({ kind: 'Refused' });
  });

  test('another algorithm', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const token = await new SignJWT(claims).setProtectedHeader({ alg: 'RS256' }).sign(privateKey);
    expect(await verdict(token)).toMatchObject({ kind: 'Refused' });
  });

  test('an expired one, after the minute that clocks may differ', async () => {
    const clock = new FakeClock();
    const token = await issuer.issue({ ...claims, exp: seconds(clock) });
    await clock.advance(59_000);
    expect(await verdict(token, clock)).toMatchObject({ kind: 'Valid' });
    await clock.advance(2_000);
    expect(await verdict(token, clock)).toMatchObject({ kind: 'Refused' });
  });

  test('one that is not valid yet, and one for somebody else', async () => {
    const clock = new FakeClock();
    const early = await issuer.issue({ ...claims, nbf: seconds(clock) + 120 });
    expect(await verdict(early, clock)).toMatchObject({ kind: 'Refused' });
    expect(await verdict(await issuer.issue({ ...claims, aud: 'pageserver' }))).toMatchObject({ kind: 'Refused' });
  });

  test('the reason never quotes the token', async () => {
    const token = await tokenIssuer().issue(claims);
    const answer = await verdict(token);
    for (const part of token.split('.')) expect(JSON.stringify(answer)).not.toContain(part);
  });
});

describe('keys that cannot be used are a Failure', () => {
  const { publicKey: rsa } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  test.each([
    ['none', []],
    ['an empty file', ['']],
    ['not a key', ['hello']],
    ['a private key', [issuer.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()]],
    ['an RSA key', [rsa.export({ type: 'spki', format: 'pem' }).toString()]],
    ['a bad one among good ones', [issuer.publicKey, 'hello']],
  ])('%s', async (_, keys) => {
    await expect(verifier(keys)).rejects.toMatchObject({ reason: 'CredentialsInvalid' });
  });
});
