import { extract } from 'tar-stream';
import { systemClock } from '../../src/base/clock.ts';
import { parseSafekeeperId } from '../../src/domain/ids.ts';
import type { ControlFile } from '../../src/safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { donate, type DonateOptions } from '../../src/transfer/donate.ts';
import type { TimelineMap } from '../../src/transfer/timeline-map.ts';
import { TransferRegistry } from '../../src/transfer/transfer-progress.ts';
import {
  layTimeline,
  never,
  openMap,
  RECIPIENT_ID,
  type RecordedSnapshot,
  recordedSnapshot,
  temporaryDirectory,
} from './harness.ts';

/** A timeline laid on disk from a recorded snapshot and opened by safekeeper 1, to be sent to safekeeper 4. */
export interface Donor extends AsyncDisposable {
  readonly map: TimelineMap;
  readonly snapshot: RecordedSnapshot;
  readonly directory: string;
  readonly transfers: TransferRegistry;
  open(options?: Partial<DonateOptions>, signal?: AbortSignal): AsyncGenerator<Uint8Array, void>;
}

export async function openDonor(name: string, change: Partial<ControlFile> = {}): Promise<Donor> {
  const recorded = await recordedSnapshot(name);
  const controlFile = decodeControlFile(recorded.files.get(CONTROL_FILE_NAME)!);
  const files = new Map(recorded.files).set(CONTROL_FILE_NAME, encodeControlFile({ ...controlFile, ...change }));
  const snapshot = { ...recorded, files };
  const data = await temporaryDirectory();
  await layTimeline(data.path, snapshot.id, snapshot.files);
  const map = await openMap(data.path, { safekeeperId: 1n });
  const transfers = new TransferRegistry(systemClock);
  const { meter } = transfers.begin('Snapshot', snapshot.id, '4');
  const destination = parseSafekeeperId(RECIPIENT_ID)!;
  const parties = { source: map.safekeeperId, destination, remoteStorage: undefined };
  return {
    map,
    snapshot,
    directory: map.directoryOf(snapshot.id),
    transfers,
    open: (options, signal = never) =>
      donate(map.get(snapshot.id), { ...parties, files: map.files, memory: map.memory, meter, ...options }, signal),
    [Symbol.asyncDispose]: () => data[Symbol.asyncDispose](),
  };
}

/** What came before the end or the error. */
export async function collect(stream: AsyncIterable<Uint8Array>): Promise<{ bytes: Buffer; error: unknown }> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of stream) pieces.push(Buffer.from(piece));
    return { bytes: Buffer.concat(pieces), error: undefined };
  } catch (error) {
    return { bytes: Buffer.concat(pieces), error };
  }
}

export async function unpack(archive: Buffer): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const reader = extract();
  reader.end(archive);
  for await (const entry of reader) {
    const pieces: Buffer[] = [];
    for await (const piece of entry) pieces.push(piece as Buffer);
    files.set(entry.header.name, Buffer.concat(pieces));
  }
  return files;
}
