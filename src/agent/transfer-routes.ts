import { Failure } from '../base/failure.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import { PeerClient } from '../safekeeper/peer-client.ts';
import { donate } from '../transfer/donate.ts';
import { handlePullRequest } from '../transfer/pull.ts';
import type { Timeline } from '../transfer/timeline.ts';
import type { TransferKind } from '../transfer/transfer-progress.ts';
import { encodeZeroRuns, ZERO_RUNS } from '../transfer/zero-runs.ts';
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
    const { zeros } = context.timelines.memory;
    return {
      kind: 'stream',
      open: (signal) => streamSnapshot(context, timeline, destination, signal),
      coding: { name: ZERO_RUNS, encode: (content) => encodeZeroRuns(content, zeros) },
    };
  };
}

/** `POST /v1/pull_timeline`. A client that goes away cancels its pull. */
export function pullRoute(context: AgentContext): Handler {
  return async (call) => {
    const { timelines, transfers, http, remoteStorage, stallTimeoutMs, clock } = context;
    const startedMs = clock.monotonicMs();
    const options = {
      connect: (url: string) => new PeerClient({ http, url }),
      transfers,
      remoteStorage,
      stallTimeoutMs,
    };
    const request = parsePullBody(await call.readBody());
    try {
      const { safekeeperHost } = await handlePullRequest(timelines, request, options, call.signal);
      if (safekeeperHost !== null) {
        const { tenantId: tenant, timelineId: timeline } = request;
        const elapsedMs = Math.round(clock.monotonicMs() - startedMs);
        timelines.log.info({ tenant, timeline, donor: safekeeperHost, elapsedMs }, 'timeline pulled');
      }
      return jsonAnswer({ safekeeper_host: safekeeperHost });
    } catch (error) {
      countFailure(context, 'Pull', error);
      throw error;
    }
  };
}

async function* streamSnapshot(
  context: AgentContext,
  timeline: Timeline,
  destination: SafekeeperId,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { safekeeperId: source, files, transfers, remoteStorage, afterSnapshotList } = context;
  using transfer = transfers.begin('Snapshot', timeline.id, destination.toString());
  const hook = afterSnapshotList === undefined ? {} : { afterList: afterSnapshotList };
  // A client that goes away ends the iteration without an error.
  let failure: unknown = new Failure('ClientGone', 'the client closed the connection');
  try {
    const parties = { source, destination, remoteStorage };
    const { memory } = context.timelines;
    yield* donate(timeline, { ...parties, files, memory, meter: transfer.meter, ...hook }, signal);
    failure = undefined;
  } catch (error) {
    failure = error;
    throw error;
  } finally {
    if (failure !== undefined) countFailure(context, 'Snapshot', signal.aborted ? signal.reason : failure);
  }
}

function countFailure({ metrics }: AgentContext, kind: TransferKind, error: unknown): void {
  metrics.transferFailures.inc({ kind, reason: error instanceof Failure ? error.reason : 'InternalError' });
}
