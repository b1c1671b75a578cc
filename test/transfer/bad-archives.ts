import { decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { archive, END_OF_ARCHIVE, type Entry } from './archive.ts';
import type { RecordedSnapshot } from './harness.ts';

/** Archives made from the recorded `resident_partial` that must be refused although their body ends cleanly. */

const SEGMENT_BYTES = 1024 * 1024;
/** The flush_lsn of the recorded status. */
const PROMISED_LSN = 0x4800030n;
const FIRST = '000000010000000000000046';
const SECOND = '000000010000000000000047';
const LAST = '000000010000000000000048.partial';

/** Changes one byte of a header and makes its checksum right again. */
function patchHeader(header: Buffer, at: number, byte: number): void {
  header[at] = byte;
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, value) => total + value, 0);
  header.write(`${sum.toString(8).padStart(7, '0')}\0`, 148, 'ascii');
}

function without(snapshot: RecordedSnapshot, name: string): Entry[] {
  return [...snapshot.files].filter(([other]) => other !== name);
}

function renamed(snapshot: RecordedSnapshot, from: string, to: string): Entry[] {
  return [...snapshot.files].map(([name, content]) => [name === from ? to : name, content]);
}

function replaced(snapshot: RecordedSnapshot, name: string, content: Uint8Array): Entry[] {
  return [...snapshot.files].map(([other, before]) => [other, other === name ? content : before]);
}

export function changedControlFile(snapshot: RecordedSnapshot, change: object): Entry[] {
  const controlFile = decodeControlFile(snapshot.files.get('safekeeper.control')!);
  return replaced(snapshot, 'safekeeper.control', encodeControlFile({ ...controlFile, ...change }));
}

/** Where the archive's second to last entry ends. */
export const CUT_BETWEEN_ENTRIES = 1024 + 2 * (512 + SEGMENT_BYTES);

/** What it is, a part of the message, and how it is made. */
export const BAD_BODIES: [string, string, (snapshot: RecordedSnapshot) => Uint8Array | Promise<Uint8Array>][] = [
  ['nothing', 'the archive is empty', () => Buffer.alloc(0)],
  ['no control file', 'the first entry is', (it) => archive(without(it, 'safekeeper.control'))],
  ['a cut between two entries', 'segment of 0/4800000 is missing', (it) => it.body.subarray(0, CUT_BETWEEN_ENTRIES)],
  [
    'a cut between two entries, and then a marker',
    'segment of 0/4800000 is missing',
    (it) => Buffer.concat([it.body.subarray(0, CUT_BETWEEN_ENTRIES), END_OF_ARCHIVE]),
  ],
  ['a cut inside an entry', 'ends inside an entry', (it) => it.body.subarray(0, 700_000)],
  ['a cut inside a header', 'ends inside a header', (it) => it.body.subarray(0, CUT_BETWEEN_ENTRIES + 100)],
  ['a damaged header', 'checksum of a header', (it) => archive(it.files, (header) => (header[0] = header[0]! + 1))],
  ['a damaged control file', 'checksum', (it) => replacedByte(it, 'safekeeper.control', 100)],
  ['damaged WAL', 'which the donor', (it) => damagedWal(it)],
  ['the first segment missing', `"${SECOND}" where ${FIRST}`, (it) => archive(without(it, FIRST))],
  ['a segment in the middle missing', `"${LAST}" where ${SECOND}`, (it) => archive(without(it, SECOND))],
  ['no segment at all', 'is missing', (it) => archive([...it.files].slice(0, 1))],
  [
    'WAL that its control file does not ask for',
    'carries no WAL',
    (it) => archive(changedControlFile(it, { remoteConsistentLsn: 0n, commitLsn: PROMISED_LSN }).slice(0, 1)),
  ],
  ['another timeline', 'it is of timeline', (it) => archive(changedControlFile(it, { timelineId: 'f'.repeat(32) }))],
  ['another cluster', 'system_id', (it) => archive(changedServer(it, { systemId: 5n }))],
  ['another Postgres version', 'pg_version', (it) => archive(changedServer(it, { pgVersion: 160001 }))],
  ['a path out of the directory', '"../x"', (it) => archive(renamed(it, SECOND, '../x'))],
  ['an absolute path', '"/tmp/x"', (it) => archive(renamed(it, SECOND, '/tmp/x'))],
  ['a path through the directory', 'not a name', (it) => archive(renamed(it, SECOND, `./${SECOND}`))],
  [
    'a name of another Postgres timeline',
    'not a name',
    (it) => archive(renamed(it, SECOND, `00000002${SECOND.slice(8)}`)),
  ],
  ['a file that does not belong there', '"junk"', (it) => archive([...it.files, ['junk', Buffer.alloc(5)]])],
  ['a segment twice', `"${FIRST}" where`, (it) => archive(renamed(it, SECOND, FIRST))],
  [
    'a segment twice, once partial',
    'where',
    (it) => archive([...it.files, [LAST.slice(0, 24), Buffer.alloc(SEGMENT_BYTES)]]),
  ],
  [
    'the control file twice',
    '"safekeeper.control", which',
    (it) => archive([...it.files].flatMap((file, at) => (at === 0 ? [file, file] : [file]))),
  ],
  [
    'a segment that is too large',
    'bytes instead of',
    (it) => archive(replaced(it, SECOND, Buffer.alloc(SEGMENT_BYTES + 1))),
  ],
  [
    'a segment that is too small',
    'bytes instead of',
    (it) => archive(replaced(it, SECOND, Buffer.alloc(SEGMENT_BYTES - 1))),
  ],
  [
    'a huge control file',
    'at most',
    (it) => archive(replaced(it, 'safekeeper.control', Buffer.alloc(SEGMENT_BYTES + 1))),
  ],
  [
    'a symbolic link',
    'not a regular file',
    (it) => archive(it.files, (header, name) => name === SECOND && patchHeader(header, 156, 0x32)),
  ],
  [
    'a directory',
    'not a regular file',
    (it) => archive(it.files, (header, name) => name === SECOND && patchHeader(header, 156, 0x35)),
  ],
  [
    'a long name header',
    'not a regular file',
    (it) => archive(it.files, (header, name) => name === SECOND && patchHeader(header, 156, 0x4c)),
  ],
  [
    'a size that is no number',
    'not an octal number',
    (it) => archive(it.files, (header, name) => name === SECOND && patchHeader(header, 124, 0x80)),
  ],
  [
    'something behind the marker',
    'follows the end',
    (it) => Buffer.concat([it.body, END_OF_ARCHIVE, Buffer.from('x')]),
  ],
  [
    'more WAL files than WAL',
    'before its last segment',
    (it) =>
      archive([...renamed(it, LAST, LAST.slice(0, 24)), [`${FIRST.slice(0, 22)}49`, Buffer.alloc(SEGMENT_BYTES)]]),
  ],
];

function replacedByte(snapshot: RecordedSnapshot, name: string, at: number): Promise<Buffer> {
  const content = Buffer.from(snapshot.files.get(name)!);
  content[at] = content[at]! ^ 1;
  return archive(replaced(snapshot, name, content));
}

/** The control file claims less, so that the damaged WAL is what has to prove the promise. */
function damagedWal(snapshot: RecordedSnapshot): Promise<Buffer> {
  const controlFile = decodeControlFile(snapshot.files.get('safekeeper.control')!);
  const claimsLess = {
    ...snapshot,
    files: new Map(changedControlFile(snapshot, { commitLsn: controlFile.timelineStartLsn })),
  };
  return replacedByte(claimsLess, SECOND, 600_000);
}

function changedServer(snapshot: RecordedSnapshot, change: object): Entry[] {
  const { server } = decodeControlFile(snapshot.files.get('safekeeper.control')!);
  return changedControlFile(snapshot, { server: { ...server, ...change } });
}
