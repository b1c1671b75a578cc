import { formatTenantTimelineId, parseSafekeeperId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import type { ControlFile, PartialSegment } from './control-file.ts';

const NAME = /^([0-9A-F]{24}_[0-9]{1,20}_[0-9A-F]{16}_[0-9A-F]{16})_sk([0-9]{1,20})\.partial$/;

/**
 * Name of a partial segment in remote storage, `{segment}_{term}_{flush_lsn}_{commit_lsn}_sk{id}.partial`: each safekeeper
 * has a copy of its own under its own id.
 */
export interface UploadedSegmentName {
  readonly content: string;
  readonly owner: SafekeeperId;
}

/** Undefined for anything else, so that nothing but such a name can become a part of an object's key. */
export function parseUploadedSegmentName(name: string): UploadedSegmentName | undefined {
  const [, content, digits] = NAME.exec(name) ?? [];
  const owner = digits === undefined ? undefined : parseSafekeeperId(digits);
  return content === undefined || owner === undefined ? undefined : { content, owner };
}

export function formatUploadedSegmentName({ content, owner }: UploadedSegmentName): string {
  return `${content}_sk${owner}.partial`;
}

/** There is one at most: an older one is marked for deletion in the same write. */
export function findUploadedSegment({ partialBackup }: ControlFile): PartialSegment | undefined {
  return partialBackup.find(({ status }) => status === 'Uploaded');
}

/**
 * Of an offloaded timeline the uploaded partial segment is the end of the WAL: what is wrong when there is none, or one
 * that ends too early.
 */
export type OffloadProblem =
  | { readonly kind: 'NoUpload' }
  | { readonly kind: 'UploadTooShort'; readonly uploaded: PartialSegment };

/** Undefined also when the timeline is not offloaded. */
export function offloadProblem(controlFile: ControlFile): OffloadProblem | undefined {
  const { eviction } = controlFile;
  if (eviction.kind !== 'Offloaded') return undefined;
  const uploaded = findUploadedSegment(controlFile);
  if (uploaded === undefined) return { kind: 'NoUpload' };
  return uploaded.flushLsn < eviction.flushLsn ? { kind: 'UploadTooShort', uploaded } : undefined;
}

/** Key of a timeline's object in remote storage: the timeline's prefix before the name. */
export function remoteObjectKey(id: TenantTimelineId, name: string): string {
  return `${formatTenantTimelineId(id)}/${name}`;
}
