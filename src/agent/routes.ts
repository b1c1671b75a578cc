import { Router } from '../http/router.ts';
import type { AgentContext } from './context.ts';
import { debugDump } from './debug-dump.ts';
import { filesystemUsage, nodeStatus, utilization } from './node-routes.ts';
import type { Handler } from './request-listener.ts';
import {
  checkpointRoute,
  createRoute,
  deleteRoute,
  deleteTenantRoute,
  excludeRoute,
  listTimelines,
  switchMembershipRoute,
  termBumpRoute,
  timelineStatus,
} from './timeline-routes.ts';
import { transferProgress } from './transfer-progress-route.ts';
import { pullRoute, snapshotRoute } from './transfer-routes.ts';

const TIMELINE = '/v1/tenant/:tenant_id/timeline/:timeline_id';

/** Every route of the agent: those of a safekeeper that recovery needs, and `/v1/debug/transfers`. */
export function createRoutes(context: AgentContext): Router<Handler> {
  return new Router<Handler>()
    .add('GET', '/v1/status', nodeStatus(context))
    .add('GET', '/v1/utilization', utilization(context))
    .add('GET', '/v1/debug/filesystem_usage', filesystemUsage(context))
    .add('GET', '/v1/debug/transfers', transferProgress(context))
    .add('GET', '/v1/debug_dump', debugDump(context))
    .add('GET', '/v1/tenant/timeline', listTimelines(context))
    .add('POST', '/v1/tenant/timeline', createRoute(context))
    .add('DELETE', '/v1/tenant/:tenant_id', deleteTenantRoute(context))
    .add('GET', TIMELINE, timelineStatus(context))
    .add('DELETE', TIMELINE, deleteRoute(context))
    .add('PUT', `${TIMELINE}/exclude`, excludeRoute(context))
    .add('PUT', `${TIMELINE}/membership`, switchMembershipRoute(context))
    .add('POST', `${TIMELINE}/term_bump`, termBumpRoute(context))
    .add('POST', `${TIMELINE}/checkpoint`, checkpointRoute(context))
    .add('GET', `${TIMELINE}/snapshot/:destination_id`, snapshotRoute(context))
    .add('POST', '/v1/pull_timeline', pullRoute(context));
}
