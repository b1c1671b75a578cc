import { Failure } from '../base/failure.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import type { ControlFile, PartialSegment } from '../safekeeper/control-file.ts';
import {
  findUploadedSegment,
  formatUploadedSegmentName,
  offloadProblem,
  parseUploadedSegmentName,
  remoteObjectKey,
} from '../safekeeper/uploaded-segment.ts';
import { invalidSnapshot } from './transfer-failure.ts';

/**
 * A partial segment in remote storage belongs to one safekeeper, which deletes it when it has uploaded a longer one. So a
 * replica on another safekeeper needs an object of its own, and its control file must name no other.
 */

/** A copy within remote storage, by the keys of its objects. */
export interface ObjectCopy {
  readonly from: string;
  readonly to: string;
}

/** A control file for another safekeeper, and what has to be copied before it is true; undefined for nothing. */
export interface HandedOver {
  readonly controlFile: ControlFile;
  readonly copy: ObjectCopy | undefined;
}

/**
 * The control file of `source` as `destination` needs it: its uploaded partial segment under the new owner's name, and no
 * uploads that are under way or being deleted, which stay the source's own business. With `keepsItsOwn` the two are one
 * safekeeper, whose segment stays as it is. Failures: `SnapshotToItself`,
 * `NoUploadedSegment` (an offloaded timeline has the end of its WAL nowhere else), `UploadedSegmentOfOtherSafekeeper`.
 */
export function handOver(
  controlFile: ControlFile,
  source: SafekeeperId,
  destination: SafekeeperId,
  keepsItsOwn = false,
): HandedOver {
  const uploaded = findUploadedSegment(controlFile);
  if (uploaded === undefined) {
    if (controlFile.eviction.kind === 'Offloaded') {
      throw failure('NoUploadedSegment', 'the timeline is offloaded, but has no partial segment in remote storage');
    }
    return { controlFile: withSegments(controlFile, []), copy: undefined };
  }
  if (source === destination && !keepsItsOwn) {
    throw failure('SnapshotToItself', `safekeeper ${source} would copy ${uploaded.name} onto itself`);
  }
  const name = parseUploadedSegmentName(uploaded.name);
  if (name?.owner !== source) {
    const what = `the partial segment ${JSON.stringify(uploaded.name)} in remote storage`;
    throw failure('UploadedSegmentOfOtherSafekeeper', `${what} does not belong to this safekeeper, ${source}`);
  }
  if (keepsItsOwn) return { controlFile: withSegments(controlFile, [uploaded]), copy: undefined };
  const renamed = { ...uploaded, name: formatUploadedSegmentName({ ...name, owner: destination }) };
  return {
    controlFile: withSegments(controlFile, [renamed]),
    copy: { from: remoteObjectKey(controlFile, uploaded.name), to: remoteObjectKey(controlFile, renamed.name) },
  };
}

/**
 * The control file of a received snapshot as `recipient` may install it; the same object when nothing has to change. The
 * partial segment must be the recipient's own and, where its remote storage is known, be there: of an offloaded timeline
 * it is the end of the WAL. Throws a Failure `InvalidSnapshot`, or one of remote storage.
 */
export async function takeOver(
  controlFile: ControlFile,
  recipient: SafekeeperId,
  remoteStorage: RemoteStorage | undefined,
  signal: AbortSignal,
): Promise<ControlFile> {
  const { partialBackup } = controlFile;
  const offload = offloadProblem(controlFile);
  if (offload?.kind === 'NoUpload') {
    throw invalidSnapshot('it is offloaded, but has no partial segment in remote storage');
  }
  const uploaded = findUploadedSegment(controlFile);
  if (uploaded === undefined) {
    return partialBackup.length === 0 ? controlFile : withSegments(controlFile, []);
  }
  const shown = JSON.stringify(uploaded.name);
  if (parseUploadedSegmentName(uploaded.name)?.owner !== recipient) {
    throw invalidSnapshot(
      `its partial segment ${shown} in remote storage does not belong to this safekeeper, ${recipient}`,
    );
  }
  if (offload?.kind === 'UploadTooShort') {
    throw invalidSnapshot(`its partial segment ${shown} ends before the WAL did when it was offloaded`);
  }
  const key = remoteObjectKey(controlFile, uploaded.name);
  if (remoteStorage !== undefined && !(await remoteStorage.exists(key, signal))) {
    throw invalidSnapshot(`its partial segment ${shown} is not in ${remoteStorage.description}`);
  }
  return partialBackup.length === 1 ? controlFile : withSegments(controlFile, [uploaded]);
}

function withSegments(controlFile: ControlFile, partialBackup: readonly PartialSegment[]): ControlFile {
  return { ...controlFile, partialBackup };
}

function failure(reason: string, message: string): Failure {
  return new Failure(reason, message, { retry: 'after-change' });
}
