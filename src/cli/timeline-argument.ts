import { InvalidArgumentError } from 'commander';
import { parseTenantId, parseTimelineId, type TenantTimelineId } from '../domain/ids.ts';

/** `<tenant id>/<timeline id>`, as safekeepers write it in their messages. */
export function parseTimelineArgument(text: string): TenantTimelineId {
  const [tenant, timeline, ...more] = text.split('/');
  const tenantId = parseTenantId(tenant ?? '');
  const timelineId = parseTimelineId(timeline ?? '');
  if (tenantId !== undefined && timelineId !== undefined && more.length === 0) return { tenantId, timelineId };
  throw new InvalidArgumentError('It must be <tenant id>/<timeline id>, of 32 hex digits each.');
}
