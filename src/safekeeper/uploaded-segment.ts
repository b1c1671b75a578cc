import { formatTenantTimelineId, parseSafekeeperId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';

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

/** Key of a timeline's object in remote storage: the timeline's prefix before the name. */
export function remoteObjectKey(id: TenantTimelineId, name: string): string {
  return `${formatTenantTimelineId(id)}/${name}`;
}
