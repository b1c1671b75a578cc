import { formatTimestamp } from '../base/clock.ts';

export type ConditionStatus = 'True' | 'False' | 'Unknown';

/** A condition as the Kubernetes API conventions have it (metav1.Condition). */
export interface Condition {
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason: string;
  readonly message: string;
  readonly observedGeneration?: number | undefined;
  readonly lastTransitionTime: string;
}

/** What a controller says about one aspect, before it is known when that last changed. */
export type ConditionClaim = Pick<Condition, 'type' | 'status' | 'reason' | 'message'>;

/**
 * The conditions to write: those claimed, in that order. `lastTransitionTime` moves only when the status flips, and
 * everything else is as claimed, so an unchanged claim gives an unchanged condition.
 */
export function claimConditions(
  previous: readonly Condition[],
  claims: readonly ConditionClaim[],
  observedGeneration: number | undefined,
  wallTimeMs: number,
): Condition[] {
  return claims.map(({ type, status, reason, message }) => {
    const before = previous.find((condition) => condition.type === type);
    const lastTransitionTime = before?.status === status ? before.lastTransitionTime : formatTimestamp(wallTimeMs);
    const generation = observedGeneration === undefined ? {} : { observedGeneration };
    return { type, status, reason, message, ...generation, lastTransitionTime };
  });
}

export function findCondition(conditions: readonly Condition[] | undefined, type: string): Condition | undefined {
  return conditions?.find((condition) => condition.type === type);
}
