import { beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { TokenVerifier, openPublicKeys } from '../../src/http/token-verifier.ts';
import { createLogger } from '../../src/base/log.ts';
import { tokenIssuer } from '../support/tokens.ts';
import { exchange } from './exchange.ts';
import { readRecordedCase, requestBody } from './recorded-case.ts';
import { placeTimeline, startTestAgent, TENANT } from './test-agent.ts';

const TIMELINE = `a${'1'.padStart(31, '0')}`;
const OF_TIMELINE = `/v1/tenant/${TENANT}/timeline/${TIMELINE}`;
const issuer = tokenIssuer();

async function startGuarded(tenantId = TENANT) {
  const source = { read: () => Promise.resolve([issuer.publicKey]), clock: systemClock, log: createLogger('silent') };
  const tokens = new TokenVerifier(await openPublicKeys('/keys', source), systemClock);
  return await startTestAgent({
    tokens,
    prepare: async (directory) => {
      await placeTimeline(directory, { snapshot: 'resident_partial', timelineId: TIMELINE, tenantId });
    },
  });
}

let headers: Record<'everything' | 'tenant' | 'stranger', Record<string, string>>;

beforeAll(async () => {
  const bearer = async (claims: Record<string, unknown>) => ({
    authorization: `Bearer ${await issuer.issue(claims)}`,
  });
  headers = {
    everything: await bearer({ scope: 'safekeeperdata' }),
    tenant: await bearer({ scope: 'tenant', tenant_id: TENANT }),
    stranger: await bearer({ scope: 'tenant', tenant_id: '2'.repeat(32) }),
  };
});

const OPEN = [
  ['GET', '/v1/status'],
  ['GET', '/metrics'],
] as const;
const OF_THE_TENANT = [
  ['GET', OF_TIMELINE],
  ['GET', `${OF_TIMELINE}/snapshot/3`],
  ['POST', `${OF_TIMELINE}/term_bump`],
  ['PUT', `${OF_TIMELINE}/membership`],
  ['PUT', `${OF_TIMELINE}/exclude`],
  ['DELETE', OF_TIMELINE],
  ['DELETE', `/v1/tenant/${TENANT}`],
  ['POST', '/v1/tenant/timeline'],
] as const;
const OF_THE_SAFEKEEPER = [
  ['GET', '/v1/utilization'],
  ['GET', '/v1/tenant/timeline'],
  ['GET', '/v1/debug_dump'],
  ['GET', '/v1/debug/filesystem_usage'],
  ['GET', '/v1/debug/transfers'],
  ['POST', `${OF_TIMELINE}/checkpoint`],
  ['POST', '/v1/pull_timeline'],
] as const;

/** A body for the one route that reads the tenant from it; the others refuse it, or never look at it. */
function ask(method: string, path: string, token?: Record<string, string>) {
  const body =
    method === 'POST' && path === '/v1/tenant/timeline'
      ? requestBody(readRecordedCase('create', 'create_ok'))
      : undefined;
  return { method, path, ...(body === undefined ? {} : { body }), ...(token === undefined ? {} : { headers: token }) };
}

const REFUSED = { msg: 'Forbidden: JWT authentication error' };

describe('with keys', () => {
  test.each(OPEN)('%s %s is open', async (method, path) => {
    await using agent = await startGuarded();
    expect((await exchange(agent.url, ask(method, path))).status).toBe(200);
  });

  test.each([...OF_THE_TENANT, ...OF_THE_SAFEKEEPER, ['GET', '/v1/unknown'], ['PUT', '/v1/status']] as const)(
    '%s %s without a token is 401',
    async (method, path) => {
      await using agent = await startGuarded();
      const answer = await exchange(agent.url, ask(method, path));
      expect(answer.status).toBe(401);
      expect(JSON.parse(answer.body.toString())).toEqual({ msg: 'Unauthorized: missing authorization header' });
      expect(answer.headers['content-type']).toBe('application/json');
    },
  );

  test.each(OF_THE_TENANT)('%s %s is for its tenant and for who may do everything', async (method, path) => {
    await using agent = await startGuarded();
    const refused = await exchange(agent.url, ask(method, path, headers.stranger));
    expect([refused.status, JSON.parse(refused.body.toString())]).toEqual([403, REFUSED]);
    for (const token of [headers.tenant, headers.everything]) {
      expect([401, 403]).not.toContain((await exchange(agent.url, ask(method, path, token))).status);
    }
  });

  test.each(OF_THE_SAFEKEEPER)('%s %s is for who may do everything', async (method, path) => {
    await using agent = await startGuarded();
    const refused = await exchange(agent.url, ask(method, path, headers.tenant));
    expect([refused.status, JSON.parse(refused.body.toString())]).toEqual([403, REFUSED]);
    expect([401, 403]).not.toContain((await exchange(agent.url, ask(method, path, headers.everything))).status);
  });

  test('a refused deletion deletes nothing, a refused creation creates nothing', async () => {
    await using agent = await startGuarded();
    for (const [method, path] of OF_THE_TENANT) await exchange(agent.url, ask(method, path, headers.stranger));
    const list = await exchange(agent.url, ask('GET', '/v1/tenant/timeline', headers.everything));
    expect(JSON.parse(list.body.toString())).toEqual([{ tenant_id: TENANT, timeline_id: TIMELINE }]);
  });

  test('ids are the same in either case', async () => {
    await using agent = await startGuarded('ab'.repeat(16));
    const path = `/v1/tenant/${'AB'.repeat(16)}/timeline/${TIMELINE}`;
    const authorization = `Bearer ${await issuer.issue({ scope: 'tenant', tenant_id: 'aB'.repeat(16) })}`;
    expect((await exchange(agent.url, { path, headers: { authorization } })).status).toBe(200);
  });

  test('what nobody knows is not found, for a token that is valid', async () => {
    await using agent = await startGuarded();
    const answer = await exchange(agent.url, ask('GET', '/v1/unknown', headers.stranger));
    expect([answer.status, answer.body.toString()]).toEqual([404, 'Not Found']);
  });

  test('a header of another form is 401', async () => {
    await using agent = await startGuarded();
    const answer = await exchange(agent.url, ask('GET', OF_TIMELINE, { authorization: 'Basic dTpw' }));
    expect(answer.status).toBe(401);
    expect(JSON.parse(answer.body.toString())).toEqual({ msg: 'Unauthorized: malformed authorization header' });
  });

  test.each([
    ['another scope', { scope: 'admin' }],
    ['no scope', { tenant_id: TENANT }],
    ['a tenant token without a tenant', { scope: 'tenant' }],
    ['a tenant that is no id', { scope: 'tenant', tenant_id: 'everybody' }],
    ['an expired token', { scope: 'safekeeperdata', exp: 1 }],
  ])('%s is 403', async (_, claims) => {
    await using agent = await startGuarded();
    const authorization = `Bearer ${await issuer.issue(claims)}`;
    const answer = await exchange(agent.url, ask('GET', OF_TIMELINE, { authorization }));
    expect([answer.status, JSON.parse(answer.body.toString())]).toEqual([403, REFUSED]);
  });
});

test('without keys nobody needs a token, and a bad one does no harm', async () => {
  await using agent = await startTestAgent();
  for (const token of [undefined, { authorization: 'Basic dTpw' }]) {
    expect((await exchange(agent.url, ask('GET', '/v1/tenant/timeline', token))).status).toBe(200);
  }
});
