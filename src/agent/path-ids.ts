import { Failure } from '../base/failure.ts';
import {
  parseSafekeeperId,
  parseTenantId,
  parseTimelineId,
  type SafekeeperId,
  type TenantId,
  type TenantTimelineId,
} from '../domain/ids.ts';
import type { Call } from './request-listener.ts';

/** The ids of a path, by the names that the patterns of routes.ts give them. Each throws a Failure `InvalidRequest`. */
export function pathTenantId(call: Call): TenantId {
  return parseTenantId(call.params['tenant_id'] ?? '') ?? refuse('tenant_id');
}

export function pathTimeline(call: Call): TenantTimelineId {
  const tenantId = pathTenantId(call);
  return { tenantId, timelineId: parseTimelineId(call.params['timeline_id'] ?? '') ?? refuse('timeline_id') };
}

export function pathDestinationId(call: Call): SafekeeperId {
  return parseSafekeeperId(call.params['destination_id'] ?? '') ?? refuse('destination_id');
}

function refuse(name: string): never {
  throw new Failure('InvalidRequest', `failed to parse ${name}`, { retry: 'never' });
}
