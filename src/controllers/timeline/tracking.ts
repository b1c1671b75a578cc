import type { SafekeeperId } from '../../domain/ids.ts';
import type { Lsn } from '../../domain/lsn.ts';
import type { DiskEvidence } from '../../domain/observation.ts';
import type { FailedAttempts } from '../../domain/plan.ts';
import { EMPTY_MEMORY, type RecoveryMemory } from '../../domain/recovery-memory.ts';
import type { Term } from '../../domain/term.ts';
import type { RecoveryTask } from './recovery-task.ts';

/** Evidence about a disk holds until the replica's log moves (rule R13). */
export interface CachedDisk {
  readonly flushLsn: Lsn;
  readonly term: Term;
  readonly evidence: DiskEvidence;
}

/** What the operator remembers of one timeline between visits. Losing it costs a grace period and nothing else. */
export interface Tracking {
  memory: RecoveryMemory;
  failed: FailedAttempts | undefined;
  task: RecoveryTask | undefined;
  readonly disks: Map<SafekeeperId, CachedDisk>;
  /** Safekeepers that refused a pull because of a directory they could not load, until (monotonic ms) it is tried again. */
  readonly notLoadedUntilMs: Map<SafekeeperId, number>;
}

export function newTracking(): Tracking {
  return { memory: EMPTY_MEMORY, failed: undefined, task: undefined, disks: new Map(), notLoadedUntilMs: new Map() };
}
