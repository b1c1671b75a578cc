import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import type { FileSystem } from '../../src/disk/file-system.ts';
import { INVALID_LSN } from '../../src/domain/lsn.ts';
import { generation, type Membership } from '../../src/domain/membership.ts';
import { term, type TermHistory } from '../../src/domain/term.ts';
import type { ConfirmedRecovery, OwnDecision } from '../../src/recovery/own-recovery.ts';
import { installArchive, type InstallOutcome } from '../../src/restore/install-archive.ts';
import { parseTimelineStatus, type TimelineStatus } from '../../src/safekeeper/api.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { deleteTimeline } from '../../src/transfer/delete-timeline.ts';
import { openArchive } from '../../src/transfer/receive.ts';
import type { SnapshotBody } from '../../src/transfer/watched-body.ts';
import { archive } from '../transfer/archive.ts';
import { BAD_BODIES } from '../transfer/bad-archives.ts';
import { faultyFileSystem, type Operation, systemError } from '../transfer/faulty-file-system.ts';
import {
  configuration,
  fingerprints,
  layTimeline,
  listTemp,
  never,
  openMap,
  readLiveTimeline,
  type RecordedSnapshot,
  recordedSnapshot,
  statusText,
  temporaryDirectory,
} from '../transfer/harness.ts';

const OWN_ID = 3n;
const FLOOR = term(1_029n);
const METER = { expect: () => undefined, addBytes: () => undefined, addSegment: () => undefined };

function bodyOf(bytes: Uint8Array): SnapshotBody {
  const pieces = async function* () {
    for (let at = 0; at < bytes.length; at += 100_003) yield bytes.subarray(at, at + 100_003);
  };
  return Object.assign(pieces(), { destroy: () => undefined });
}

/** The recorded snapshot as an archive, with another control file. */
function changed(snapshot: RecordedSnapshot, change: Partial<ControlFile>): Promise<Buffer> {
  const controlFile = decodeControlFile(snapshot.files.get('safekeeper.control')!);
  return archive(new Map(snapshot.files).set('safekeeper.control', encodeControlFile({ ...controlFile, ...change })));
}

/** The same timeline some segments earlier: whole, and too old. */
function earlier(snapshot: RecordedSnapshot, segments: number): Promise<Buffer> {
  const controlFile = decodeControlFile(snapshot.files.get('safekeeper.control')!);
  const before = { ...controlFile, commitLsn: controlFile.timelineStartLsn };
  const files = new Map(snapshot.files).set('safekeeper.control', encodeControlFile(before));
  return archive([...files].slice(0, -segments));
}

/** What the peers say: that the replica may be restored from a donor with this status. */
interface Peers {
  readonly status?: Partial<TimelineStatus>;
  readonly membership?: Membership;
  readonly decisions?: OwnDecision[];
  /** Discarded so many times before it is confirmed. */
  readonly discarded?: number;
}

interface Installing {
  readonly files?: FileSystem;
  readonly prepare?: (dataDirectory: string) => Promise<void>;
}

interface Installed {
  readonly outcome: PromiseSettledResult<InstallOutcome>;
  readonly live: Map<string, Buffer>;
  readonly temp: string[];
  readonly waits: (string | undefined)[];
  readonly confirmations: number;
}

async function install(
  snapshot: RecordedSnapshot,
  body: Uint8Array | SnapshotBody,
  peers: Peers = {},
  { files, prepare }: Installing = {},
): Promise<Installed> {
  await using data = await temporaryDirectory();
  await prepare?.(data.path);
  const map = await openMap(data.path, { safekeeperId: OWN_ID, ...(files === undefined ? {} : { files }) });
  const donorStatus = { ...parseTimelineStatus(statusText(snapshot.status)), ...peers.status };
  const { flushLsn, lastLogTerm } = donorStatus;
  const [donor, members] = [1n, [1n, 2n, 3n]] as never[];
  const planned = { lastLogTerm, flushLsn };
  const act = { kind: 'Act', intent: { donor, members, planned, floor: FLOOR } } as unknown as OwnDecision;
  const confirmed = {
    kind: 'Confirmed',
    donor: { id: donor },
    donorStatus,
    floor: FLOOR,
    expected: planned,
    membership: peers.membership,
    fencing: 'ByTerms',
  } as unknown as ConfirmedRecovery;
  const decisions = [...(peers.decisions ?? [])];
  const waits: (string | undefined)[] = [];
  let confirmations = 0;
  const watch = { stallTimeoutMs: 5_000 };
  const run = async () => {
    using opened = await openArchive(body instanceof Uint8Array ? bodyOf(body) : body, watch, never);
    return await installArchive(
      map,
      opened,
      {
        ...watch,
        meter: METER,
        recovery: {
          decide: async () => decisions.shift() ?? act,
          confirm: async () =>
            ++confirmations > (peers.discarded ?? 0) ? confirmed : { kind: 'Discarded', message: 'it moved' },
        },
        beforeRound: async () => undefined,
        onWait: (message) => waits.push(message),
        remoteStorage: undefined,
        clock: { ...systemClock, sleep: () => Promise.resolve() },
      },
      never,
    );
  };
  const [outcome] = await Promise.allSettled([run()]);
  const [live, temp] = [await readLiveTimeline(data.path, snapshot.id), await listTemp(data.path)];
  if (outcome.status === 'fulfilled' && outcome.value.kind === 'Installed') {
    const reloaded = (await openMap(data.path, { safekeeperId: OWN_ID })).get(snapshot.id);
    expect(reloaded.controlFile).toEqual(outcome.value.timeline.controlFile);
    expect(reloaded.flushLsn).toBe(outcome.value.timeline.flushLsn);
  }
  return { outcome, live, temp, waits, confirmations };
}

/** Nothing may be left of an archive that was not installed. */
function expectNothing({ live, temp }: Installed): void {
  expect([...live.keys()]).toEqual([]);
  expect(temp).toEqual([]);
}

async function expectRefused(installing: Promise<Installed>, message: RegExp): Promise<Installed> {
  const installed = await installing;
  expect(installed.outcome).toMatchObject({
    status: 'fulfilled',
    value: { kind: 'Refused', message: expect.stringMatching(message) as string },
  });
  expectNothing(installed);
  return installed;
}

describe('an archive that holds what the peers have', () => {
  test.each(['resident_partial', 'resident_14_segments', 'full_segments_no_partial', 'gen0_v9', 'uninitialized'])(
    '%s is installed, with the term floor',
    async (name) => {
      const snapshot = await recordedSnapshot(name);
      const { outcome, live, temp } = await install(snapshot, snapshot.body);
      if (outcome.status === 'rejected') throw outcome.reason;
      expect(outcome.value).toMatchObject({ kind: 'Installed', fencing: 'ByTerms' });
      const before = decodeControlFile(snapshot.files.get('safekeeper.control')!);
      const expected = encodeControlFile({ ...before, term: FLOOR, partialBackup: [] });
      expect(fingerprints(live)).toEqual(fingerprints(new Map(snapshot.files).set('safekeeper.control', expected)));
      expect(temp).toEqual([]);
    },
  );

  test('keeps its own term when that is higher', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const { live } = await install(snapshot, await changed(snapshot, { term: term(5_000n) }));
    expect(decodeControlFile(live.get('safekeeper.control')!).term).toBe(5_000n);
  });

  test('gets the configuration that the peers have', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const membership = configuration(9, [1n, 2n, 3n]);
    const { live } = await install(snapshot, snapshot.body, { membership });
    expect(decodeControlFile(live.get('safekeeper.control')!).membership).toEqual(membership);
  });

  test('and is offloaded is installed for the safekeeper whose part is in remote storage, and no other', async () => {
    const snapshot = await recordedSnapshot('offloaded');
    const others = await install(snapshot, snapshot.body);
    expect(others.outcome).toMatchObject({ reason: { message: expect.stringContaining('does not belong') as string } });
    expectNothing(others);
    const { partialBackup } = decodeControlFile(snapshot.files.get('safekeeper.control')!);
    const own = partialBackup.map((segment) => ({ ...segment, name: segment.name.replace(/_sk\d+/, `_sk${OWN_ID}`) }));
    const { live } = await install(snapshot, await changed(snapshot, { partialBackup: own }));
    expect(decodeControlFile(live.get('safekeeper.control')!)).toMatchObject({ term: FLOOR, partialBackup: own });
  });

  test('waits until it may, and is looked at again when the plan was discarded', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const wait = { kind: 'Wait', reason: 'GracePeriod', message: 'Grace.', untilMs: 0 } as const;
    const { outcome, waits, confirmations } = await install(snapshot, snapshot.body, {
      decisions: [wait],
      discarded: 3,
    });
    expect(outcome).toMatchObject({ value: { kind: 'Installed' } });
    expect(waits.filter((text) => text !== undefined)).toEqual([
      'Grace.',
      ...Array(3).fill('reading the peers again: it moved'),
    ]);
    expect(confirmations).toBe(4);
  });
});

describe('an archive is refused', () => {
  test('when too few peers answer, in their words', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const decisions: OwnDecision[] = [{ kind: 'Refused', reason: 'QuorumLost', message: 'Too few members.' }];
    const { confirmations } = await expectRefused(
      install(snapshot, snapshot.body, { decisions }),
      /^Too few members.$/,
    );
    expect(confirmations).toBe(0);
  });

  test('at once, while it still arrives', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const destroyed = new AbortController();
    const pieces = async function* () {
      yield snapshot.body.subarray(0, 700_000);
      if (!destroyed.signal.aborted) await once(destroyed.signal, 'abort');
      throw new Error('destroyed');
    };
    const body = Object.assign(pieces(), { destroy: () => destroyed.abort() });
    const decisions: OwnDecision[] = [{ kind: 'NotMember', message: 'Safekeeper 3 is not among them.' }];
    await expectRefused(install(snapshot, body, { decisions }), /not among them/);
    expect(destroyed.signal.aborted).toBe(true);
  });

  test('when it is older than what a peer has, before anybody is fenced', async () => {
    const snapshot = await recordedSnapshot('resident_14_segments');
    for (const segments of [1, 5]) {
      const installing = install(snapshot, await earlier(snapshot, segments));
      const { confirmations } = await expectRefused(
        installing,
        /^The archive is too old: its log ends at 0\/[0-9A-F]+ in term/,
      );
      expect(confirmations).toBe(0);
    }
  });

  test('when a peer has a later term, however long the archive is', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const { lastLogTerm } = parseTimelineStatus(statusText(snapshot.status));
    const later = { lastLogTerm: term(lastLogTerm + 1n) };
    await expectRefused(install(snapshot, snapshot.body, { status: later }), /too old/);
  });

  test('when a peer has one byte of WAL more', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const { flushLsn } = parseTimelineStatus(statusText(snapshot.status));
    const more = { flushLsn: (flushLsn + 8n) as typeof flushLsn };
    await expectRefused(install(snapshot, snapshot.body, { status: more }), /at 0\/4800038 in term/);
  });

  test('when it knows a configuration that no peer has heard of', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const { membership } = decodeControlFile(snapshot.files.get('safekeeper.control')!);
    const newer = await changed(snapshot, { membership: { ...membership, generation: generation(7) } });
    await expectRefused(install(snapshot, newer), /has membership generation 7/);
    await expectRefused(install(snapshot, newer, { membership: configuration(6, [1n, 2n, 3n]) }), /only know of 6/);
  });

  test('when the peers have no WAL to compare it with', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const empty = { flushLsn: INVALID_LSN, lastLogTerm: term(0n) };
    await expectRefused(install(snapshot, snapshot.body, { status: empty }), /No peer has any WAL/);
  });

  test('when its terms began elsewhere', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const status = parseTimelineStatus(statusText(snapshot.status));
    const last = status.termHistory.at(-1)!;
    const moved: TermHistory = [
      ...status.termHistory.slice(0, -1),
      { ...last, lsn: (last.lsn + 8n) as typeof last.lsn },
    ];
    await expectRefused(install(snapshot, snapshot.body, { status: { termHistory: moved } }), /same history of terms/);
  });

  test('when the peers do not come to rest', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    await expectRefused(install(snapshot, snapshot.body, { discarded: 1_000 }), /do not come to rest: it moved/);
  });
});

describe('what is there stays', () => {
  test.each([
    ['a timeline', (snapshot: RecordedSnapshot) => snapshot.files, 'TimelineExists'],
    ['a directory that cannot be loaded', () => new Map([['x', Buffer.from('damaged')]]), 'TimelineNotLoaded'],
  ])('%s', async (_what, filesOf, reason) => {
    const snapshot = await recordedSnapshot('resident_partial');
    const before = filesOf(snapshot);
    const { outcome, live, temp } = await install(
      snapshot,
      snapshot.body,
      {},
      { prepare: (data) => layTimeline(data, snapshot.id, before) },
    );
    expect(outcome).toMatchObject({ status: 'rejected', reason: { reason } });
    expect(fingerprints(live)).toEqual(fingerprints(before));
    expect(temp).toEqual([]);
  });

  test('a deletion', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const installed = await install(
      snapshot,
      snapshot.body,
      {},
      {
        prepare: async (data) => {
          await layTimeline(data, snapshot.id, snapshot.files);
          await deleteTimeline(await openMap(data, { safekeeperId: OWN_ID }), snapshot.id, never);
        },
      },
    );
    expect(installed.outcome).toMatchObject({ status: 'rejected', reason: { reason: 'TimelineDeleted' } });
    expectNothing(installed);
  });
});

describe('an archive that', () => {
  // The peers are asked for whatever timeline it is of.
  test.each(BAD_BODIES.filter(([what]) => what !== 'another timeline'))(
    'holds %s is not installed',
    async (what, _message, build) => {
      const snapshot = await recordedSnapshot('resident_partial');
      const installed = await install(snapshot, await build(snapshot));
      const { outcome } = installed;
      if (outcome.status === 'fulfilled') expect(outcome.value, what).toMatchObject({ kind: 'Refused' });
      else expect(outcome.reason, what).toMatchObject({ reason: 'InvalidSnapshot' });
      expectNothing(installed);
    },
  );

  test('was cut at any entry is not installed', async () => {
    const snapshot = await recordedSnapshot('resident_14_segments');
    let end = 0;
    for (const content of [...snapshot.files.values()].slice(0, -1)) {
      end += 512 + Math.ceil(content.length / 512) * 512;
      const installed = await install(snapshot, snapshot.body.subarray(0, end));
      expect(installed.outcome, `${end}`).toMatchObject({ status: 'rejected', reason: { reason: 'InvalidSnapshot' } });
      expectNothing(installed);
    }
  });

  test('is of another cluster than the peers is not installed', async () => {
    const snapshot = await recordedSnapshot('resident_partial');
    const { server } = parseTimelineStatus(statusText(snapshot.status));
    const installed = await install(snapshot, snapshot.body, { status: { server: { ...server, systemId: 5n } } });
    expect(installed.outcome).toMatchObject({ reason: { message: expect.stringContaining('system_id') as string } });
    expectNothing(installed);
  });
});

test.each<[Operation, RegExp]>([
  ['makeDirectory', /_temptli$/],
  ['open', /0048\.partial$/],
  ['writev', /0047$/],
  ['datasync', /0046$/],
  ['sync', /safekeeper\.control\.partial$/],
  ['rename', /safekeeper\.control$/],
  ['syncDirectory', /_temptli$/],
  ['makeDirectory', /1{32}$/],
  ['rename', /a0{30}1$/],
])('a disk that is full at %s of %s is said so, and nothing is left', async (operation, path) => {
  const snapshot = await recordedSnapshot('resident_partial');
  let isArmed = true;
  const files = faultyFileSystem((called, onPath) => {
    if (isArmed && called === operation && path.test(onPath)) {
      isArmed = false;
      throw systemError('ENOSPC');
    }
  });
  const installed = await install(snapshot, snapshot.body, {}, { files });
  expect(isArmed).toBe(false);
  expect(installed.outcome).toMatchObject({ status: 'rejected', reason: { reason: 'DiskFull' } });
  expectNothing(installed);
});
