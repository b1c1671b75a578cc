import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { toSafekeeperId } from '../../src/api/fields.ts';
import { compareSafekeeper, recordSafekeeper, type SafekeeperRecord } from '../../src/cli/demo/proof.ts';
import { replicaBytes } from '../../src/cli/demo/timeline-watch.ts';
import { DEMO_TIMELINES, type DemoTimeline, timelineOf } from '../../src/cli/demo/timelines.ts';
import { type DataDirectory, layTimelines, recordingsDirectory } from '../../src/cli/demo/wal-data.ts';
import { lastLogTerm, term } from '../../src/domain/term.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../../src/domain/ids.ts';
import type { TimelineAnswer } from '../../src/safekeeper/client.ts';
import { CONTROL_FILE_NAME, decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';

/** The small ones. */
const LAID = DEMO_TIMELINES.filter(({ snapshot }) =>
  ['resident_partial', 'gen0_v9', 'uninitialized'].includes(snapshot),
);
const SIGNAL = new AbortController().signal;
/** Two full segments and a partial one. */
const DAMAGED = timelineOf(LAID.find(({ snapshot }) => snapshot === 'resident_partial') ?? DEMO_TIMELINES[0]!);

let root: string;
let directories: DataDirectory[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'demo-proof-'));
  directories = [1, 2].map((id) => ({ safekeeperId: toSafekeeperId(id), path: join(root, String(id)) }));
  await layTimelines(LAID, directories, SIGNAL);
});

afterEach(() => rm(root, { recursive: true, force: true }));

/** What an agent would answer from the control file, as far as the proof asks. */
function recordOf(id: number, timelines: readonly DemoTimeline[] = LAID): Promise<SafekeeperRecord> {
  const { path } = directories[id - 1]!;
  const timelineStatus = async (timeline: TenantTimelineId): Promise<TimelineAnswer> => {
    const bytes = await readFile(join(path, timeline.tenantId, timeline.timelineId, CONTROL_FILE_NAME));
    const file = decodeControlFile(bytes);
    const flushLsn = file.commitLsn;
    const status = { ...file, flushLsn, lastLogTerm: lastLogTerm(file.termHistory, flushLsn) };
    return { kind: 'Status', status: { ...status, peers: [], walsenders: [], walreceivers: [] } };
  };
  return recordSafekeeper({ path, client: { timelineStatus } }, timelines.map(timelineOf), SIGNAL);
}

function fileOf(id: number, name: string): string {
  return join(directories[id - 1]!.path, DAMAGED.tenantId, DAMAGED.timelineId, name);
}

async function changeControlFile(id: number, change: (file: ReturnType<typeof decodeControlFile>) => object) {
  const file = decodeControlFile(await readFile(fileOf(id, CONTROL_FILE_NAME)));
  await writeFile(fileOf(id, CONTROL_FILE_NAME), encodeControlFile({ ...file, ...change(file) }));
}

async function flipByte(path: string, at: number): Promise<void> {
  const content = await readFile(path);
  content[at] = (content[at] ?? 0) ^ 1;
  await writeFile(path, content);
}

describe('the data', () => {
  test('is the recorded WAL under ids of its own, with what the timelines say of terms and laggards', async () => {
    await layTimelines(DEMO_TIMELINES, directories, SIGNAL);
    const [first, second] = [await recordOf(1, DEMO_TIMELINES), await recordOf(2, DEMO_TIMELINES)];
    expect(second.size).toBe(DEMO_TIMELINES.length);
    const bytes = await replicaBytes(directories[1]!.path);
    for (const laid of DEMO_TIMELINES) {
      const key = formatTenantTimelineId(timelineOf(laid));
      const replica = second.get(key);
      expect(replica?.controlFile).toMatchObject(timelineOf(laid));
      expect(replica?.controlFile.term).toBeGreaterThanOrEqual(laid.elections?.at(-1)?.term ?? 0n);
      expect(bytes.get(key)).toBeGreaterThan((replica?.walFiles.size ?? 0) * 1024 * 1024);
      const missing = (replica?.walFiles.size ?? 0) - (first.get(key)?.walFiles.size ?? 0);
      expect(missing > 0).toBe(laid.laggard !== undefined);
    }
  });

  test('needs a clone of the repository', () => {
    expect(() => recordingsDirectory(root)).toThrow(/needs the recorded WAL in .*: run it from a clone/);
  });
});

describe('the proof', () => {
  test('finds everything the same where nothing was changed, and terms that went up', async () => {
    const before = await recordOf(2);
    await changeControlFile(2, (file) => ({ term: term(file.term + 1024n) }));
    const comparison = compareSafekeeper(before, await recordOf(2), [await recordOf(1)]);
    const files = [...before.values()].flatMap(({ walFiles }) => [...walFiles.values()]);
    expect(comparison).toMatchObject({ problems: [], timelineCount: LAID.length, raisedTermCount: 1 });
    expect(comparison.walFileCount).toBe(files.length);
    expect(comparison.walBytes).toBe(files.length * 1024 * 1024);
    expect(comparison.peerCopyCount).toBe(files.length);
  });

  const segment = '000000010000000000000047';
  test.each([
    ['a flipped byte', () => flipByte(fileOf(2, segment), 500_000), `${segment} is not what it was`],
    ['a missing file', () => rm(fileOf(2, segment)), `${segment} is missing`],
    [
      'a file too many',
      () => writeFile(fileOf(2, `${segment}.partial`), ''),
      `${segment}.partial was not there before`,
    ],
    ['a lower term', () => changeControlFile(2, () => ({ term: term(0n) })), 'term went back from 1 to 0'],
    ['a shorter history', () => changeControlFile(2, () => ({ termHistory: [] })), 'last_log_term was "1" and is "0"'],
  ])('catches %s', async (_what, damage, problem) => {
    const before = await recordOf(2);
    await damage();
    const { problems } = compareSafekeeper(before, await recordOf(2), [await recordOf(1)]);
    expect(problems).toContain(`${formatTenantTimelineId(DAMAGED)}: ${problem}`);
  });

  test('catches a peer that has other bytes, and a replica that is gone', async () => {
    const before = await recordOf(2);
    await flipByte(fileOf(1, segment), 7);
    const after = new Map(await recordOf(2));
    const key = formatTenantTimelineId(DAMAGED);
    expect(compareSafekeeper(before, after, [await recordOf(1)]).problems).toEqual([
      `${key}: ${segment} differs from a peer's`,
    ]);
    after.delete(key);
    expect(compareSafekeeper(before, after, []).problems).toEqual([`${key}: the replica is missing`]);
  });

  test('bytes of a copy that is still arriving count too', async () => {
    const { path } = directories[0]!;
    const key = formatTenantTimelineId(DAMAGED);
    const arriving = join(path, 'tmp', `${key.replace('/', '_')}_8f2a_temptli`);
    await mkdir(arriving, { recursive: true });
    await writeFile(join(arriving, segment), Buffer.alloc(1000));
    const before = (await replicaBytes(directories[1]!.path)).get(key) ?? 0;
    expect((await replicaBytes(path)).get(key)).toBe(before + 1000);
    expect(await readdir(arriving)).toEqual([segment]);
  });
});
