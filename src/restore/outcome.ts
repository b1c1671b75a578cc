import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { Lsn } from '../domain/lsn.ts';
import type { Fencing } from '../domain/recovery-intent.ts';

/** What became of one timeline. Messages are for people. */
export type TimelineOutcome =
  | {
      readonly kind: 'Restored';
      readonly donor: SafekeeperId;
      readonly fencing: Fencing;
      readonly flushLsn: Lsn;
      /** Where the hollow directory is that was there before, if one was. */
      readonly setAside: string | undefined;
    }
  /** It was there already, and whole. */
  | { readonly kind: 'Kept' }
  /** Its members are others. */
  | { readonly kind: 'NotOurs' }
  /** Restoring it would not be safe; a person has to look at it. */
  | { readonly kind: 'Refused'; readonly reason: string; readonly message: string }
  /** It was tried in vain. */
  | { readonly kind: 'Failed'; readonly reason: string; readonly message: string };

/** A timeline that lacks, and why. */
export interface Lacking extends TenantTimelineId {
  readonly outcome: Extract<TimelineOutcome, { kind: 'Refused' | 'Failed' }>;
}

/** Why a restore went no further. */
export interface Stop {
  readonly reason: string;
  readonly message: string;
}

/** How a restore ended. */
export interface RestoreSummary {
  readonly safekeeperId: SafekeeperId;
  readonly restored: number;
  readonly kept: number;
  readonly notOurs: number;
  readonly refused: number;
  readonly failed: number;
  /** Timelines that were not tried any more: the time was over, or nothing could be written. */
  readonly untried: number;
  /** Why it is not known whether these were all timelines; empty when it is. */
  readonly unknown: readonly string[];
  /** What ended it before its time, if anything did. */
  readonly stopped: Stop | undefined;
  /** Bytes of files that were copied. */
  readonly bytes: number;
  readonly durationMs: number;
  /** The first of those that lack; at most {@link LACKING_MAX}. */
  readonly lacking: readonly Lacking[];
}

export const LACKING_MAX = 1_000;

export type Verdict = 'Everything' | 'Part' | 'Nothing' | 'Refused';

/** A part is never everything: also not when a peer did not tell what it has. */
export function verdictOf(summary: RestoreSummary): Verdict {
  const { restored, kept, refused, failed, untried, unknown, stopped } = summary;
  if (refused + failed + untried + unknown.length === 0 && stopped === undefined) return 'Everything';
  if (restored + kept > 0) return 'Part';
  return refused > 0 || stopped?.reason === 'SafekeeperIdConflict' ? 'Refused' : 'Nothing';
}
