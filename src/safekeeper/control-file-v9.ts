import type { BinaryReader, BinaryWriter } from './control-file-binary.ts';
import type { ControlFile } from './control-file.ts';
import { readVersion8 } from './control-file-earlier.ts';
import {
  readEviction,
  writeAcceptorState,
  writeEviction,
  writePartialBackup,
  writePositions,
  writeServerInfo,
  writeTimelineIds,
} from './control-file-fields.ts';

/** Body of version 9, written as long as the timeline has no membership configuration (generation 0). */
export function readVersion9(reader: BinaryReader): ControlFile {
  return { ...readVersion8(reader), eviction: readEviction(reader) };
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
