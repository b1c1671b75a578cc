import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { CONTROL_FILE_NAME } from '../../src/safekeeper/control-file-codec.ts';
import { exchange, type Answered } from './exchange.ts';
import { gate } from './gate.ts';
import {
  PATIENCE,
  type PlacedTimeline,
  placeTimeline,
  startTestAgent,
  TENANT,
  type TestAgent,
  type TestAgentOptions,
} from './test-agent.ts';

const TIMELINE = `a${'1'.padStart(31, '0')}`;
const PLACED: PlacedTimeline = { snapshot: 'resident_14_segments', timelineId: TIMELINE };

function startDonor(placed: PlacedTimeline = PLACED, options: TestAgentOptions = {}): Promise<TestAgent> {
  return startTestAgent({ prepare: async (directory) => void (await placeTimeline(directory, placed)), ...options });
}

function pullBody(hosts: readonly string[], timelineId = TIMELINE): string {
  return JSON.stringify({ tenant_id: TENANT, timeline_id: timelineId, http_hosts: hosts });
}

function pull(recipient: TestAgent, hosts: readonly string[], timelineId = TIMELINE): Promise<Answered> {
  return exchange(recipient.url, { method: 'POST', path: '/v1/pull_timeline', body: pullBody(hosts, timelineId) });
}

function readDirectory(directory: string): Map<string, Buffer> {
  return new Map(
    readdirSync(directory)
      .sort()
      .map((name) => [name, readFileSync(join(directory, name))]),
  );
}

function expectSameContent(copy: string, original: string): void {
  const [copied, expected] = [readDirectory(copy), readDirectory(original)];
  expect([...copied.keys()]).toEqual([...expected.keys()]);
  for (const [name, content] of expected) expect(copied.get(name)?.equals(content), name).toBe(true);
}

async function timelineStatus(agent: TestAgent): Promise<Answered> {
  return await exchange(agent.url, { path: `/v1/tenant/${TENANT}/timeline/${TIMELINE}` });
}

describe('an agent pulls from an agent', () => {
  test('its log says once what it pulled from whom and how long that took', async () => {
    const lines: unknown[] = [];
    const log = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) });
    await using donor = await startDonor();
    await using recipient = await startTestAgent({ id: 2, log });
    await pull(recipient, [donor.url]);
    // Nothing is pulled a second time.
    await pull(recipient, [donor.url]);
    const said = { msg: 'timeline pulled', tenant: TENANT, timeline: TIMELINE, donor: donor.url };
    expect(lines).toEqual([expect.objectContaining({ ...said, elapsedMs: expect.any(Number) as number })]);
  });

  test.each([
    'resident_partial',
    'resident_14_segments',
    'full_segments_no_partial',
    'flush_lsn_at_segment_boundary',
    'gen0_v9',
    'uninitialized',
    'compute_created_greeting_only',
  ])('%s arrives byte for byte', async (snapshot) => {
    await using donor = await startDonor({ snapshot, timelineId: TIMELINE });
    await using recipient = await startTestAgent({ id: 4 });
    const answer = await pull(recipient, [donor.url]);
    expect([answer.status, answer.body.toString()]).toEqual([200, `{"safekeeper_host":"${donor.url}"}`]);
    expectSameContent(recipient.directoryOf(TIMELINE), donor.directoryOf(TIMELINE));
    expect(readdirSync(recipient.tempDirectory)).toEqual([]);
    expect((await timelineStatus(recipient)).body).toEqual((await timelineStatus(donor)).body);
    expect((await pull(recipient, [donor.url])).body.toString()).toBe('{"safekeeper_host":null}');
  });

  test('and on to the next one, as donor', async () => {
    await using first = await startDonor();
    await using second = await startTestAgent({ id: 2 });
    await using third = await startTestAgent({ id: 3 });
    expect((await pull(second, [first.url])).status).toBe(200);
    expect((await pull(third, [second.url])).status).toBe(200);
    expectSameContent(third.directoryOf(TIMELINE), first.directoryOf(TIMELINE));
  });

  test('a malformed list for a body is refused', async () => {
    await using recipient = await startTestAgent({ id: 4 });
    const answer = await exchange(recipient.url, { method: 'POST', path: '/v1/pull_timeline', body: '[1,' });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.body.toString())).toEqual({
      msg: '"Failed to parse json request: invalid type: sequence, expected struct PullTimelineRequest at line 1 column 1"',
    });
  });

  test('no hosts at all', async () => {
    await using recipient = await startTestAgent({ id: 4 });
    const answer = await pull(recipient, []);
    expect([answer.status, answer.body.toString()]).toEqual([
      500,
      '{"msg":"only got 0 successful status responses. required: 1"}',
    ]);
  });
});

describe('what happens meanwhile', () => {
  test('the timeline is not there until it is there', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using donor = await startDonor(PLACED, { afterSnapshotList });
    await using recipient = await startTestAgent({ id: 4 });
    const answer = pull(recipient, [donor.url]);
    await reached();
    expect((await timelineStatus(recipient)).status).toBe(404);
    expect((await exchange(recipient.url, { path: '/v1/tenant/timeline' })).body.toString()).toBe('[]');
    open();
    expect((await answer).status).toBe(200);
    expect((await timelineStatus(recipient)).status).toBe(200);
  });

  test('a deletion in the middle wins', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using donor = await startDonor(PLACED, { afterSnapshotList });
    await using recipient = await startTestAgent({ id: 4 });
    const answer = pull(recipient, [donor.url]);
    await reached();
    const path = `/v1/tenant/${TENANT}/timeline/${TIMELINE}?only_local=true`;
    const deleted = await exchange(recipient.url, { method: 'DELETE', path });
    expect(deleted.body.toString()).toBe('{"dir_existed":false}');
    open();
    const { status, body } = await answer;
    expect([status, body.toString()]).toEqual([409, `{"msg":"Conflict: Timeline ${TENANT}/${TIMELINE} deleted"}`]);
    expect(readdirSync(recipient.tempDirectory)).toEqual([]);
  });

  test('of two pulls at once one gets the timeline, the other an error, and nothing is left over', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using donor = await startDonor(PLACED, { afterSnapshotList });
    await using recipient = await startTestAgent({ id: 4 });
    const first = pull(recipient, [donor.url]);
    await reached();
    const second = await pull(recipient, [donor.url]);
    expect(second.status).toBe(500);
    expect(second.body.toString()).toContain('error decoding response body');
    open();
    expect((await first).status).toBe(200);
    expect(readdirSync(recipient.tempDirectory)).toEqual([]);
  });

  test('a raised term on the donor fails the pull, the next one works', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using donor = await startDonor(PLACED, { afterSnapshotList });
    await using recipient = await startTestAgent({ id: 4 });
    const answer = pull(recipient, [donor.url]);
    await reached();
    const path = `/v1/tenant/${TENANT}/timeline/${TIMELINE}/term_bump`;
    await exchange(donor.url, { method: 'POST', path, body: '{}' });
    open();
    expect((await answer).status).toBe(500);
    expect(readdirSync(recipient.tempDirectory)).toEqual([]);
    expect((await pull(recipient, [donor.url])).status).toBe(200);
    expectSameContent(recipient.directoryOf(TIMELINE), donor.directoryOf(TIMELINE));
  });

  test('a client that goes away cancels its pull and frees the donor', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using donor = await startDonor(PLACED, { afterSnapshotList });
    await using recipient = await startTestAgent({ id: 4 });
    const client = request(`${recipient.url}/v1/pull_timeline`, { method: 'POST', agent: false });
    client.once('error', () => {});
    client.end(pullBody([donor.url]));
    await reached();
    expect(readdirSync(recipient.tempDirectory)).toHaveLength(1);
    client.destroy();
    await expect.poll(() => readdirSync(recipient.tempDirectory), PATIENCE).toEqual([]);
    open();
    await expect.poll(async () => (await pull(recipient, [donor.url])).status, PATIENCE).toBe(200);
  });

  test('a donor that stands still fails the pull', async () => {
    const { afterSnapshotList, reached } = gate();
    await using donor = await startDonor(PLACED, { afterSnapshotList });
    await using recipient = await startTestAgent({ id: 4, stallTimeoutMs: 200 });
    const answer = pull(recipient, [donor.url]);
    await reached();
    const { status, body } = await answer;
    expect(status).toBe(500);
    expect(body.toString()).toContain('the donor sent nothing for 200 ms');
    expect(readdirSync(recipient.tempDirectory)).toEqual([]);
    expect((await timelineStatus(recipient)).status).toBe(404);
  });

  test('a shutdown without grace breaks it off and tidies up', async () => {
    const { afterSnapshotList, reached } = gate();
    await using donor = await startDonor(PLACED, { afterSnapshotList });
    await using recipient = await startTestAgent({ id: 4 });
    const answer = pull(recipient, [donor.url]).catch(() => undefined);
    await reached();
    await recipient.close(0);
    expect(await answer).toBeUndefined();
    expect(readdirSync(recipient.tempDirectory)).toEqual([]);
  });
});

test('the recipient keeps the highest term that any host has shown', async () => {
  await using behind = await startDonor({ snapshot: 'resident_partial', timelineId: TIMELINE });
  await using ahead = await startDonor(PLACED, { id: 2 });
  await using recipient = await startTestAgent({ id: 4 });
  const path = `/v1/tenant/${TENANT}/timeline/${TIMELINE}/term_bump`;
  await exchange(behind.url, { method: 'POST', path, body: '{"term":9}' });
  const answer = await pull(recipient, [behind.url, ahead.url]);
  expect(answer.body.toString()).toBe(`{"safekeeper_host":"${ahead.url}"}`);
  const status = JSON.parse((await timelineStatus(recipient)).body.toString()) as { acceptor_state: { term: number } };
  expect(status.acceptor_state.term).toBe(9);
  expect(readdirSync(recipient.directoryOf(TIMELINE))).toContain(CONTROL_FILE_NAME);
});
