import type { SafekeeperId } from '../domain/ids.ts';
import { SafekeeperClient } from '../safekeeper/client.ts';
import { donate } from '../transfer/donate.ts';
import { handlePullRequest } from '../transfer/pull.ts';
import type { Timeline } from '../transfer/timeline.ts';
import { jsonAnswer } from './answer.ts';
import type { AgentContext } from './context.ts';
import { pathDestinationId, pathTimeline } from './path-ids.ts';
import { parsePullBody } from './request-bodies.ts';
import type { Handler } from './request-listener.ts';

/** `GET …/snapshot/N`: the timeline as an archive for safekeeper N. What goes wrong from here on breaks the body. */
export function snapshotRoute(context: AgentContext): Handler {
  return async (call) => {
    const id = pathTimeline(call);
    const destination = pathDestinationId(call);
    const timeline = context.timelines.get(id);
    return { kind: 'stream', open: (signal) => streamSnapshot(context, timeline, destination, signal) };
  };
}

/** `POST /v1/pull_timeline`. A client that goes away cancels its pull. */
export function pullRoute(context: AgentContext): Handler {
  return async (call) => {
    const { timelines, transfers, http, stallTimeoutMs } = context;
    const options = {
      connect: (url: string) => new SafekeeperClient({ http, url }),
      transfers,
      stallTimeoutMs,
    };
    const outcome = await handlePullRequest(timelines, parsePullBody(await call.readBody()), options, call.signal);
    return jsonAnswer({ safekeeper_host: outcome.safekeeperHost });
  };
}

async function* streamSnapshot(
  context: AgentContext,
  timeline: Timeline,
  destination: SafekeeperId,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { files, transfers, afterSnapshotList } = context;
  using transfer = transfers.begin('Snapshot', timeline.id, destination.toString());
  const hook = afterSnapshotList === undefined ? {} : { afterList: afterSnapshotList };
  yield* donate(timeline, { files, meter: transfer.meter, ...hook }, signal);
}
