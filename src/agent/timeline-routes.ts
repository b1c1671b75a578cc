import { formatLsn } from '../domain/lsn.ts';
import type { TimelineStatus } from '../safekeeper/api.ts';
import { timelineStatusToJson } from '../safekeeper/api-json.ts';
import { membershipToJson } from '../safekeeper/shared-json.ts';
import { createTimeline } from '../transfer/create-timeline.ts';
import { deleteTenant, deleteTimeline, excludeTimeline, requireMembership } from '../transfer/delete-timeline.ts';
import type { DeleteOutcome } from '../transfer/delete-timeline.ts';
import type { Timeline } from '../transfer/timeline.ts';
import { requireTenant } from './access.ts';
import { jsonAnswer } from './answer.ts';
import type { AgentContext } from './context.ts';
import { parseFlag } from './debug-dump-query.ts';
import { pathTenantId, pathTimeline } from './path-ids.ts';
import { parseCreateBody, parseMembershipBody, parseTermBumpBody, requireNoBody } from './request-bodies.ts';
import type { Call, Handler } from './request-listener.ts';

/** What a creation request that does not name them means. */
const WAL_SEGMENT_SIZE_DEFAULT = 16 * 1024 * 1024;
const SYSTEM_ID_DEFAULT = 0n;

/** `GET /v1/tenant/timeline`: the loaded timelines, in no particular order. */
export function listTimelines(context: AgentContext): Handler {
  return async () =>
    jsonAnswer(context.timelines.list().map(({ id }) => ({ tenant_id: id.tenantId, timeline_id: id.timelineId })));
}

/** `POST /v1/tenant/timeline`: null, also when the timeline exists already. */
export function createRoute(context: AgentContext): Handler {
  return async (call) => {
    const body = parseCreateBody(await call.readBody());
    requireTenant(call.caller, body.tenantId);
    await createTimeline(context.timelines, {
      ...body,
      systemId: body.systemId ?? SYSTEM_ID_DEFAULT,
      walSegmentSize: body.walSegmentSize ?? WAL_SEGMENT_SIZE_DEFAULT,
    });
    return jsonAnswer(null);
  };
}

/** `GET /v1/tenant/T/timeline/L`. */
export function timelineStatus(context: AgentContext): Handler {
  return async (call) => jsonAnswer(timelineStatusToJson(statusOf(context.timelines.get(pathTimeline(call)))));
}

/** `DELETE /v1/tenant/T/timeline/L`: of the local copy only, with or without `only_local`. */
export function deleteRoute(context: AgentContext): Handler {
  return async (call) => {
    const id = pathTimeline(call);
    await checkDeletion(call);
    return jsonAnswer(deleteOutcomeToJson(await deleteTimeline(context.timelines, id, call.signal)));
  };
}

/** `DELETE /v1/tenant/T`: all its timelines. */
export function deleteTenantRoute(context: AgentContext): Handler {
  return async (call) => {
    const tenantId = pathTenantId(call);
    await checkDeletion(call);
    const outcomes = await deleteTenant(context.timelines, tenantId, call.signal);
    const entries = [...outcomes].map(([timelineId, outcome]) => [timelineId, deleteOutcomeToJson(outcome)]);
    return jsonAnswer(Object.fromEntries(entries));
  };
}

/** `PUT …/exclude`: deletes the local copy of a timeline whose configuration no longer contains this safekeeper. */
export function excludeRoute(context: AgentContext): Handler {
  return async (call) => {
    const id = pathTimeline(call);
    const membership = parseMembershipBody(await call.readBody());
    return jsonAnswer(deleteOutcomeToJson(await excludeTimeline(context.timelines, id, membership, call.signal)));
  };
}

/** `PUT …/membership`: takes over a configuration of a higher generation. */
export function switchMembershipRoute(context: AgentContext): Handler {
  return async (call) => {
    const id = pathTimeline(call);
    const membership = parseMembershipBody(await call.readBody());
    const timeline = context.timelines.get(id);
    requireMembership(context.timelines, membership);
    const { previous, current } = await timeline.switchMembership(membership, call.signal);
    return jsonAnswer({
      previous_conf: membershipToJson(previous),
      current_conf: membershipToJson(current),
      last_log_term: timeline.lastLogTerm,
      flush_lsn: formatLsn(timeline.flushLsn),
    });
  };
}

/** `POST …/term_bump`. */
export function termBumpRoute(context: AgentContext): Handler {
  return async (call) => {
    const id = pathTimeline(call);
    const target = parseTermBumpBody(await call.readBody());
    const { previous, current } = await context.timelines.get(id).bumpTerm(target, call.signal);
    return jsonAnswer({ previous_term: previous, current_term: current });
  };
}

/** `POST …/checkpoint`: writes the control file. */
export function checkpointRoute(context: AgentContext): Handler {
  return async (call) => {
    await context.timelines.get(pathTimeline(call)).checkpoint(call.signal);
    return jsonAnswer(null);
  };
}

/** An agent hears of no peers, and nobody streams WAL from it or to it. */
function statusOf({ controlFile, lastLogTerm, flushLsn }: Timeline): TimelineStatus {
  return { ...controlFile, lastLogTerm, flushLsn, peers: [], walsenders: [], walreceivers: [] };
}

async function checkDeletion(call: Call): Promise<void> {
  const onlyLocal = call.query.get('only_local');
  if (onlyLocal !== null) parseFlag('only_local', onlyLocal);
  requireNoBody(await call.readBody());
}

function deleteOutcomeToJson(outcome: DeleteOutcome) {
  return { dir_existed: outcome.dirExisted };
}
