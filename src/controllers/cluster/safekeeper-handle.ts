import type { Semaphore } from '../../base/concurrency.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import type { SafekeeperClient } from '../../safekeeper/client.ts';

/** One safekeeper as the operator talks to it. */
export interface SafekeeperHandle {
  readonly id: SafekeeperId;
  readonly url: string;
  /** How the other safekeepers reach it. */
  readonly peerUrl: string;
  readonly client: SafekeeperClient;
  /** A debug dump reads whole files: one at a time (rule R13). */
  readonly dumps: Semaphore;
}
