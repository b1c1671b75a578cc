import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Logger } from '../base/log.ts';
import type { TenantTimelineId } from '../domain/ids.ts';
import type { TimelineStatus } from '../safekeeper/api.ts';
import type { PeerClient } from '../safekeeper/peer-client.ts';

/** A safekeeper that may be asked for the timeline, under the url that the request gave it. */
export interface Peer {
  readonly host: string;
  readonly client: PeerClient;
}

export interface PeerStatus extends Peer {
  readonly status: TimelineStatus;
}

/** Scheme, and no trailing slash: real safekeepers count any other host as one that does not answer. */
const HOST_FORM = /^https?:\/\/.*[^/]$/;
/** Time between two rounds of asking peers that do not all answer yet. */
const ROUND_PAUSE_MS = 100;

export type Connect = (url: string) => PeerClient;

/**
 * Asks all hosts at once. Throws a Failure `NotEnoughAnswers` with fewer than max(hosts − 1, 1) statuses: one safekeeper
 * may be down, as long as another one answers.
 */
export async function askHosts(
  id: TenantTimelineId,
  hosts: readonly string[],
  connect: Connect,
  log: Logger,
  signal: AbortSignal,
): Promise<PeerStatus[]> {
  const peers = toPeers(hosts, connect);
  const answers = await Promise.all(peers.map((peer) => ask(id, peer, signal)));
  signal.throwIfAborted();
  const statuses = answers.flatMap(({ peer, answer }) => {
    if (answer.kind === 'Status') return [{ ...peer, status: answer.status }];
    log.info({ tenant: id.tenantId, timeline: id.timelineId, host: peer.host, answer }, 'a peer gave no status');
    return [];
  });
  const required = Math.max(hosts.length - 1, 1);
  if (statuses.length < required) {
    throw new Failure(
      'NotEnoughAnswers',
      `only got ${statuses.length} successful status responses. required: ${required}`,
    );
  }
  return statuses;
}

/**
 * Asks until every host answers with a status in one round; undefined as soon as one of them has no such timeline: then
 * there is nothing that must be pulled. Throws a Failure `PeersNotReady` after `timeoutMs`.
 */
export async function awaitEveryHost(
  id: TenantTimelineId,
  hosts: readonly string[],
  connect: Connect,
  timeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<PeerStatus[] | undefined> {
  const peers = toPeers(hosts, connect);
  const startedMs = clock.monotonicMs();
  for (;;) {
    const answers = await Promise.all(peers.map((peer) => ask(id, peer, signal)));
    signal.throwIfAborted();
    if (answers.some(({ answer }) => answer.kind === 'NotFound' || answer.kind === 'Deleted')) return undefined;
    const statuses = answers.flatMap(({ peer, answer }) =>
      answer.kind === 'Status' ? [{ ...peer, status: answer.status }] : [],
    );
    if (statuses.length === hosts.length) return statuses;
    if (clock.monotonicMs() - startedMs >= timeoutMs) {
      const count = `${statuses.length} of ${hosts.length}`;
      throw new Failure('PeersNotReady', `only ${count} peers answered with a status within ${timeoutMs} ms`);
    }
    await clock.sleep(ROUND_PAUSE_MS, signal);
  }
}

function toPeers(hosts: readonly string[], connect: Connect): Peer[] {
  return hosts.filter((host) => HOST_FORM.test(host)).map((host) => ({ host, client: connect(host) }));
}

async function ask(id: TenantTimelineId, peer: Peer, signal: AbortSignal) {
  return { peer, answer: await peer.client.timelineStatus(id, signal) };
}
