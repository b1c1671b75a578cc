import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import { findCondition } from '../../kube/conditions.ts';

/** How one timeline stands, as its SafekeeperTimeline says, and how much of it is on the watched safekeeper's disk. */
export interface TimelineRow {
  readonly name: string;
  /** `2/3`; `-` before the first look. */
  readonly redundancy: string;
  readonly state: RowState;
  /** The reason of the condition that describes it best. */
  readonly reason: string;
  readonly message: string;
  /** The safekeeper that it is, or was, copied from. */
  readonly donor: number | undefined;
  readonly bytesOnDisk: number;
  readonly bytesExpected: number;
}

/** `Restored`: Ready, and a recovery made it so. */
export type RowState = 'Unseen' | 'Ready' | 'Lost' | 'Copying' | 'Restored' | 'Stalled';

/** `watched` is the safekeeper whose disk is shown. */
export function timelineRow(
  { metadata, status = {} }: SafekeeperTimeline,
  watched: SafekeeperId,
  bytes: Pick<TimelineRow, 'bytesOnDisk' | 'bytesExpected'>,
): TimelineRow {
  const { conditions, redundancy = '-', message = '', history = [] } = status;
  const ready = findCondition(conditions, 'Ready');
  const reconciling = findCondition(conditions, 'Reconciling');
  const stalled = findCondition(conditions, 'Stalled');
  const [last] = history;
  const restored = last?.outcome === 'Recovered' && last.recipient === Number(watched);
  const shown = { name: metadata.name, redundancy, message, donor: status.donor ?? last?.donor, ...bytes };
  if (ready === undefined || ready.status === 'Unknown') return { ...shown, state: 'Unseen', reason: 'Observing' };
  if (ready.status === 'True') {
    return { ...shown, state: restored ? 'Restored' : 'Ready', reason: restored ? 'Recovered' : 'Ready' };
  }
  if (stalled?.status === 'True') return { ...shown, state: 'Stalled', reason: stalled.reason };
  const reason = reconciling?.status === 'True' ? reconciling.reason : ready.reason;
  return { ...shown, state: reason === 'Pulling' || reason === 'Verifying' ? 'Copying' : 'Lost', reason };
}

/** Whether the object says that safekeeper `id` lost its replica. */
export function isLostOn({ status }: SafekeeperTimeline, id: SafekeeperId): boolean {
  return status?.replicas?.some((replica) => replica.safekeeperId === Number(id) && replica.state === 'Lost') ?? false;
}
