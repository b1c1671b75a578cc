import { type BinaryReader, type BinaryWriter, invalid } from './control-file-binary.ts';
import type { ControlFile } from './control-file.ts';
import {
  readAcceptorState,
  readEviction,
  readMembership,
  readPartialBackup,
  readPositions,
  readProposerUuid,
  readServerInfo,
  readTimelineIds,
  writeAcceptorState,
  writeEviction,
  writeMembership,
  writePartialBackup,
  writePositions,
  writeServerInfo,
  writeTimelineIds,
} from './control-file-fields.ts';

const NANOSECONDS_PER_SECOND = 1_000_000_000;

/** Body of version 10, written once the timeline has a membership configuration (generation above 0). */
export function readVersion10(reader: BinaryReader): ControlFile {
  return {
    ...readTimelineIds(reader),
    membership: readMembership(reader),
    ...readAcceptorState(reader),
    server: readServerInfo(reader),
    proposerUuid: readProposerUuid(reader),
    ...readPositions(reader),
    partialBackup: readPartialBackup(reader),
    eviction: readEviction(reader),
    creation: readCreation(reader),
  };
}

export function writeVersion10(writer: BinaryWriter, file: ControlFile): void {
  writeTimelineIds(writer, file);
  writeMembership(writer, file.membership);
  writeAcceptorState(writer, file);
  writeServerInfo(writer, file.server);
  writer.string(file.proposerUuid);
  writePositions(writer, file);
  writePartialBackup(writer, file.partialBackup);
  writeEviction(writer, file.eviction);
  writer.u64(file.creation.seconds);
  writer.u32(file.creation.nanoseconds);
}

function readCreation(reader: BinaryReader): ControlFile['creation'] {
  const creation = { seconds: reader.u64('creation_ts.seconds'), nanoseconds: reader.u32('creation_ts.nanoseconds') };
  if (creation.nanoseconds >= NANOSECONDS_PER_SECOND)
    throw invalid(`creation_ts.nanoseconds is ${creation.nanoseconds}, a second or more`);
  return creation;
}
