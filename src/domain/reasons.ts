/**
 * The closed list of reasons. Conditions, events, logs and metrics use these words and no others; the plan's outcome
 * gives them (`conditions.ts`).
 */
export const REASONS = {
  // Nothing is wrong, or nothing is known yet.
  Observing: 'The first look at the replicas has not finished.',
  AllReplicasPresent: 'Every member has its replica.',
  QuorumPresent: 'Enough replicas are there to keep every acknowledged commit.',
  Idle: 'The operator has nothing to do here.',
  Progressing: 'The operator is not blocked.',
  NotPaused: 'Recovery is not paused.',
  Recovered: 'Every member has its replica again.',
  Resumed: 'Recovery is no longer paused.',
  // On the way.
  ReplicaLost: 'A member answers that it does not have the timeline.',
  ReplicaUnreachable: 'A member does not answer, or not in a way that can be trusted.',
  GracePeriod: 'A replica is lost; recovery waits in case it returns by itself.',
  WaitingForWitnesses: 'Recovery waits for members that do not answer yet.',
  Queued: 'Recovery waits for a free slot.',
  Pulling: 'A replica is being copied from the donor.',
  Verifying: 'The copy is being compared with the donor.',
  RetryBackoff: 'The last attempt failed; the next one waits.',
  RecoveryStarted: 'A recovery began.',
  RecoveryFailed: 'An attempt to restore a replica failed.',
  // Somebody has to do something.
  RecoveryKeepsFailing: 'Attempts keep failing; the operator goes on trying.',
  RecoveryProposed: 'A recovery waits for approval.',
  ApprovalNeeded: 'A recovery waits for approval.',
  QuorumLost: 'Too few replicas are left to know that nothing acknowledged is missing.',
  AllReplicasLost: 'No member has the timeline.',
  TimelineDeleted: 'A member answers that the timeline was deleted.',
  ReplicaHollow: 'A replica exists but its history is not its own any more.',
  ReplicaDamaged: 'A replica misses WAL files that it should have.',
  ReplicaCorrupt: 'A replica lies on its disk but could not be loaded.',
  GenerationConflict: 'Replicas or the spec disagree on the membership.',
  RecipientDiskFull: "The recipient's disk has no room for the replica.",
  DonorAtSegmentBoundary: "The donor's WAL ends exactly on a segment boundary, which a safekeeper cannot snapshot.",
  Duplicate: 'Another, older object names the same timeline.',
  InvalidSpec: 'The spec asks for something that is not accepted.',
  ClusterNotFound: 'The referenced SafekeeperCluster does not exist.',
  MembersUnknown: 'It is not known which safekeepers hold the timeline.',
  SafekeeperIdConflict: 'A safekeeper id is claimed by two addresses, or changed.',
  CredentialsInvalid: 'A safekeeper refuses the token or certificate.',
  StormBrake: 'Too much was lost at once on several safekeepers; no recovery is started.',
  RecoveryDisabled: 'Recovery is disabled in the spec.',
  Paused: 'Recovery is paused.',
} as const;

export type Reason = keyof typeof REASONS;
