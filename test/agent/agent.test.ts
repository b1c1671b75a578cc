import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { exchange, rawExchange } from './exchange.ts';
import { gate } from './gate.ts';
import { readRecordedCase, requestBody } from './recorded-case.ts';
import { agentOptions, placeTimeline, startTestAgent, TENANT } from './test-agent.ts';
import { startAgent } from '../../src/agent/agent.ts';

const TIMELINE = `a${'1'.padStart(31, '0')}`;

test('GET /v1/debug/filesystem_usage has the recorded form', async () => {
  await using agent = await startTestAgent();
  const { body, headers } = await exchange(agent.url, { path: '/v1/debug/filesystem_usage' });
  const usage = JSON.parse(body.toString()) as Record<string, number>;
  const recorded = JSON.parse(readRecordedCase('node', 'filesystem_usage').response.body_text) as object;
  expect(Object.keys(usage)).toEqual(Object.keys(recorded));
  expect(usage['data_dir']).toBe(agent.dataDirectory);
  expect(usage['usage_bytes']).toBeGreaterThan(0);
  expect(usage['capacity_bytes']).toBeGreaterThan(usage['usage_bytes'] ?? 0);
  expect(headers['content-type']).toBe('application/json');
});

test('a request without x-request-id is given one of its own', async () => {
  await using agent = await startTestAgent();
  const [first, second] = [await exchange(agent.url, { path: '/' }), await exchange(agent.url, { path: '/' })];
  expect(first.headers['x-request-id']).toMatch(/^.+$/);
  expect(first.headers['x-request-id']).not.toBe(second.headers['x-request-id']);
});

test('GET /v1/debug/transfers shows what runs and adds up what ran', async () => {
  const { afterSnapshotList, reached, open } = gate();
  await using donor = await startTestAgent({
    afterSnapshotList,
    prepare: async (directory) => {
      await placeTimeline(directory, { snapshot: 'resident_partial', timelineId: TIMELINE });
    },
  });
  await using recipient = await startTestAgent({ id: 4 });
  const body = JSON.stringify({ tenant_id: TENANT, timeline_id: TIMELINE, http_hosts: [donor.url] });
  const pull = exchange(recipient.url, { method: 'POST', path: '/v1/pull_timeline', body });
  await reached();
  const transfers = async (url: string) =>
    JSON.parse((await exchange(url, { path: '/v1/debug/transfers' })).body.toString()) as {
      running: { kind: string; peer: string; total_bytes: number | null }[];
      totals: Record<string, { bytes: number; segments: number; started: number }>;
    };
  const segmentBytes = 3 * 1024 * 1024;
  expect((await transfers(donor.url)).running).toMatchObject([{ kind: 'Snapshot', peer: '4', timeline_id: TIMELINE }]);
  expect((await transfers(recipient.url)).running).toMatchObject([
    { kind: 'Pull', peer: donor.url, timeline_id: TIMELINE, total_bytes: segmentBytes },
  ]);
  open();
  expect((await pull).status).toBe(200);
  const after = await transfers(recipient.url);
  expect(after.running).toEqual([]);
  expect(after.totals['pull']).toMatchObject({ segments: 3, started: 1 });
  expect(after.totals['pull']?.bytes).toBeGreaterThanOrEqual(segmentBytes);
});

describe('what is refused', () => {
  test('a Postgres version that nobody knows, without leaving anything', async () => {
    await using agent = await startTestAgent();
    const recorded = readRecordedCase('create', 'create_pg13');
    const asked = { method: 'POST', path: recorded.request.path, body: requestBody(recorded) };
    const answer = await exchange(agent.url, asked);
    expect(answer.status).toBe(500);
    expect(answer.body.toString()).toContain('pg_version 130000');
    expect((await exchange(agent.url, { path: '/v1/tenant/timeline' })).body.toString()).toBe('[]');
    expect(readdirSync(agent.dataDirectory)).not.toContain(TENANT);
  });

  test('a body beyond the bound, and the connection with it', async () => {
    await using agent = await startTestAgent();
    const body = `{"tenant_id":"${' '.repeat(limits.requestBodyBytesMax)}"}`;
    const answer = await exchange(agent.url, { method: 'POST', path: '/v1/pull_timeline', body });
    expect([answer.status, answer.headers['connection']]).toEqual([413, 'close']);
  });

  test('a body beyond a bound of its own', async () => {
    await using agent = await startTestAgent({ server: { requestBodyBytesMax: 10 } });
    const answer = await exchange(agent.url, { method: 'POST', path: '/v1/pull_timeline', body: '{"tenant_id":' });
    expect(answer.status).toBe(413);
  });

  test('headers beyond the bound', async () => {
    await using agent = await startTestAgent();
    const headers = `x-padding: ${'x'.repeat(limits.requestHeaderBytesMax)}\r\n`;
    const answer = await rawExchange(agent.url, `GET /v1/status HTTP/1.1\r\nhost: a\r\n${headers}\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  test('what is not HTTP', async () => {
    await using agent = await startTestAgent();
    expect(await rawExchange(agent.url, 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  });

  test.each(['/v1/tenant/%zz/timeline/x', '//', '/v1/tenant/', '/v1/tenant//timeline', '/v1/status/x', '/v1/STATUS'])(
    'the path %s',
    async (path) => {
      await using agent = await startTestAgent();
      const answer = await exchange(agent.url, { path });
      expect([answer.status, answer.body.toString()]).toEqual([404, 'Not Found']);
    },
  );
});

test('x-request-id is given back whatever it is', async () => {
  await using agent = await startTestAgent();
  const ask = (id: string) =>
    rawExchange(agent.url, `GET /v1/status HTTP/1.1\r\nhost: a\r\nx-request-id: ${id}\r\nconnection: close\r\n\r\n`);
  expect(await ask('a b\t"c"')).toContain('\r\nx-request-id: a b\t"c"\r\n');
  expect(await ask('\u0001')).toMatch(/^HTTP\/1\.1 (200|400) /);
  expect(await ask('é')).toMatch(/^HTTP\/1\.1 200 /);
});

describe('one data directory, one agent', () => {
  test('a second one does not start, the first one goes on', async () => {
    await using agent = await startTestAgent();
    const second = startAgent(agentOptions(agent.dataDirectory), new AbortController().signal);
    await expect(second).rejects.toMatchObject({ reason: 'DataDirectoryLocked' });
    expect((await exchange(agent.url, { path: '/v1/status' })).status).toBe(200);
  });

  test('after a failed start the directory is free again', async () => {
    await using agent = await startTestAgent();
    await using other = await startTestAgent({ id: 2 });
    await agent.close(0);
    const { port } = new URL(other.url);
    const occupied = { ...agentOptions(agent.dataDirectory), port: Number(port) };
    const signal = new AbortController().signal;
    await expect(startAgent(occupied, signal)).rejects.toMatchObject({ reason: 'CannotListen' });
    await using again = await startAgent(agentOptions(agent.dataDirectory), signal);
    expect(again.safekeeperId).toBe(1n);
  });

  test('its id and its timelines are those of the last start', async () => {
    await using agent = await startTestAgent({ id: 7 });
    const recorded = readRecordedCase('create', 'create_ok');
    const create = { method: 'POST', path: recorded.request.path, body: requestBody(recorded) };
    expect((await exchange(agent.url, create)).status).toBe(200);
    const before = await exchange(agent.url, { path: `/v1/tenant/${TENANT}/timeline/${TIMELINE}` });
    await agent.close(1_000);
    await using again = await startAgent(agentOptions(agent.dataDirectory), new AbortController().signal);
    expect(again.safekeeperId).toBe(7n);
    const after = await exchange(again.url, { path: `/v1/tenant/${TENANT}/timeline/${TIMELINE}` });
    expect(after.body.toString()).toBe(before.body.toString());
    expect(readdirSync(join(agent.dataDirectory, 'tmp'))).toEqual([]);
  });
});
