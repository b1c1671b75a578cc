import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { formatTenantTimelineId } from '../../src/domain/ids.ts';
import { lsn, parseLsn } from '../../src/domain/lsn.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { DATA, restart } from '../crash/scenario.ts';
import { twoSegments } from '../crash/two-segments.ts';
import { controlFiles } from '../support/arbitraries.ts';
import { ModelledDisk } from '../support/modelled-disk.ts';
import { exists, layFiles, listNames, modelledFileSystem, readFiles } from '../support/modelled-file-system.ts';
import { archive, END_OF_ARCHIVE, type Entry } from '../transfer/archive.ts';
import { openRecipient, type RecordedSnapshot, startScriptedDonor, statusText } from '../transfer/harness.ts';
import { FUZZ_TIMEOUT_MS, fractions, fuzzRuns } from './runs.ts';

const MIB = 1024 * 1024;
const HEADER_BYTES = 512;
/** Where header fields begin: name, mode, size, checksum, type, magic, prefix. */
const FIELDS = [0, 100, 124, 148, 156, 257, 345];
/** What a broken, cut or false archive may be called. */
const REASONS = ['InvalidSnapshot', 'SnapshotBroken', 'GenerationConflict'];

const entryIndexes = fc.nat(2);

/** A change of the archive's entries, of a header with its checksum made right again, or of the bytes. */
type Mutation =
  | { readonly kind: 'Drop' | 'Repeat'; readonly entry: number }
  | { readonly kind: 'Swap'; readonly entry: number; readonly other: number }
  | { readonly kind: 'Rename'; readonly entry: number; readonly name: string }
  | { readonly kind: 'Resize'; readonly entry: number; readonly sizeBytes: number }
  | { readonly kind: 'ControlFile'; readonly change: (before: ControlFile) => ControlFile }
  | { readonly kind: 'Header'; readonly entry: number; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'Bytes'; readonly where: number; readonly bytes: Uint8Array }
  | { readonly kind: 'Cut'; readonly where: number }
  | { readonly kind: 'Append'; readonly bytes: Uint8Array };

const names = fc.oneof(
  fc.constantFrom('safekeeper.control', '../safekeeper.control', '/etc/passwd', '', '000000010000000000000049'),
  fc.constantFrom('000000010000000000000048', '000000010000000000000047.partial', '000000020000000000000047'),
  fc.string({ maxLength: 99 }),
);
const nearLsns = fc
  .oneof(
    fc.constantFrom(0n, 1n, 0x46fffffn, 0x4700000n, 0x4800000n, 0x4800030n, 0x4900000n, 2n ** 64n - 1n),
    fc.bigInt({ min: 0x4600000n, max: 0x4a00000n }),
  )
  .map(lsn);
const controlFileChanges = fc.oneof(
  fc
    .record(
      { commitLsn: nearLsns, backupLsn: nearLsns, remoteConsistentLsn: nearLsns, timelineStartLsn: nearLsns },
      { requiredKeys: [] },
    )
    .map((change) => (before: ControlFile) => ({ ...before, ...change })),
  controlFiles().map((other) => ({ tenantId, timelineId, server }: ControlFile) => ({
    ...other,
    tenantId,
    timelineId,
    server,
  })),
  controlFiles().map((other) => () => other),
);
const mutations: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({ kind: fc.constantFrom('Drop' as const, 'Repeat' as const), entry: entryIndexes }),
  fc.record({ kind: fc.constant('Swap' as const), entry: entryIndexes, other: entryIndexes }),
  fc.record({ kind: fc.constant('Rename' as const), entry: entryIndexes, name: names }),
  fc.record({
    kind: fc.constant('Resize' as const),
    entry: entryIndexes,
    sizeBytes: fc.constantFrom(0, 1, 511, 512, MIB - 512, MIB + 512, 2 * MIB),
  }),
  fc.record({ kind: fc.constant('ControlFile' as const), change: controlFileChanges }),
  fc.record({
    kind: fc.constant('Header' as const),
    entry: entryIndexes,
    at: fc.constantFrom(...FIELDS),
    bytes: fc.oneof(
      fc
        .constantFrom('77777777777\0', '00000000000\0', '-0000000001\0', '5', '2', 'x', 'L', '\x80')
        .map((text) => Buffer.from(text, 'latin1')),
      fc.uint8Array({ minLength: 1, maxLength: 12 }).map((bytes) => Buffer.from(bytes)),
    ),
  }),
  fc.record({ kind: fc.constant('Bytes' as const), where: fractions(), bytes: fc.uint8Array({ maxLength: 600 }) }),
  fc.record({ kind: fc.constant('Cut' as const), where: fractions() }),
  fc.record({
    kind: fc.constant('Append' as const),
    bytes: fc.oneof(fc.constant(END_OF_ARCHIVE), fc.uint8Array({ maxLength: 1_000 })),
  }),
);

test(
  'whatever a donor sends is refused and gone, or it is the promised timeline, whole',
  async () => {
    const snapshot = await twoSegments();
    let body = snapshot.body;
    await using donor = await startScriptedDonor({
      status: statusText(snapshot.status),
      sendSnapshot: (response) => response.end(body),
    });
    let installed = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(mutations, { maxLength: 3 }), async (list) => {
        body = await mutate(snapshot, list);
        const disk = new ModelledDisk();
        layFiles(disk, DATA, new Map());
        await using recipient = await openRecipient(DATA, { files: modelledFileSystem(disk) });
        const error = await recipient.pull(snapshot.id, [donor.url]).then(
          () => undefined,
          (thrown: unknown) => thrown,
        );
        expect(listNames(disk, `${DATA}/tmp`)).toEqual([]);
        // Nothing is kept beyond what came.
        const written = disk.changes.reduce(
          (sum, change) => sum + (change.kind === 'Write' ? change.bytes.length : 0),
          0,
        );
        expect(written).toBeLessThanOrEqual(body.length + MIB);
        if (error === undefined) {
          installed++;
          await expectPromiseKept(disk, snapshot);
        } else {
          expect(error).toBeInstanceOf(Failure);
          expect(REASONS).toContain((error as Failure).reason);
          expect(exists(disk, `${DATA}/${formatTenantTimelineId(snapshot.id)}`)).toBe(false);
        }
      }),
      fuzzRuns(120),
    );
    // Harmless mutations are among them: the property is not about refusals alone.
    expect(installed).toBeGreaterThan(5);
  },
  FUZZ_TIMEOUT_MS,
);

async function mutate(snapshot: RecordedSnapshot, list: readonly Mutation[]): Promise<Buffer> {
  let entries: Entry[] = [...snapshot.files];
  for (const mutation of list) entries = mutateEntries(entries, mutation);
  const headers = list.filter((mutation) => mutation.kind === 'Header');
  let index = 0;
  let body = await archive(entries, (header) => {
    const changes = headers.filter(({ entry }) => entry === index);
    index++;
    for (const { at, bytes } of changes) patch(header, at, bytes);
  });
  for (const mutation of list) body = mutateBytes(body, mutation);
  return body;
}

function mutateEntries(entries: readonly Entry[], mutation: Mutation): Entry[] {
  const at = (index: number) => index % Math.max(entries.length, 1);
  const replace = (index: number, change: (entry: Entry) => Entry) =>
    entries.map((entry, other) => (other === at(index) ? change(entry) : entry));
  switch (mutation.kind) {
    case 'Drop':
      return entries.filter((_, other) => other !== at(mutation.entry));
    case 'Repeat':
      return entries.flatMap((entry, other) => (other === at(mutation.entry) ? [entry, entry] : [entry]));
    case 'Swap': {
      const [one, two] = [entries[at(mutation.entry)], entries[at(mutation.other)]];
      return entries.map((entry) => (entry === one ? two : entry === two ? one : entry) ?? entry);
    }
    case 'Rename':
      return replace(mutation.entry, ([, content]) => [mutation.name, content]);
    case 'Resize':
      return replace(mutation.entry, ([name, content]) => {
        const resized = Buffer.alloc(mutation.sizeBytes);
        resized.set(content.subarray(0, mutation.sizeBytes));
        return [name, resized];
      });
    case 'ControlFile':
      return entries.map(([name, content]) => {
        if (name !== CONTROL_FILE_NAME || content.length === 0) return [name, content];
        const before = snapshotControlFile(content);
        return [name, before === undefined ? content : encodeControlFile(mutation.change(before))];
      });
    default:
      return [...entries];
  }
}

/** Undefined when another mutation has damaged it. */
function snapshotControlFile(content: Uint8Array): ControlFile | undefined {
  try {
    return decodeControlFile(content);
  } catch {
    return undefined;
  }
}

function mutateBytes(body: Buffer, mutation: Mutation): Buffer {
  if (mutation.kind === 'Cut') return body.subarray(0, Math.floor(mutation.where * body.length));
  if (mutation.kind === 'Append') return Buffer.concat([body, mutation.bytes]);
  if (mutation.kind !== 'Bytes') return body;
  const changed = Buffer.from(body);
  changed.set(mutation.bytes.subarray(0, body.length), Math.floor(mutation.where * Math.max(0, body.length - 600)));
  return changed;
}

function patch(header: Buffer, at: number, bytes: Uint8Array): void {
  header.set(bytes.subarray(0, HEADER_BYTES - at), at);
  if (at === 148) return;
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, value) => total + value, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
}

/** Judged anew from what lies on the disk. */
async function expectPromiseKept(disk: ModelledDisk, snapshot: RecordedSnapshot): Promise<void> {
  const map = await restart(disk);
  const { controlFile, flushLsn, id } = map.get(snapshot.id);
  const promised = parseLsn(String(snapshot.status['flush_lsn'])) ?? lsn(2n ** 64n - 1n);
  expect(flushLsn >= promised).toBe(true);
  expect(controlFile).toMatchObject(id);
  const files = readFiles(disk, `${DATA}/${formatTenantTimelineId(id)}`);
  expect(
    [...files.keys()].every((name) => name === CONTROL_FILE_NAME || /^0{7}1[0-9A-F]{16}(\.partial)?$/.test(name)),
  ).toBe(true);
  if (controlFile.eviction.kind === 'Offloaded') return;
  const { remoteConsistentLsn, backupLsn } = controlFile;
  const oldest = remoteConsistentLsn < backupLsn ? remoteConsistentLsn : backupLsn;
  for (let segment = oldest / BigInt(MIB); segment * BigInt(MIB) < promised; segment++) {
    const name = `00000001${'0'.repeat(8)}${segment.toString(16).toUpperCase().padStart(8, '0')}`;
    expect((files.get(name) ?? files.get(`${name}.partial`))?.length).toBe(MIB);
  }
}
