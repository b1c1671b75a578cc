/** What the brake looks at: the cluster as the last inventory saw it (rule R20). */
export interface StormInput {
  readonly safekeepers: number;
  readonly unreachable: number;
  readonly timelines: number;
  /** Replicas that turned lost within the last grace period, by safekeeper. */
  readonly newlyLost: ReadonlyMap<unknown, number>;
  /** A part of the safekeepers, from 0 to 1. */
  readonly maxUnavailable: number;
  /** A part of the timelines, from 0 to 1. */
  readonly maxLost: number;
}

/** Why no recovery may start now, or undefined. One safekeeper that lost everything is the normal case and no storm. */
export function stormBrake(input: StormInput): string | undefined {
  if (input.unreachable > input.safekeepers * input.maxUnavailable) {
    return `${input.unreachable} of ${input.safekeepers} safekeepers do not answer: no recovery is started until they are back.`;
  }
  const affected = [...input.newlyLost.values()].filter((count) => count > 0);
  const lost = affected.reduce((sum, count) => sum + count, 0);
  if (affected.length > 1 && lost > input.timelines * input.maxLost) {
    return `${lost} replicas were lost on ${affected.length} safekeepers at once: no recovery is started; check the safekeepers and their storage, then raise spec.recovery.maxLost to go on.`;
  }
  return undefined;
}
