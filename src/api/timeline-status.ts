import { z } from 'zod';
import type { Fencing } from '../domain/recovery-intent.ts';
import type { ReplicaStateKind } from '../domain/replica-state.ts';
import { bounds } from './bounds.ts';
import { conditionsSchema } from './condition.ts';
import {
  choice,
  count,
  DECIMAL_FORM,
  flag,
  LSN_FORM,
  message,
  patterned,
  safekeeperId,
  timestamp,
  whole,
} from './fields.ts';
import { atomicList } from './lists.ts';

export const REPLICA_STATES = [
  'Present',
  'Lost',
  'Hollow',
  'Damaged',
  'Corrupt',
  'Deleted',
  'Unreachable',
  'Unknown',
] as const satisfies readonly ReplicaStateKind[];
export const FENCING_METHODS = ['ByTerms', 'ByGrace'] as const satisfies readonly Fencing[];
export const RECOVERY_OUTCOMES = ['Recovered', 'Failed', 'Cancelled'] as const;

/** What the operator reports of a timeline. LSNs, terms and generations are texts. */
export type SafekeeperTimelineStatus = z.output<typeof timelineStatusSchema>;
export type ReplicaEntry = z.output<typeof replicaSchema>;
export type ProposalEntry = z.output<typeof proposalSchema>;
export type RecoveryEntry = z.output<typeof recoverySchema>;
export type HistoryEntry = z.output<typeof historySchema>;

const memberIds = () => atomicList(safekeeperId(), bounds.memberCountMax);
const lsn = () => patterned(LSN_FORM);
const decimal = () => patterned(DECIMAL_FORM);
const handledValue = (annotation: string) =>
  z
    .string()
    .max(bounds.handledValueLengthMax)
    .describe(`The value of the annotation ${annotation} that was acted on or refused last.`)
    .optional();

const replicaSchema = z.object({
  safekeeperId: safekeeperId().describe('Id of the safekeeper.'),
  state: choice(REPLICA_STATES).describe(
    'Present; Lost: no such timeline; Hollow: re-created without its log, or set back; Damaged: log files are missing; ' +
      'Corrupt: files that the safekeeper cannot load; Deleted; Unreachable; Unknown: an answer that is not understood.',
  ),
  generation: decimal().describe('Generation of the membership configuration that it has.').optional(),
  term: decimal().describe('The highest term that it has voted in.').optional(),
  lastLogTerm: decimal().describe('Term of the last WAL record that it holds.').optional(),
  flushLsn: lsn().describe('End of its durable WAL at observedAt.').optional(),
  commitLsn: lsn().describe('End of the WAL that it knew to be on a quorum at observedAt.').optional(),
  observedAt: timestamp().describe('When the terms and LSNs were read. Not updated just because WAL grows.').optional(),
  lostSince: timestamp().describe('Since when it has been lost without interruption.').optional(),
  message: message().describe('What is wrong with it, in one sentence.').optional(),
});

const proposalSchema = z.object({
  id: z
    .string()
    .max(bounds.proposalIdLengthMax)
    .describe(
      'What to write in the annotation: stands for exactly this donor, recipient, members, generation and replica states.',
    ),
  forced: flag().describe(
    'False: safe, run it with safekeeper.dev/approve. True: it may lose WAL, run it with safekeeper.dev/force-donor.',
  ),
  donor: safekeeperId().describe('The safekeeper to copy from.'),
  recipient: safekeeperId().describe('The safekeeper to restore.'),
  members: memberIds().describe('The members of the timeline.'),
  generation: decimal().describe('Generation of the membership configuration; 0 when there is none.'),
  walLostBytes: count()
    .describe('When forced: how much WAL known to be committed the donor lacks, in bytes.')
    .optional(),
});

const fencingMethod = () =>
  choice(FENCING_METHODS).describe(
    "How the lost replica's votes are made void: ByTerms raises the witnesses' terms, ByGrace waits.",
  );
const forced = () => flag().describe('Whether a person forced this donor.');

const recoverySchema = z.object({
  recipient: safekeeperId().describe('The safekeeper that is restored.'),
  donor: safekeeperId().describe('The safekeeper that is copied.'),
  fencing: fencingMethod(),
  forced: forced(),
  startedAt: timestamp().describe('When this attempt started.'),
  bytesExpected: count().describe('Size of what is copied, in bytes, where known.').optional(),
  bytesDone: count().describe('How much has arrived, in bytes, where known.').optional(),
  attempt: whole(1, 2 ** 31 - 1).describe('1 for the first attempt; one more after every failure.'),
  nextAttemptAt: timestamp().describe('After a failure: when the next attempt starts.').optional(),
});

const historySchema = z.object({
  recipient: safekeeperId().describe('The safekeeper that was restored.'),
  donor: safekeeperId().describe('The safekeeper that was copied.'),
  fromLsn: lsn().describe('Start of the WAL that was copied.').optional(),
  toLsn: lsn().describe('End of the WAL that was copied.').optional(),
  startedAt: timestamp().describe('When it started.'),
  duration: z.string().max(bounds.durationLengthMax).describe('How long it took, like 12s.'),
  fencing: fencingMethod(),
  forced: forced(),
  outcome: choice(RECOVERY_OUTCOMES).describe(
    'How it ended. Cancelled: the situation had changed, or the operator stopped.',
  ),
  reason: z.string().max(64).describe('Why it did not succeed, in one CamelCase word.').optional(),
  message: message().describe('Why it did not succeed, in one sentence.').optional(),
});

export const timelineStatusSchema = z
  .object({
    observedGeneration: count().describe('The metadata.generation that this status was made from.').optional(),
    redundancy: z.string().max(16).describe('Replicas present / members, like 2/3.').optional(),
    message: message().describe('One sentence: safe, at risk, or in need of a person; why; and what to do.').optional(),
    members: memberIds().describe('The members that the replicas are counted against.').optional(),
    replicas: atomicList(replicaSchema, bounds.replicaCountMax).describe('The replicas, each as last seen.').optional(),
    donor: safekeeperId().describe('The safekeeper that a lost replica is, or would be, restored from.').optional(),
    proposal: proposalSchema
      .meta({ 'x-kubernetes-map-type': 'atomic' })
      .describe('A recovery that waits for a person.')
      .optional(),
    recovery: recoverySchema
      .meta({ 'x-kubernetes-map-type': 'atomic' })
      .describe('The recovery that is under way.')
      .optional(),
    fencedTerm: decimal()
      .describe('The highest term that a recovery has fenced with, written before anybody is raised to it.')
      .optional(),
    history: atomicList(historySchema, bounds.historyCountMax)
      .describe('The last recoveries, newest first.')
      .optional(),
    lastHandledApprove: handledValue('safekeeper.dev/approve'),
    lastHandledForceDonor: handledValue('safekeeper.dev/force-donor'),
    lastHandledReconcileAt: handledValue('safekeeper.dev/reconcile-at'),
    conditions: conditionsSchema.optional(),
  })
  .describe('What the operator saw and did; written by the operator only.');
