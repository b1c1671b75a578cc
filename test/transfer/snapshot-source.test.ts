import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { HttpClient } from '../../src/http/client.ts';
import { PeerClient } from '../../src/safekeeper/peer-client.ts';
import { requestSnapshot, type SnapshotSource } from '../../src/transfer/snapshot-source.ts';
import { TransferMemory } from '../../src/transfer/transfer-memory.ts';
import { placeTimeline, safekeeperId, startTestAgent } from '../agent/test-agent.ts';
import { collect } from './donor.ts';
import {
  never,
  type RecordedSnapshot,
  recordedSnapshot,
  type ScriptedDonor,
  silentLog,
  startRecordedDonor,
  startScriptedDonor,
  statusText,
} from './harness.ts';

const RECIPIENT = safekeeperId(4);

let http: HttpClient;

beforeEach(() => {
  http = new HttpClient();
});

afterEach(() => http[Symbol.asyncDispose]());

function request(donor: Pick<ScriptedDonor, 'url'>, { id }: RecordedSnapshot): Promise<SnapshotSource> {
  const client = new PeerClient({ http, url: donor.url });
  return requestSnapshot(client, id, RECIPIENT, { memory: new TransferMemory(), log: silentLog }, never);
}

test('a donor says what it has, and the body is what it sends', async () => {
  const snapshot = await recordedSnapshot('resident_partial');
  // It knows no checkpoint, as old ones: what it has persisted is then all that comes.
  await using donor = await startRecordedDonor(snapshot);
  const { claims, body, sizeBytes } = await request(donor, snapshot);
  expect(claims).toMatchObject({ id: snapshot.id, donor: donor.url, flushLsn: 0x4800030n, lastLogTerm: 1n });
  expect(sizeBytes).toBe(3 * 1024 * 1024);
  expect((await collect(body)).bytes.equals(snapshot.body)).toBe(true);
});

test('an agent that leaves runs of zeros out gives the same archive', async () => {
  const snapshot = await recordedSnapshot('resident_partial');
  await using agent = await startTestAgent({
    prepare: async (data) => void (await placeTimeline(data, { snapshot: 'resident_partial' })),
  });
  const { body } = await request(agent, snapshot);
  const decoded = await collect(body);
  const { tenantId, timelineId } = snapshot.id;
  const wire = await fetch(`${agent.url}/v1/tenant/${tenantId}/timeline/${timelineId}/snapshot/4`);
  expect(decoded.bytes.equals(Buffer.from(await wire.arrayBuffer()))).toBe(true);
});

test('the recipient itself is not asked for a snapshot', async () => {
  const snapshot = await recordedSnapshot('resident_partial');
  await using donor = await startRecordedDonor(snapshot, { id: 4 });
  await expect(request(donor, snapshot)).rejects.toMatchObject({ reason: 'SnapshotToItself' });
  expect(donor.snapshotsServed()).toBe(0);
});

describe('a donor that', () => {
  const answer = (status: number, message: string) => (response: ServerResponse) =>
    void response.writeHead(status).end(JSON.stringify({ msg: message }));

  test.each([
    ['does not have it', 404, 'NotFound: timeline NAME not found', 'TimelineNotFound', 'has no timeline NAME'],
    ['deleted it', 404, 'NotFound: timeline NAME deleted', 'TimelineNotFound', 'says that timeline NAME was deleted'],
    ['is not well', 500, 'no idea', 'StatusUnknown', 'does not say what it has of the timeline: answered 500: no idea'],
  ])('%s is not asked for a snapshot', async (_what, status, message, reason, problem) => {
    const snapshot = await recordedSnapshot('resident_partial');
    const name = `${snapshot.id.tenantId}/${snapshot.id.timelineId}`;
    await using donor = await startScriptedDonor({
      status: answer(status, message.replace('NAME', name)),
      sendSnapshot: (response) => response.end(),
    });
    await expect(request(donor, snapshot)).rejects.toMatchObject({
      reason,
      message: `${donor.url} ${problem.replace('NAME', name)}`,
    });
    expect(donor.snapshotsServed()).toBe(0);
  });

  test('breaks its snapshot off is told, and why when its WAL ends on a boundary', async () => {
    for (const [name, hint] of [
      ['resident_partial', /^http:\S+ broke its snapshot off: [^;]+$/],
      ['flush_lsn_at_segment_boundary', /broke its snapshot off: .*; its WAL ends exactly on a segment boundary/],
    ] as const) {
      const snapshot = await recordedSnapshot(name);
      await using donor = await startScriptedDonor({
        status: statusText(snapshot.status),
        sendSnapshot: (response) => void response.write(snapshot.body, () => response.destroy()),
      });
      const { body, explain } = await request(donor, snapshot);
      const { error } = await collect(body);
      expect(explain(error)).toMatchObject({
        reason: 'SnapshotBroken',
        message: expect.stringMatching(hint) as string,
      });
    }
  });
});
