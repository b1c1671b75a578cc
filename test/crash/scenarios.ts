import { systemClock } from '../../src/base/clock.ts';
import { parseSafekeeperId, type TenantTimelineId } from '../../src/domain/ids.ts';
import { parseLsn } from '../../src/domain/lsn.ts';
import { NO_MEMBERSHIP } from '../../src/domain/membership.ts';
import { term } from '../../src/domain/term.ts';
import { HttpClient } from '../../src/http/client.ts';
import { PeerClient } from '../../src/safekeeper/peer-client.ts';
import { parseTimelineStatus } from '../../src/safekeeper/api.ts';
import { writeArchiveFile } from '../../src/transfer/archive-file.ts';
import { createTimeline } from '../../src/transfer/create-timeline.ts';
import { deleteTimeline } from '../../src/transfer/delete-timeline.ts';
import { handlePullRequest } from '../../src/transfer/pull.ts';
import { openArchive } from '../../src/transfer/receive.ts';
import { readSafekeeperId } from '../../src/transfer/safekeeper-identity.ts';
import { installStaged, stageArchive } from '../../src/transfer/staged-archive.ts';
import type { TimelineMap } from '../../src/transfer/timeline-map.ts';
import { TOMBSTONE_FILE_NAME } from '../../src/transfer/tombstones.ts';
import { TransferRegistry } from '../../src/transfer/transfer-progress.ts';
import type { SnapshotBody } from '../../src/transfer/watched-body.ts';
import type { ModelledDisk } from '../support/modelled-disk.ts';
import { exists, layFiles, listNames, readFiles } from '../support/modelled-file-system.ts';
import { never, openMap, RECIPIENT_ID, type RecordedSnapshot, statusText, timelineId } from '../transfer/harness.ts';
import { DATA, type Scenario } from './scenario.ts';

const OTHER = timelineId('2'.repeat(32), 'b'.repeat(32));
const RAISED_TERM = term(77n);

/** A pull from `donorUrl`, which has the snapshot, into an empty data directory. */
export function pullScenario(snapshot: RecordedSnapshot, donorUrl: string): Scenario {
  return {
    name: 'pull',
    prepare: (disk) => layFiles(disk, DATA, new Map()),
    act: async (map) => {
      await using http = new HttpClient();
      await handlePullRequest(
        map,
        { ...snapshot.id, httpHosts: [donorUrl], membership: undefined, ignoreTombstone: false },
        {
          connect: (url) => new PeerClient({ http, url }),
          transfers: new TransferRegistry(systemClock),
          remoteStorage: undefined,
          stallTimeoutMs: 5_000,
        },
        never,
      );
    },
    isDone: (map, disk) => isWhole(map, disk, snapshot),
  };
}

/** An archive of the snapshot, which the peers allow, put into an empty data directory. */
export function installScenario(snapshot: RecordedSnapshot): Scenario {
  const { flushLsn, lastLogTerm, server, term: termFloor } = parseTimelineStatus(statusText(snapshot.status));
  const watch = { stallTimeoutMs: 5_000, meter: SILENT_METER };
  return {
    name: 'install',
    prepare: (disk) => layFiles(disk, DATA, new Map()),
    act: async (map) => {
      if (map.find(snapshot.id).kind === 'Present') return;
      using opened = await openArchive(bodyOf(snapshot.body), watch, never);
      await using staged = await stageArchive(map, opened, watch, never);
      const { safekeeperId: recipient } = map;
      const donor = { id: snapshot.id, donor: 'a peer', server, flushLsn, lastLogTerm };
      const promise = { ...donor, recipient, remoteStorage: undefined, termFloor, membership: undefined };
      await installStaged(map, staged, promise, never);
    },
    isDone: (map, disk) => isWhole(map, disk, snapshot),
  };
}

/** The snapshot written to a file, over one that is there. */
export function archiveFileScenario(snapshot: RecordedSnapshot): Scenario {
  const [name, before] = ['timeline.tar', 'an older archive'];
  let attempts = 0;
  return {
    name: 'archive',
    prepare: (disk) => layFiles(disk, DATA, new Map([[name, Buffer.from(before)]])),
    act: (map) =>
      writeArchiveFile(
        `${DATA}/${name}`,
        { files: map.files, memory: map.memory, random: () => `attempt${++attempts}`, replace: true },
        async (sink) => {
          for await (const piece of bodyOf(snapshot.body)) await sink.write(piece);
        },
      ),
    isDone: (_map, disk) => {
      const content = readFiles(disk, DATA).get(name);
      if (content?.toString('latin1') === before) return false;
      require(content?.equals(snapshot.body) === true, 'the archive is cut');
      return true;
    },
  };
}

export function createScenario(): Scenario {
  const id = timelineId('1'.repeat(32), 'a'.repeat(32));
  const startLsn = parseLsn('0/466DF60')!;
  const request = { ...id, pgVersion: 150020, systemId: 1n, walSegmentSize: 1024 * 1024, startLsn };
  return {
    name: 'creation',
    prepare: (disk) => layFiles(disk, DATA, new Map()),
    act: (map) => createTimeline(map, { ...request, membership: NO_MEMBERSHIP, commitLsn: undefined }),
    isDone: (map, disk) => {
      requireClean(map, disk);
      const isThere = map.find(id).kind === 'Present';
      require(isThere || !exists(disk, liveDirectory(id)), 'a part of the timeline is live');
      return isThere;
    },
  };
}

/** Deletion of a live timeline, which needs its tombstone as soon as it is gone. */
export function deleteScenario(snapshot: RecordedSnapshot): Scenario {
  return {
    name: 'deletion',
    prepare: (disk) => layFiles(disk, liveDirectory(snapshot.id), snapshot.files),
    act: (map) => deleteTimeline(map, snapshot.id, never),
    isDone: (map, disk) => {
      if (isWhole(map, disk, snapshot)) return false;
      require(map.find(snapshot.id).kind === 'Deleted', 'the timeline is gone without a tombstone');
      return true;
    },
  };
}

export function termBumpScenario(snapshot: RecordedSnapshot): Scenario {
  const { id, status } = snapshot;
  const before = BigInt(String((status['acceptor_state'] as { term: unknown }).term));
  return {
    name: 'term bump',
    prepare: (disk) => layFiles(disk, liveDirectory(id), snapshot.files),
    act: (map) => map.get(id).bumpTerm(RAISED_TERM, never),
    isDone: (map, disk) => {
      requireClean(map, disk);
      const { controlFile, flushLsn } = map.get(id);
      require(flushLsn === parseLsn(String(status['flush_lsn'])), 'WAL is lost');
      require(controlFile.term === before || controlFile.term === RAISED_TERM, `the term is ${controlFile.term}`);
      return controlFile.term === RAISED_TERM;
    },
  };
}

/** A tombstone behind others, on the boundary of two pages. */
export function tombstoneScenario(): Scenario {
  const digits = '013456789acdef';
  const now = Date.now();
  const line = (digit: string) => `${now} ${digit.repeat(32)} ${digit.repeat(32)} -\n`;
  const lines = Array.from({ length: 50 }, (_, index) => line(digits.charAt(index % digits.length))).join('');
  const text = lines.slice(0, lines.lastIndexOf('\n', 4095) + 1);
  return {
    name: 'tombstone',
    prepare: (disk) => layFiles(disk, DATA, new Map([[TOMBSTONE_FILE_NAME, Buffer.from(text)]])),
    act: (map) => map.tombstones.add(OTHER, undefined, never),
    isDone: (map) => {
      for (const digit of digits) {
        const isKnown = map.tombstones.blocks(timelineId(digit.repeat(32), digit.repeat(32)), undefined);
        require(isKnown, 'an earlier tombstone is lost');
      }
      return map.tombstones.blocks(OTHER, undefined);
    },
  };
}

/** Starts, the first of which drops an expired tombstone; another one is kept. */
export function startScenario(): Scenario {
  const text = `1000 ${'1'.repeat(32)} - -\n${Date.now()} ${OTHER.tenantId} ${OTHER.timelineId} -\n`;
  return {
    name: 'start',
    prepare: (disk) => layFiles(disk, DATA, new Map([[TOMBSTONE_FILE_NAME, Buffer.from(text)]])),
    act: (map) => openMap(DATA, { files: map.files }),
    isDone: (map) => map.tombstones.blocks(OTHER, undefined),
  };
}

export function identityScenario(): Scenario {
  return {
    name: 'identity',
    prepare: (disk) => layFiles(disk, DATA, new Map()),
    act: (map) => readSafekeeperId(map.files, DATA, parseSafekeeperId(RECIPIENT_ID)),
    isDone: (_map, disk) => {
      const content = readFiles(disk, DATA).get('safekeeper.id')?.toString();
      require(content === undefined || content === RECIPIENT_ID.toString(), `the id is ${content}`);
      return content !== undefined;
    },
  };
}

const SILENT_METER = { expect: () => undefined, addBytes: () => undefined, addSegment: () => undefined };

function bodyOf(bytes: Uint8Array): SnapshotBody {
  const pieces = async function* () {
    for (let at = 0; at < bytes.length; at += 400_000) yield bytes.subarray(at, at + 400_000);
  };
  return Object.assign(pieces(), { destroy: () => undefined });
}

function liveDirectory(id: TenantTimelineId): string {
  return `${DATA}/${id.tenantId}/${id.timelineId}`;
}

/** True: the timeline is there with all its bytes; false: nothing of it is. */
function isWhole(map: TimelineMap, disk: ModelledDisk, snapshot: RecordedSnapshot): boolean {
  requireClean(map, disk);
  if (!exists(disk, liveDirectory(snapshot.id))) return false;
  const live = readFiles(disk, liveDirectory(snapshot.id));
  for (const [name, content] of snapshot.files) {
    require(live.get(name)?.equals(content) === true, `${name} is not whole`);
  }
  const others = [...live.keys()].filter((name) => !snapshot.files.has(name));
  require(others.length === 0, `there is ${others.join()}, too`);
  require(map.find(snapshot.id).kind === 'Present', 'the timeline is not loaded');
  return true;
}

function requireClean(map: TimelineMap, disk: ModelledDisk): void {
  require(map.unloaded.length === 0, `a timeline cannot be loaded: ${map.unloaded[0]?.problem}`);
  require(listNames(disk, `${DATA}/tmp`).length === 0, 'something is left in tmp');
}

function require(condition: boolean, problem: string): asserts condition {
  if (!condition) throw new Error(problem);
}
