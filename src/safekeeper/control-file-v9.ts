import { NO_MEMBERSHIP } from '../domain/membership.ts';
import type { BinaryReader, BinaryWriter } from './control-file-binary.ts';
import type { ControlFile } from './control-file.ts';
import {
  readAcceptorState,
  readEviction,
  readPartialBackup,
  readPositions,
  readProposerUuid,
  readServerInfo,
  readTimelineIds,
  writeAcceptorState,
  writeEviction,
  writePartialBackup,
  writePositions,
  writeServerInfo,
  writeTimelineIds,
} from './control-file-fields.ts';

const PEER_BYTES = 40;

/** Body of version 9, written as long as the timeline has no membership configuration (generation 0). */
export function readVersion9(reader: BinaryReader): ControlFile {
  const common = {
    ...readTimelineIds(reader),
    membership: NO_MEMBERSHIP,
    ...readAcceptorState(reader),
    server: readServerInfo(reader),
    proposerUuid: readProposerUuid(reader),
    ...readPositions(reader),
  };
  skipPeers(reader);
  return {
    ...common,
    partialBackup: readPartialBackup(reader),
    eviction: readEviction(reader),
    creation: { seconds: 0n, nanoseconds: 0 },
  };
}

/** Has no room for a membership configuration nor for the creation time. */
export function writeVersion9(writer: BinaryWriter, file: ControlFile): void {
  writeTimelineIds(writer, file);
  writeAcceptorState(writer, file);
  writeServerInfo(writer, file.server);
  writer.string(file.proposerUuid);
  writePositions(writer, file);
  writer.list([], () => undefined);
  writePartialBackup(writer, file.partialBackup);
  writeEviction(writer, file.eviction);
}

/** Remembered peers were provided for and never used: safekeepers read such a list, drop it and write an empty one. */
function skipPeers(reader: BinaryReader): void {
  reader.list('peers', PEER_BYTES, (field) => {
    for (const name of ['id', 'backup_lsn', 'term', 'flush_lsn', 'commit_lsn']) reader.u64(`${field}.${name}`);
  });
}
