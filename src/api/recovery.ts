import { z } from 'zod';
import { parseDuration } from '../base/duration.ts';
import type { RecoveryPolicy } from '../domain/recovery-policy.ts';
import { choice, duration, PERCENT_FORM, text, whole } from './fields.ts';

const RECOVERY_MODES = ['Automatic', 'Propose', 'Disabled'] as const satisfies ReadonlyArray<RecoveryPolicy['mode']>;
const WITNESS_POLICIES = ['All', 'Quorum'] as const satisfies ReadonlyArray<RecoveryPolicy['witnesses']>;
const FENCING_POLICIES = ['WhenIdle', 'Always', 'Never'] as const satisfies ReadonlyArray<RecoveryPolicy['fencing']>;

/** What a timeline may set differently from its cluster: how its recoveries are decided, and their deadlines. */
export interface TimelineRecoverySettings extends RecoveryPolicy {
  readonly pullTimeoutMs: number;
  readonly stallTimeoutMs: number;
}

/** How lost replicas of one cluster are restored. Percentages are whole numbers from 0 to 100. */
export interface RecoverySettings extends TimelineRecoverySettings {
  readonly maxConcurrent: number;
  readonly maxPerRecipient: number;
  readonly maxPerDonor: number;
  readonly maxUnavailablePercent: number;
  readonly maxLostPercent: number;
}

/** A timeline's own settings; undefined means the cluster's. */
export type RecoveryOverride = {
  readonly [Setting in keyof TimelineRecoverySettings]?: TimelineRecoverySettings[Setting] | undefined;
};

const mode = choice(RECOVERY_MODES).describe(
  'Automatic restores lost replicas by itself; Propose writes status.proposal and waits for the annotation ' +
    'safekeeper.dev/approve; Disabled only reports.',
);
const gracePeriod = duration('15s', '24h').describe(
  'How long a replica must have been lost without interruption before it is restored. At least 15s, and above the ' +
    "computes' connection timeout: votes and acknowledgements of the lost replica must have died or arrived by then.",
);
const witnesses = choice(WITNESS_POLICIES).describe(
  'All waits, for unknownTimeout at most, until every member that is not lost has answered; Quorum goes on as soon as ' +
    'the members that answered must include a holder of every acknowledged record.',
);
const unknownTimeout = duration('1s', '24h').describe(
  'How long to wait for members that do not answer, before going on without them or reporting that they block recovery.',
);
const fencing = choice(FENCING_POLICIES).describe(
  "How the lost replica's earlier votes are made void. WhenIdle raises the witnesses' terms when no compute is " +
    'connected and relies on the grace period otherwise; Always raises the terms, and a connected compute restarts; ' +
    'Never relies on the grace period.',
);
const pullTimeout = duration('10s', '168h').describe('The longest that the restore of one replica may take.');
const stallTimeout = duration('5s', '24h').describe('A restore that makes no progress for this long is given up.');

export const recoverySchema = z
  .object({
    mode: mode.prefault('Automatic'),
    gracePeriod: gracePeriod.prefault('30s'),
    witnesses: witnesses.prefault('All'),
    unknownTimeout: unknownTimeout.prefault('5m'),
    fencing: fencing.prefault('WhenIdle'),
    maxConcurrent: whole(1, 256).describe('Restores that run at once in the whole cluster.').prefault(8),
    maxPerRecipient: whole(1, 64).describe('Restores that run at once onto one safekeeper.').prefault(4),
    maxPerDonor: whole(1, 64).describe('Restores that run at once from one safekeeper.').prefault(4),
    pullTimeout: pullTimeout.prefault('30m'),
    stallTimeout: stallTimeout.prefault('60s'),
    maxUnavailable: text(PERCENT_FORM)
      .describe('When more than this share of the safekeepers is unreachable, no restore is started.')
      .prefault('50%'),
    maxLost: text(PERCENT_FORM)
      .describe(
        'When more than this share of the timelines is lost within one grace period, on more than one safekeeper, no ' +
          'restore is started. One safekeeper that loses everything does not count.',
      )
      .prefault('5%'),
  })
  .transform(
    ({
      gracePeriod,
      unknownTimeout,
      pullTimeout,
      stallTimeout,
      maxUnavailable,
      maxLost,
      ...same
    }): RecoverySettings => ({
      ...same,
      gracePeriodMs: parseDuration(gracePeriod),
      unknownTimeoutMs: parseDuration(unknownTimeout),
      pullTimeoutMs: parseDuration(pullTimeout),
      stallTimeoutMs: parseDuration(stallTimeout),
      maxUnavailablePercent: Number.parseInt(maxUnavailable, 10),
      maxLostPercent: Number.parseInt(maxLost, 10),
    }),
  );

export const recoveryOverrideSchema = z
  .object({
    mode: inherited(mode),
    gracePeriod: inherited(gracePeriod),
    witnesses: inherited(witnesses),
    unknownTimeout: inherited(unknownTimeout),
    fencing: inherited(fencing),
    pullTimeout: inherited(pullTimeout),
    stallTimeout: inherited(stallTimeout),
  })
  .transform(
    ({ mode, gracePeriod, witnesses, unknownTimeout, fencing, pullTimeout, stallTimeout }): RecoveryOverride => ({
      mode,
      gracePeriodMs: optionalDuration(gracePeriod),
      witnesses,
      unknownTimeoutMs: optionalDuration(unknownTimeout),
      fencing,
      pullTimeoutMs: optionalDuration(pullTimeout),
      stallTimeoutMs: optionalDuration(stallTimeout),
    }),
  );

/** What holds for one timeline: its cluster's settings, except where its own `spec.recovery` says otherwise. */
export function effectiveRecovery(cluster: RecoverySettings, timeline: RecoveryOverride): RecoverySettings {
  return {
    ...cluster,
    mode: timeline.mode ?? cluster.mode,
    gracePeriodMs: timeline.gracePeriodMs ?? cluster.gracePeriodMs,
    witnesses: timeline.witnesses ?? cluster.witnesses,
    unknownTimeoutMs: timeline.unknownTimeoutMs ?? cluster.unknownTimeoutMs,
    fencing: timeline.fencing ?? cluster.fencing,
    pullTimeoutMs: timeline.pullTimeoutMs ?? cluster.pullTimeoutMs,
    stallTimeoutMs: timeline.stallTimeoutMs ?? cluster.stallTimeoutMs,
  };
}

function inherited<Schema extends z.ZodType>(schema: Schema) {
  return schema.describe(`${schema.description} When absent, the cluster's value holds.`).optional();
}

function optionalDuration(value: string | undefined): number | undefined {
  return value === undefined ? undefined : parseDuration(value);
}
