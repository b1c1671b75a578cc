import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DirectoryEntry, FileSystem, OpenFile } from '../../src/disk/file-system.ts';
import { explainFinding } from '../../src/inspect/explain-finding.ts';
import { severityOf } from '../../src/inspect/finding.ts';
import { InspectJson } from '../../src/cli/inspect-json.ts';
import { createColors } from 'picocolors';
import { InspectTable } from '../../src/cli/inspect-table.ts';
import { ASCII_GLYPHS } from '../../src/cli/terminal/glyphs.ts';
import type { InspectView } from '../../src/cli/inspect-view.ts';
import { parseLosslessJson } from '../../src/http/json.ts';
import { checkInThisThread } from '../../src/inspect/stretch-threads.ts';
import { lsn } from '../../src/domain/lsn.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { partialSegmentFileName, segmentFileName, segmentNumber } from '../../src/safekeeper/wal-segment.ts';
import { inspect } from '../inspect/inspected.ts';
import { controlFiles, lsns } from '../support/arbitraries.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { generateWal, randomRecords, SYSTEM_ID } from '../support/wal-generator.ts';
import { FUZZ_TIMEOUT_MS, fractions, fuzzRuns } from './runs.ts';

const MIB = 1024 * 1024;
const DATA = '/data';
const TENANT = '1'.repeat(32);
const TIMELINE = '2'.repeat(32);
const DIRECTORY = `${DATA}/${TENANT}/${TIMELINE}`;

/** Files and directories that are only in memory; an error for whoever writes. */
type Tree = ReadonlyMap<string, Buffer | 'Directory' | 'Other'>;

const names = fc.oneof(
  fc.constantFrom(CONTROL_FILE_NAME, `${CONTROL_FILE_NAME}.partial`, 'safekeeper.id', 'tmp', 'quarantine', '..x'),
  fc.constantFrom(TENANT, TIMELINE, 'A'.repeat(32), '3'.repeat(32)),
  fc.stringMatching(/^00000001[0-9A-F]{16}(\.partial)?$/),
  fc.string({ minLength: 1, maxLength: 40 }).filter((name) => !/[/\0]/.test(name) && name !== '.' && name !== '..'),
);
const contents = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom('Directory' as const, 'Other' as const),
);
/** Control files of any kind, many of them of small positions, so that segments can be there. */
const anyControlFile = controlFiles().chain((file) =>
  fc.record({ near: fc.boolean(), position: fc.bigInt({ min: 0n, max: 8n * BigInt(MIB) }), far: lsns() }).map(
    ({ near, position, far }): ControlFile => ({
      ...file,
      server: { ...file.server, walSegmentSize: MIB },
      commitLsn: near ? lsn(position) : far,
      localStartLsn: near ? lsn(position / 2n) : file.localStartLsn,
    }),
  ),
);

test(
  'any tree of any names and bytes is inspected to its end, and everything that is found can be said',
  async () => {
    const entries = fc.array(fc.tuple(names, contents), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        entries,
        entries,
        entries,
        anyControlFile,
        fc.boolean(),
        async (top, tenant, own, file, deep) => {
          const tree = new Map<string, Buffer | 'Directory' | 'Other'>([[DATA, 'Directory']]);
          for (const [name, content] of top) tree.set(`${DATA}/${name}`, content);
          tree.set(`${DATA}/${TENANT}`, 'Directory');
          for (const [name, content] of tenant) tree.set(`${DATA}/${TENANT}/${name}`, content);
          tree.set(DIRECTORY, 'Directory');
          tree.set(`${DIRECTORY}/${CONTROL_FILE_NAME}`, encodeControlFile(file));
          for (const [name, content] of own) tree.set(`${DIRECTORY}/${name}`, content);
          await inspectAndShow(tree, deep);
        },
      ),
      fuzzRuns(200),
    );
  },
  FUZZ_TIMEOUT_MS,
);

test(
  'WAL with any bytes anywhere is inspected to its end',
  async () => {
    const damage = fc.array(fc.tuple(fractions(), fc.uint8Array({ minLength: 1, maxLength: 100 })), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(fc.nat(), damage, anyControlFile, fractions(), async (seed, list, file, commitAt) => {
        const tree = new Map<string, Buffer | 'Directory' | 'Other'>([
          [DATA, 'Directory'],
          [`${DATA}/${TENANT}`, 'Directory'],
          [DIRECTORY, 'Directory'],
        ]);
        const wal = walOf(seed);
        for (const [where, bytes] of list) wal.bytes.set(bytes, Math.floor(where * (wal.bytes.length - bytes.length)));
        const last = wal.bytes.length / MIB - 1;
        for (let index = 0; index <= last; index++) {
          const segment = segmentNumber(lsn(wal.startLsn + BigInt(index * MIB)), MIB);
          const name = (index === last ? partialSegmentFileName : segmentFileName)(segment, MIB);
          tree.set(`${DIRECTORY}/${name}`, wal.bytes.subarray(index * MIB, (index + 1) * MIB));
        }
        const commitLsn = lsn(wal.startLsn + BigInt(Math.floor(commitAt * wal.bytes.length)));
        const server = { walSegmentSize: MIB, pgVersion: 160_009, systemId: SYSTEM_ID };
        const content = {
          ...file,
          server,
          commitLsn,
          localStartLsn: wal.startLsn,
          eviction: { kind: 'Present' } as const,
        };
        tree.set(`${DIRECTORY}/${CONTROL_FILE_NAME}`, encodeControlFile(content));
        await inspectAndShow(tree, true);
      }),
      fuzzRuns(60),
    );
  },
  FUZZ_TIMEOUT_MS,
);

async function inspectAndShow(tree: Tree, deep: boolean): Promise<void> {
  const files = memoryFiles(tree);
  const { timelines, directory, findings } = await inspect(DATA, { files, checker: checkInThisThread(files), deep });
  for (const finding of findings) {
    expect(explainFinding(finding).length).toBeGreaterThan(40);
    expect(['Problem', 'Notice']).toContain(severityOf(finding));
  }
  expect(findings.length).toBeLessThan(1_000);
  const shown = { json: '', table: '' };
  const views: InspectView[] = [
    new InspectJson(async (text) => void (shown.json += text)),
    new InspectTable(async (text) => void (shown.table += text), true, {
      colors: createColors(false),
      glyphs: ASCII_GLYPHS,
    }),
  ];
  const counts = { timelineCount: timelines.length, unsoundCount: 0, problemCount: 0, noticeCount: 0, recordCount: 0 };
  for (const view of views) {
    await view.begin();
    for (const report of timelines) await view.timeline(report);
    await view.end(directory, { deep, walBytes: 0n, elapsedMs: 1, ...counts });
  }
  expect((parseLosslessJson(shown.json) as { timelines: unknown[] }).timelines).toHaveLength(timelines.length);
  // Colours apart nothing that a terminal acts on comes through.
  const escape = String.fromCharCode(27);
  const plain = shown.table.replaceAll(new RegExp(`${escape}\\[[0-9]+m`, 'g'), '');
  expect(Array.from(plain).some(isControl)).toBe(false);
}

function isControl(letter: string): boolean {
  return letter !== '\n' && (letter.codePointAt(0) ?? 0) < 0x20;
}

function walOf(seed: number): { readonly startLsn: ReturnType<typeof lsn>; readonly bytes: Buffer } {
  const startLsn = lsn(32n * BigInt(MIB));
  const bytes = Buffer.alloc(3 * MIB);
  const options = { startLsn, segmentSize: 16 * MIB, pgVersion: 160_009, onRecord: () => undefined };
  for (const piece of generateWal({ ...options, records: randomRecords(seededRandom(seed), 1_000, 200_000) })) {
    const at = Number(piece.lsn - startLsn);
    if (at < bytes.length) bytes.set(piece.bytes.subarray(0, bytes.length - at), at);
  }
  return { startLsn, bytes };
}

function memoryFiles(tree: Tree): FileSystem {
  const refuse = () => Promise.reject(new Error('something was about to be written'));
  const kindOf = (content: Buffer | 'Directory' | 'Other') => (typeof content === 'string' ? content : 'File');
  const statusOf = (content: Buffer | 'Directory' | 'Other') => {
    const sizeBytes = typeof content === 'string' ? 0 : content.length;
    return { kind: kindOf(content), sizeBytes, createdMs: 0, modifiedMs: 0 } as const;
  };
  return {
    open: (path, mode) => {
      const content = tree.get(path);
      if (mode !== 'Read' || content === undefined || typeof content === 'string') {
        return Promise.reject(Object.assign(new Error(`EISDIR: ${path}`), { code: 'EISDIR' }));
      }
      return Promise.resolve<OpenFile>({
        readAt: (buffer, position) => Promise.resolve(content.copy(buffer, 0, position)),
        extentAt: () => Promise.resolve({ kind: 'Data', end: Infinity }),
        writev: refuse,
        datasync: refuse,
        sync: refuse,
        truncate: refuse,
        status: () => Promise.resolve(statusOf(content)),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
    status: (path) => {
      const content = tree.get(path);
      return Promise.resolve(content === undefined ? undefined : statusOf(content));
    },
    list: (path) => {
      const entries: DirectoryEntry[] = [];
      for (const [other, content] of tree) {
        const name = other.startsWith(`${path}/`) ? other.slice(path.length + 1) : '/';
        if (!name.includes('/')) entries.push({ name, kind: kindOf(content) });
      }
      return Promise.resolve(entries);
    },
    makeDirectory: refuse,
    rename: refuse,
    remove: refuse,
    syncDirectory: refuse,
  };
}
