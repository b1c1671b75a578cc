import { Failure } from '../base/failure.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import { mostAdvanced } from '../domain/log-position.ts';
import { INITIAL_TERM, maxTerm, type Term } from '../domain/term.ts';
import type { PeerStatus } from './peer-statuses.ts';

export interface IdentifiedPeer extends PeerStatus {
  readonly id: SafekeeperId;
}

/**
 * Reads each peer's safekeeper id, all at once. Peers that do not tell it are left out, and by rule R14 so are one with
 * the recipient's own id (a snapshot from oneself can empty the object that it copies) and different hosts with the same
 * id. The same host given twice is one peer.
 */
export async function identifyPeers(
  peers: readonly PeerStatus[],
  recipientId: SafekeeperId,
  signal: AbortSignal,
): Promise<IdentifiedPeer[]> {
  const identified = await Promise.all(
    peers.map(async (peer) => {
      try {
        return [{ ...peer, id: (await peer.client.nodeStatus(signal)).id }];
      } catch {
        return [];
      }
    }),
  );
  signal.throwIfAborted();
  const others = identified.flat().filter((peer) => peer.id !== recipientId);
  return others.filter((peer) => others.every((other) => other.id !== peer.id || other.host === peer.host));
}

/** Rule R2's choice. Throws a Failure `NoDonor` when nobody can be asked. */
export function chooseDonor(peers: readonly IdentifiedPeer[]): IdentifiedPeer {
  const candidates = peers.map((peer) => {
    const { lastLogTerm, flushLsn, term, commitLsn } = peer.status;
    return { peer, id: peer.id, lastLogTerm, flushLsn, term, commitLsn };
  });
  const best = mostAdvanced(candidates);
  if (best === undefined) {
    throw new Failure('NoDonor', 'no host that has the timeline told a safekeeper id that is its own alone');
  }
  return best.peer;
}

/** Rule R3: the highest term that anybody was seen to have voted in. */
export function termFloor(peers: readonly PeerStatus[]): Term {
  return peers.reduce((floor, peer) => maxTerm(floor, peer.status.term), INITIAL_TERM);
}
