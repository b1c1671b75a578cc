import { describeError } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { INVALID_LSN, minLsn } from '../domain/lsn.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile } from '../safekeeper/control-file-codec.ts';
import {
  isWalSegmentSize,
  parseSegmentFileName,
  segmentFileName,
  segmentNumber,
  type SegmentNumber,
  type SegmentRange,
} from '../safekeeper/wal-segment.ts';
import type { TarMember, TarReader } from './tar-reader.ts';
import { invalidSnapshot } from './transfer-failure.ts';

/** The first entry of a snapshot archive. */
export interface ArchivedControlFile {
  readonly controlFile: ControlFile;
  /** As it was sent. */
  readonly controlFileBytes: Uint8Array;
}

/** Reads the first entry of an archive. Throws a Failure `InvalidSnapshot` for anything else than a control file. */
export async function readArchivedControlFile(archive: TarReader): Promise<ArchivedControlFile> {
  const member = await archive.next();
  if (member === undefined) throw invalidSnapshot('the archive is empty');
  if (member.name !== CONTROL_FILE_NAME) {
    throw invalidSnapshot(`the first entry is ${quote(member.name)} instead of ${CONTROL_FILE_NAME}`);
  }
  if (member.sizeBytes > limits.controlFileBytesMax) {
    throw invalidSnapshot(
      `${CONTROL_FILE_NAME} has ${member.sizeBytes} bytes, at most ${limits.controlFileBytesMax} are accepted`,
    );
  }
  const pieces: Uint8Array[] = [];
  for (let piece = await archive.readContent(); piece !== undefined; piece = await archive.readContent()) {
    pieces.push(Buffer.from(piece));
  }
  const controlFileBytes = Buffer.concat(pieces);
  try {
    return { controlFile: decodeControlFile(controlFileBytes), controlFileBytes };
  } catch (cause) {
    throw invalidSnapshot(describeError(cause), cause);
  }
}

/** A segment of an archive, whose content comes next. */
export interface SegmentMember extends TarMember {
  readonly segment: SegmentNumber;
}

/**
 * What follows the control file in an archive: consecutive segments from the first that the control file asks for, each
 * of full size, and nothing else. Whether they reach far enough is not known here.
 */
export class SegmentMembers {
  private readonly archive: TarReader;
  private readonly walSegmentSize: number;
  private readonly first: SegmentNumber | undefined;
  private count = 0;

  constructor(archive: TarReader, controlFile: ControlFile) {
    this.archive = archive;
    this.walSegmentSize = controlFile.server.walSegmentSize;
    this.first = firstSegment(controlFile);
  }

  /** The next segment, undefined at the archive's end. Throws a Failure `InvalidSnapshot` for what does not belong there. */
  async next(): Promise<SegmentMember | undefined> {
    const member = await this.archive.next();
    if (member === undefined) return undefined;
    const segment = this.check(member);
    if (++this.count > limits.snapshotSegmentCountMax) {
      throw invalidSnapshot(`it holds more than ${limits.snapshotSegmentCountMax} segments`);
    }
    return { ...member, segment };
  }

  /** All that came until now. */
  get range(): SegmentRange | undefined {
    const { first, count } = this;
    return first === undefined || count === 0
      ? undefined
      : { first, last: (first + BigInt(count) - 1n) as SegmentNumber };
  }

  private check(member: TarMember): SegmentNumber {
    const { first, walSegmentSize } = this;
    const shown = quote(member.name);
    if (first === undefined) throw invalidSnapshot(`it holds ${shown} though its control file asks for no segments`);
    const expected = (first + BigInt(this.count)) as SegmentNumber;
    const parsed = parseSegmentFileName(member.name, walSegmentSize);
    if (parsed === undefined) throw invalidSnapshot(`it holds ${shown}, which is not a name of a WAL segment`);
    if (parsed.segment !== expected) {
      throw invalidSnapshot(`it holds ${shown} where ${segmentFileName(expected, walSegmentSize)} was expected`);
    }
    if (member.sizeBytes !== walSegmentSize) {
      throw invalidSnapshot(`${shown} has ${member.sizeBytes} bytes instead of ${walSegmentSize}`);
    }
    return expected;
  }
}

/** Undefined when the archive may hold no segment at all: nothing was written yet, or the WAL was moved away. */
function firstSegment(controlFile: ControlFile): SegmentNumber | undefined {
  const horizon = minLsn(controlFile.remoteConsistentLsn, controlFile.backupLsn);
  if (horizon === INVALID_LSN || controlFile.eviction.kind === 'Offloaded') return undefined;
  const { walSegmentSize } = controlFile.server;
  if (!isWalSegmentSize(walSegmentSize)) throw invalidSnapshot(`${walSegmentSize} is not a segment size`);
  return segmentNumber(horizon, walSegmentSize);
}

function quote(name: string): string {
  return JSON.stringify(name);
}
