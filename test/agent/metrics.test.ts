import { mkdirSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONTROL_FILE_NAME } from '../../src/safekeeper/control-file-codec.ts';
import { exchange } from './exchange.ts';
import { gate } from './gate.ts';
import { PATIENCE, placeTimeline, startTestAgent, TENANT } from './test-agent.ts';

const TIMELINE = `a${'1'.padStart(31, '0')}`;
const SNAPSHOT_PATH = `/v1/tenant/${TENANT}/timeline/${TIMELINE}/snapshot/4`;
const SEGMENT_BYTES = 1024 * 1024;

/** The values of `GET /metrics` by name and labels, without the prefix of all. */
async function scrape(url: string): Promise<Map<string, number>> {
  const { status, headers, body } = await exchange(url, { path: '/metrics' });
  expect([status, headers['content-type']]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  const lines = body.toString().split('\n');
  return new Map(
    lines
      .filter((line) => line.startsWith('safekeeper_agent_'))
      .map((line) => {
        const [, name = '', value] = /^safekeeper_agent_(.*) (\S+)$/.exec(line) ?? [];
        return [name, Number(value)] as const;
      }),
  );
}

const placed = async (directory: string) => {
  await placeTimeline(directory, { snapshot: 'resident_partial', timelineId: TIMELINE });
};

test('timelines, directories that could not be loaded, tombstones', async () => {
  await using agent = await startTestAgent({
    prepare: async (directory) => {
      await placed(directory);
      const damaged = join(directory, TENANT, 'b'.repeat(32));
      mkdirSync(damaged);
      writeFileSync(join(damaged, CONTROL_FILE_NAME), 'damaged');
    },
  });
  const before = await scrape(agent.url);
  expect(['timelines', 'unloaded_directories', 'tombstones'].map((name) => before.get(name))).toEqual([1, 1, 0]);
  await exchange(agent.url, { method: 'DELETE', path: `/v1/tenant/${TENANT}/timeline/${TIMELINE}` });
  const after = await scrape(agent.url);
  expect(['timelines', 'unloaded_directories', 'tombstones'].map((name) => after.get(name))).toEqual([0, 1, 1]);
});

test('requests by route and status; what nobody knows is one route', async () => {
  await using agent = await startTestAgent({ prepare: placed });
  for (const path of [
    `/v1/tenant/${TENANT}/timeline/${TIMELINE}`,
    `/v1/tenant/${TENANT}/timeline/${'c'.repeat(32)}`,
    '/x',
    '/y',
  ]) {
    await exchange(agent.url, { path });
  }
  const route = '/v1/tenant/:tenant_id/timeline/:timeline_id';
  const metrics = await scrape(agent.url);
  expect(metrics.get(`http_requests_total{method="GET",route="${route}",status="200"}`)).toBe(1);
  expect(metrics.get(`http_requests_total{method="GET",route="${route}",status="404"}`)).toBe(1);
  expect(metrics.get('http_requests_total{method="GET",route="unknown",status="404"}')).toBe(2);
  expect(metrics.get(`http_request_duration_seconds_count{method="GET",route="${route}"}`)).toBe(2);
});

test('a pull and its snapshot while they run, and their totals', async () => {
  const { afterSnapshotList, reached, open } = gate();
  await using donor = await startTestAgent({ afterSnapshotList, prepare: placed });
  await using recipient = await startTestAgent({ id: 4 });
  const body = JSON.stringify({ tenant_id: TENANT, timeline_id: TIMELINE, http_hosts: [donor.url] });
  const pull = exchange(recipient.url, { method: 'POST', path: '/v1/pull_timeline', body });
  await reached();
  for (const [{ url }, kind] of [
    [donor, 'Snapshot'],
    [recipient, 'Pull'],
  ] as const) {
    const running = await scrape(url);
    const labels = `{kind="${kind}",tenant="${TENANT}",timeline="${TIMELINE}"}`;
    expect(running.get(`transfer_running${labels}`)).toBe(1);
    expect(running.get(`transfer_running_segments${labels}`)).toBe(0);
    expect(running.get(`transfer_running_bytes${labels}`)).toBeLessThan(SEGMENT_BYTES);
    expect(running.get(`transfer_running_expected_bytes${labels}`)).toBeGreaterThanOrEqual(3 * SEGMENT_BYTES);
    expect(running.get(`transfer_running_bytes_per_second${labels}`)).toBeGreaterThanOrEqual(0);
  }
  open();
  expect((await pull).status).toBe(200);
  const after = await scrape(recipient.url);
  expect([...after.keys()].filter((name) => name.startsWith('transfer_running'))).toEqual([]);
  expect(after.get('transfers_started_total{kind="Pull"}')).toBe(1);
  expect(after.get('transfer_segments_total{kind="Pull"}')).toBe(3);
  expect(after.get('transfer_bytes_total{kind="Pull"}')).toBeGreaterThan(3 * SEGMENT_BYTES);
  expect((await scrape(donor.url)).get('transfer_segments_total{kind="Snapshot"}')).toBe(3);
});

describe('failures by reason', () => {
  const failures = async (url: string) =>
    [...(await scrape(url))].filter(([name]) => name.startsWith('transfer_failures_total'));

  test('of a pull', async () => {
    await using agent = await startTestAgent();
    const body = JSON.stringify({ tenant_id: TENANT, timeline_id: TIMELINE, http_hosts: ['http://127.0.0.1:1'] });
    await exchange(agent.url, { method: 'POST', path: '/v1/pull_timeline', body });
    expect(await failures(agent.url)).toEqual([['transfer_failures_total{kind="Pull",reason="NotEnoughAnswers"}', 1]]);
  });

  test('of a snapshot whose term changed', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using agent = await startTestAgent({ afterSnapshotList, prepare: placed });
    const snapshot = exchange(agent.url, { path: SNAPSHOT_PATH });
    await reached();
    await exchange(agent.url, {
      method: 'POST',
      path: `/v1/tenant/${TENANT}/timeline/${TIMELINE}/term_bump`,
      body: '{}',
    });
    open();
    expect((await snapshot).isCut).toBe(true);
    await expect
      .poll(() => failures(agent.url), PATIENCE)
      .toEqual([['transfer_failures_total{kind="Snapshot",reason="TermChanged"}', 1]]);
    const route = '/v1/tenant/:tenant_id/timeline/:timeline_id/snapshot/:destination_id';
    const metrics = await scrape(agent.url);
    expect(metrics.get(`http_requests_total{method="GET",route="${route}",status="broken"}`)).toBe(1);
  });

  test('of a snapshot whose client went away', async () => {
    const { afterSnapshotList, reached } = gate();
    await using agent = await startTestAgent({ afterSnapshotList, prepare: placed });
    const request = get(`${agent.url}${SNAPSHOT_PATH}`, { agent: false }).on('error', () => {});
    await reached();
    request.destroy();
    await expect
      .poll(() => failures(agent.url), PATIENCE)
      .toEqual([['transfer_failures_total{kind="Snapshot",reason="ClientGone"}', 1]]);
  });
});
