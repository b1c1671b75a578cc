import type { Plan } from '../domain/plan.ts';
import type { Replica } from '../domain/replica-state.ts';

/** A plan's refusal in the words of a command: there is no object here that could be annotated or deleted. */
export function explainRefusal(plan: Extract<Plan, { kind: 'Blocked' }>, replicas: readonly Replica[]): string {
  const states = replicas.map(({ id, state }) => `${id} ${state}`).join(', ');
  switch (plan.reason) {
    case 'QuorumLost':
      return `Too few members have their own history (${states}), so acknowledged commits may be missing from all of them: bring a lost disk back, or let the operator force a donor.`;
    case 'AllReplicasLost':
      return 'No member has this timeline any more: restore it from a backup, or bring a lost disk back.';
    case 'TimelineDeleted':
      return 'The timeline is deleted, or half deleted: a member has a tombstone of it, or the storage controller does not name it here; clear that if the deletion was not meant.';
    case 'MembersUnknown':
      return 'The timeline has no membership configuration, and there are not exactly three safekeepers with this one: name its members with --members.';
    case 'GenerationConflict':
    case 'ReplicaHollow':
    case 'ReplicaDamaged':
    case 'ReplicaCorrupt':
    case 'RecipientDiskFull':
    case 'StormBrake':
    case 'RecoveryDisabled':
      return plan.message.replaceAll('spec.members', '--members');
  }
}
