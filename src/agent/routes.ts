import { Router } from '../http/router.ts';
import type { Access } from './access.ts';
import type { AgentContext } from './context.ts';
import { debugDump } from './debug-dump.ts';
import { filesystemUsage, metrics, nodeStatus, utilization } from './node-routes.ts';
import type { Handler, Route } from './request-listener.ts';
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

/** Every route of the agent, and who may call it: those of a safekeeper that recovery needs, and `/v1/debug/transfers`. */
export function createRoutes(context: AgentContext): Router<Route> {
  const routes: readonly (readonly [method: string, pattern: string, access: Access, handle: Handler])[] = [
    ['GET', '/metrics', 'Anyone', metrics(context)],
    ['GET', '/v1/status', 'Anyone', nodeStatus(context)],
    ['GET', '/v1/utilization', 'SafekeeperOnly', utilization(context)],
    ['GET', '/v1/debug/filesystem_usage', 'SafekeeperOnly', filesystemUsage(context)],
    ['GET', '/v1/debug/transfers', 'SafekeeperOnly', transferProgress(context)],
    ['GET', '/v1/debug_dump', 'SafekeeperOnly', debugDump(context)],
    ['GET', '/v1/tenant/timeline', 'SafekeeperOnly', listTimelines(context)],
    ['POST', '/v1/tenant/timeline', 'TenantOfBody', createRoute(context)],
    ['DELETE', '/v1/tenant/:tenant_id', 'TenantOfPath', deleteTenantRoute(context)],
    ['GET', TIMELINE, 'TenantOfPath', timelineStatus(context)],
    ['DELETE', TIMELINE, 'TenantOfPath', deleteRoute(context)],
    ['PUT', `${TIMELINE}/exclude`, 'TenantOfPath', excludeRoute(context)],
    ['PUT', `${TIMELINE}/membership`, 'TenantOfPath', switchMembershipRoute(context)],
    ['POST', `${TIMELINE}/term_bump`, 'TenantOfPath', termBumpRoute(context)],
    ['POST', `${TIMELINE}/checkpoint`, 'SafekeeperOnly', checkpointRoute(context)],
    ['GET', `${TIMELINE}/snapshot/:destination_id`, 'TenantOfPath', snapshotRoute(context)],
    ['POST', '/v1/pull_timeline', 'SafekeeperOnly', pullRoute(context)],
  ];
  const router = new Router<Route>();
  for (const [method, pattern, access, handle] of routes) router.add(method, pattern, { access, handle });
  return router;
}
