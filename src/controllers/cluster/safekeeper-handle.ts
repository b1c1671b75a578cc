import type { SafekeeperAddress } from '../../api/cluster-spec.ts';
import type { Clock } from '../../base/clock.ts';
import { Semaphore } from '../../base/concurrency.ts';
import { Failure } from '../../base/failure.ts';
import { SharedReading } from '../../base/shared-reading.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import type { HttpSender } from '../../http/client.ts';
import type { FilesystemUsage, NodeStatus } from '../../safekeeper/api.ts';
import { SafekeeperClient } from '../../safekeeper/client.ts';

/** One safekeeper as the operator talks to it. */
export interface SafekeeperHandle {
  readonly id: SafekeeperId;
  readonly url: string;
  /** How the other safekeepers reach it. */
  readonly peerUrl: string;
  readonly client: SafekeeperClient;
  /** Who answers there now (rule R14). */
  readonly identity: SharedReading<NodeStatus>;
  /** Of its disk (rule R16); undefined where that is not offered. */
  readonly usage: SharedReading<FilesystemUsage | undefined>;
  /** Nothing is behind it: every request fails as `Unreachable`. */
  readonly isAbsent: boolean;
  /** A debug dump reads whole files: one at a time (rule R13). */
  readonly dumps: Semaphore;
}

type ReadingClock = Pick<Clock, 'monotonicMs'>;

export function connectSafekeeper(address: SafekeeperAddress, http: HttpSender, clock: ReadingClock): SafekeeperHandle {
  return { ...handleOf(address, http, clock), isAbsent: false };
}

/** A safekeeper whose pod is not there: still a member of its timelines, and not to be looked for at its old address. */
export function absentSafekeeper(id: SafekeeperId, url: string, clock: ReadingClock): SafekeeperHandle {
  const fail = () => Promise.reject(new Failure('Unreachable', `no pod answers as safekeeper ${id}`));
  const nobody: HttpSender = { request: fail, stream: fail };
  return { ...handleOf({ id, url, peerUrl: url }, nobody, clock), isAbsent: true };
}

function handleOf({ id, url, peerUrl }: SafekeeperAddress, http: HttpSender, clock: ReadingClock) {
  const client = new SafekeeperClient({ http, url });
  return {
    id,
    url,
    peerUrl,
    client,
    identity: new SharedReading((signal) => client.nodeStatus(signal), clock),
    usage: new SharedReading((signal) => client.filesystemUsage(signal), clock),
    dumps: new Semaphore(1),
  };
}
