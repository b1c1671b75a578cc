import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { readTexts } from '../../src/disk/read-texts.ts';
import { HttpClient, type HttpClientOptions } from '../../src/http/client.ts';
import { openClientTls, openServerTls } from '../../src/http/tls.ts';
import { fixedToken } from '../../src/http/token-file.ts';
import { openPublicKeys, TokenVerifier } from '../../src/http/token-verifier.ts';
import { fixturePath } from '../support/fixtures.ts';
import { tokenIssuer } from '../support/tokens.ts';
import { placeTimeline, startTestAgent, TENANT, type TestAgent } from './test-agent.ts';

const TIMELINE = `a${'1'.padStart(31, '0')}`;
const never = new AbortController().signal;
const source = { read: readTexts, clock: systemClock, log: createLogger('silent') };
const issuer = tokenIssuer();
const AUTHORITY = fixturePath('tls', 'authority.crt');
/** The donor's; the other pair is signed by the other authority, and shown by clients. */
const OF_SERVER = { cert: fixturePath('tls', 'safekeeper.crt'), key: fixturePath('tls', 'safekeeper.key') };
const OF_CLIENT = {
  cert: fixturePath('tls', 'safekeeper-renewed.crt'),
  key: fixturePath('tls', 'safekeeper-renewed.key'),
};

async function startSecured(
  id: number,
  http: HttpClient,
  prepare?: (directory: string) => Promise<void>,
): Promise<TestAgent> {
  const keys = await openPublicKeys('/keys', { ...source, read: () => Promise.resolve([issuer.publicKey]) });
  const tls = await openServerTls({ ...OF_SERVER, clientCa: fixturePath('tls', 'other-authority.crt') }, source);
  return await startTestAgent({
    id,
    http,
    tokens: new TokenVerifier(keys, systemClock),
    server: { tls },
    ...(prepare === undefined ? {} : { prepare }),
  });
}

const startDonor = () =>
  startSecured(1, new HttpClient(), async (directory) => {
    await placeTimeline(directory, { snapshot: 'resident_partial', timelineId: TIMELINE });
  });

async function outgoing(changes: HttpClientOptions = {}): Promise<HttpClient> {
  const token = fixedToken(await issuer.issue({ scope: 'safekeeperdata' }));
  const tls = await openClientTls({ ca: AUTHORITY, clientCertificate: OF_CLIENT }, source);
  return new HttpClient({ token, tls, ...changes });
}

async function askForPull(caller: HttpClient, recipient: TestAgent, donor: TestAgent) {
  const body = JSON.stringify({ tenant_id: TENANT, timeline_id: TIMELINE, http_hosts: [donor.url] });
  return await caller.request(
    { method: 'POST', url: `${recipient.url}/v1/pull_timeline`, body, timeoutMs: 20_000 },
    never,
  );
}

test('a pull with tokens and certificates on every way', async () => {
  await using donor = await startDonor();
  await using recipient = await startSecured(4, await outgoing());
  await using caller = await outgoing();
  expect(donor.url).toMatch(/^https:/);
  const answer = await askForPull(caller, recipient, donor);
  expect([answer.status, JSON.parse(answer.text)]).toEqual([200, { safekeeper_host: donor.url }]);
  const names = readdirSync(donor.directoryOf(TIMELINE));
  expect(names).toHaveLength(4);
  for (const name of names) {
    const copy = readFileSync(join(recipient.directoryOf(TIMELINE), name));
    expect(copy.equals(readFileSync(join(donor.directoryOf(TIMELINE), name))), name).toBe(true);
  }
});

test.each<[string, () => Promise<HttpClientOptions>]>([
  [
    'a token of another tenant',
    async () => ({ token: fixedToken(await issuer.issue({ scope: 'tenant', tenant_id: '2'.repeat(32) })) }),
  ],
  [
    'a token of another issuer',
    async () => ({ token: fixedToken(await tokenIssuer().issue({ scope: 'safekeeperdata' })) }),
  ],
  ['no certificate of its own', async () => ({ tls: await openClientTls({ ca: AUTHORITY }, source) })],
  ['no trust in the donor', async () => ({ tls: await openClientTls({ clientCertificate: OF_CLIENT }, source) })],
])('a recipient with %s gets nothing from the donor', async (_, changes) => {
  await using donor = await startDonor();
  await using recipient = await startSecured(4, await outgoing(await changes()));
  await using caller = await outgoing();
  const answer = await askForPull(caller, recipient, donor);
  expect([answer.status, JSON.parse(answer.text)]).toEqual([
    500,
    { msg: 'only got 0 successful status responses. required: 1' },
  ]);
  expect(readdirSync(recipient.dataDirectory)).not.toContain(TENANT);
});
