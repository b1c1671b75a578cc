import { Semaphore } from '../../base/concurrency.ts';
import { Failure } from '../../base/failure.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import type { HttpSender } from '../../http/client.ts';
import { SafekeeperClient } from '../../safekeeper/client.ts';

/** One safekeeper as the operator talks to it. */
export interface SafekeeperHandle {
  readonly id: SafekeeperId;
  readonly url: string;
  /** How the other safekeepers reach it. */
  readonly peerUrl: string;
  readonly client: SafekeeperClient;
  /** Nothing is behind it: every request fails as `Unreachable`. */
  readonly isAbsent: boolean;
  /** A debug dump reads whole files: one at a time (rule R13). */
  readonly dumps: Semaphore;
}

/** A safekeeper whose pod is not there: still a member of its timelines, and not to be looked for at its old address. */
export function absentSafekeeper(id: SafekeeperId, url: string): SafekeeperHandle {
  const fail = () => Promise.reject(new Failure('Unreachable', `no pod answers as safekeeper ${id}`));
  const nobody: HttpSender = { request: fail, stream: fail };
  const client = new SafekeeperClient({ http: nobody, url });
  return { id, url, peerUrl: url, client, isAbsent: true, dumps: new Semaphore(1) };
}
