import { lsn } from '../../src/domain/lsn.ts';
import { CONTROL_FILE_NAME, decodeControlFile, encodeControlFile } from '../../src/safekeeper/control-file-codec.ts';
import { archive } from '../transfer/archive.ts';
import { type RecordedSnapshot, recordedSnapshot } from '../transfer/harness.ts';

/** A recorded snapshot without its first segment, which the pageserver does not need any more: 2 × 1 MiB. */
export async function twoSegments(): Promise<RecordedSnapshot> {
  const recorded = await recordedSnapshot('resident_partial');
  const controlFile = decodeControlFile(recorded.files.get(CONTROL_FILE_NAME) ?? Buffer.alloc(0));
  const bytes = encodeControlFile({ ...controlFile, remoteConsistentLsn: lsn(0x4700000n) });
  const files = new Map(
    [...recorded.files]
      .filter(([name]) => !name.endsWith('46'))
      .map(([name, content]) => [name, name === CONTROL_FILE_NAME ? bytes : content] as const),
  );
  return { ...recorded, files, body: await archive(files) };
}
