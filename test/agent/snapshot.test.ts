import { once } from 'node:events';
import { readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startAgent } from '../../src/agent/agent.ts';
import { lsn } from '../../src/domain/lsn.ts';
import { CONTROL_FILE_NAME, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { segmentFileName, segmentNumber, segmentsOf } from '../../src/safekeeper/wal-segment.ts';
import { ZERO_RUNS, ZeroRunDecoder } from '../../src/transfer/zero-runs.ts';
import { readGzipFixture } from '../support/fixtures.ts';
import { exchange, rawExchange } from './exchange.ts';
import { gate } from './gate.ts';
import {
  agentOptions,
  PATIENCE,
  placeTimeline,
  readTar,
  startTestAgent,
  TENANT,
  type TestAgent,
  type TestAgentOptions,
} from './test-agent.ts';

const TIMELINE = `a${'1'.padStart(31, '0')}`;
const SNAPSHOT_PATH = `/v1/tenant/${TENANT}/timeline/${TIMELINE}/snapshot/3`;
/** Tar header and control file, without its padding: what a real donor had sent when it broke off. */
const BROKEN_OFF_BYTES = 874;

function startDonor(options: TestAgentOptions = {}): Promise<TestAgent> {
  const prepare = async (dataDirectory: string) => {
    await placeTimeline(dataDirectory, { snapshot: 'resident_partial', timelineId: TIMELINE });
  };
  return startTestAgent({ prepare, ...options });
}

async function openSnapshot(agent: TestAgent): Promise<IncomingMessage> {
  const [response] = (await once(get(`${agent.url}${SNAPSHOT_PATH}`, { agent: false }), 'response')) as [
    IncomingMessage,
  ];
  return response;
}

describe('GET …/snapshot/N', () => {
  test.each([
    'resident_partial',
    'resident_14_segments',
    'full_segments_no_partial',
    'flush_lsn_at_segment_boundary',
    'gen0_v9',
    'uninitialized',
    'compute_created_greeting_only',
  ])('sends what a real safekeeper sent: %s', async (snapshot) => {
    let timelineId = '';
    await using agent = await startTestAgent({
      prepare: async (dataDirectory) => {
        timelineId = (await placeTimeline(dataDirectory, { snapshot })).timelineId;
      },
    });
    const answer = await exchange(agent.url, { path: `/v1/tenant/${TENANT}/timeline/${timelineId}/snapshot/3` });
    expect(answer).toMatchObject({ status: 200, isCut: false });
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    const [sent, recorded] = [
      await readTar(answer.body),
      await readTar(readGzipFixture('snapshots', `${snapshot}.tar.gz`)),
    ];
    expect([...sent.keys()]).toEqual([...recorded.keys()]);
    for (const [name, content] of recorded) expect(sent.get(name)?.equals(content), name).toBe(true);
  });

  test('leaves runs of zeros out for who knows that coding by name, and for nobody else', async () => {
    await using agent = await startDonor();
    const ask = (coding: string) =>
      exchange(agent.url, { path: SNAPSHOT_PATH, headers: { 'accept-encoding': coding } });
    const plain = await ask('gzip, *');
    expect(plain.headers['content-encoding']).toBeUndefined();
    const coded = await ask('gzip, X-Zero-Runs');
    expect(coded.headers['content-encoding']).toBe(ZERO_RUNS);
    const pieces: Buffer[] = [];
    async function* body() {
      yield coded.body;
    }
    for await (const piece of new ZeroRunDecoder(body(), Buffer.alloc(1_024))) pieces.push(Buffer.from(piece));
    expect(Buffer.concat(pieces).equals(plain.body)).toBe(true);
    // Less than half of its last segment is used.
    expect(coded.body.length).toBeLessThan(plain.body.length - 512 * 1_024);
  });

  test('what a slow client has not taken yet is not overwritten by what comes behind a run of zeros', async () => {
    let timelineId = '';
    const prepare = async (dataDirectory: string) => {
      const placed = await placeTimeline(dataDirectory, { snapshot: 'resident_14_segments' });
      timelineId = placed.timelineId;
      const directory = join(dataDirectory, TENANT, timelineId);
      for (const name of readdirSync(directory).filter((entry) => entry.startsWith('0000'))) {
        const content = readFileSync(join(directory, name));
        writeFileSync(join(directory, name), content.fill(0, content.length / 2));
      }
    };
    await using agent = await startTestAgent({ prepare });
    const path = `/v1/tenant/${TENANT}/timeline/${timelineId}/snapshot/3`;
    const plain = await exchange(agent.url, { path });
    for (const coding of [ZERO_RUNS, 'identity']) {
      const asked = get(`${agent.url}${path}`, { agent: false, headers: { 'accept-encoding': coding } });
      const [response] = (await once(asked, 'response')) as [IncomingMessage];
      // The first chunks fill what the system keeps for the connection; the donor then waits with one in its hands.
      await new Promise((wake) => setTimeout(wake, 300));
      const content = coding === ZERO_RUNS ? new ZeroRunDecoder(response, Buffer.alloc(1_024)) : response;
      const pieces: Buffer[] = [];
      for await (const piece of content) pieces.push(Buffer.from(piece as Uint8Array));
      expect(Buffer.concat(pieces).equals(plain.body), coding).toBe(true);
    }
  });

  test('a second one meanwhile breaks off after the control file, the first one goes on', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using agent = await startDonor({ afterSnapshotList });
    const first = exchange(agent.url, { path: SNAPSHOT_PATH });
    await reached();
    const second = await exchange(agent.url, { path: SNAPSHOT_PATH });
    expect(second).toMatchObject({ status: 200, isCut: true });
    expect(second.body.length).toBe(BROKEN_OFF_BYTES);
    open();
    expect(await first).toMatchObject({ status: 200, isCut: false });
    expect(await exchange(agent.url, { path: SNAPSHOT_PATH })).toMatchObject({ isCut: false });
  });

  test('a raised term breaks it off after every segment was sent', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using agent = await startDonor({ afterSnapshotList });
    const snapshot = exchange(agent.url, { path: SNAPSHOT_PATH });
    await reached();
    const bump = { method: 'POST', path: `/v1/tenant/${TENANT}/timeline/${TIMELINE}/term_bump`, body: '{}' };
    expect((await exchange(agent.url, bump)).body.toString()).toBe('{"previous_term":1,"current_term":2}');
    open();
    const broken = await snapshot;
    const whole = await exchange(agent.url, { path: SNAPSHOT_PATH });
    expect([broken.isCut, whole.isCut]).toEqual([true, false]);
    expect(broken.body.length).toBe(whole.body.length - 1024);
  });

  test('a deletion breaks it off', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using agent = await startDonor({ afterSnapshotList });
    const snapshot = exchange(agent.url, { path: SNAPSHOT_PATH });
    await reached();
    await exchange(agent.url, { method: 'DELETE', path: `/v1/tenant/${TENANT}/timeline/${TIMELINE}` });
    open();
    expect((await snapshot).isCut).toBe(true);
  });

  test('a client that vanishes frees the timeline', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using agent = await startDonor({ afterSnapshotList });
    const response = await openSnapshot(agent);
    await reached();
    response.destroy();
    open();
    await expect.poll(async () => (await exchange(agent.url, { path: SNAPSHOT_PATH })).isCut, PATIENCE).toBe(false);
  });

  test('a client that takes nothing is cut off and frees the timeline', async () => {
    const prepare = (directory: string) => placeSparseTimeline(directory, 8);
    await using agent = await startTestAgent({ prepare, stallTimeoutMs: 200 });
    const response = await openSnapshot(agent);
    const cut = once(response, 'error');
    await expect.poll(async () => (await exchange(agent.url, { path: SNAPSHOT_PATH })).isCut, PATIENCE).toBe(false);
    response.resume();
    expect((await cut)[0]).toMatchObject({ code: 'ECONNRESET' });
  });

  test('a running one is finished by an orderly shutdown', async () => {
    const { afterSnapshotList, reached, open } = gate();
    await using agent = await startDonor({ afterSnapshotList });
    const snapshot = exchange(agent.url, { path: SNAPSHOT_PATH });
    await reached();
    const closed = agent.close(10_000);
    open();
    expect(await snapshot).toMatchObject({ status: 200, isCut: false });
    await closed;
  });

  test('one that outlasts the shutdown is broken off, and the data directory is free then', async () => {
    const { afterSnapshotList, reached } = gate();
    await using agent = await startDonor({ afterSnapshotList });
    const snapshot = exchange(agent.url, { path: SNAPSHOT_PATH });
    await reached();
    await agent.close(50);
    expect(await snapshot).toMatchObject({ status: 200, isCut: true });
    await using again = await startAgent(agentOptions(agent.dataDirectory), new AbortController().signal);
    expect(again.safekeeperId).toBe(1n);
  });

  test('HTTP/1.0 is refused: without chunks a cut looks like the end', async () => {
    await using agent = await startDonor();
    expect(await rawExchange(agent.url, `GET ${SNAPSHOT_PATH} HTTP/1.0\r\n\r\n`)).toMatch(/^HTTP\/1\.1 505 /);
  });

  test('memory does not grow with the timeline', async () => {
    const segmentCount = 32;
    await using agent = await startTestAgent({ prepare: (directory) => placeSparseTimeline(directory, segmentCount) });
    const response = await openSnapshot(agent);
    const before = process.memoryUsage().rss;
    let [highest, received] = [before, 0];
    for await (const chunk of response) {
      received += (chunk as Buffer).length;
      highest = Math.max(highest, process.memoryUsage.rss());
    }
    expect(received).toBeGreaterThan(segmentCount * SPARSE_SEGMENT_SIZE);
    expect((highest - before) / 2 ** 20).toBeLessThan(200);
  });
});

const SPARSE_SEGMENT_SIZE = 16 * 1024 * 1024;

/** Full segments of zeros that take no room on disk; the control file says that they are committed. */
async function placeSparseTimeline(dataDirectory: string, segmentCount: number): Promise<void> {
  const start = lsn(BigInt(SPARSE_SEGMENT_SIZE));
  const end = lsn(BigInt(SPARSE_SEGMENT_SIZE) * BigInt(segmentCount + 1) - 8n);
  const recorded = await placeTimeline(dataDirectory, { snapshot: 'uninitialized', timelineId: TIMELINE });
  const directory = join(dataDirectory, TENANT, TIMELINE);
  const controlFile = {
    ...recorded,
    server: { ...recorded.server, walSegmentSize: SPARSE_SEGMENT_SIZE },
    timelineStartLsn: start,
    localStartLsn: start,
    backupLsn: start,
    remoteConsistentLsn: start,
    commitLsn: end,
  };
  writeFileSync(join(directory, CONTROL_FILE_NAME), encodeControlFile(controlFile));
  const range = { first: segmentNumber(start, SPARSE_SEGMENT_SIZE), last: segmentNumber(end, SPARSE_SEGMENT_SIZE) };
  for (const segment of segmentsOf(range)) {
    const path = join(directory, segmentFileName(segment, SPARSE_SEGMENT_SIZE));
    writeFileSync(path, '');
    truncateSync(path, SPARSE_SEGMENT_SIZE);
  }
}
