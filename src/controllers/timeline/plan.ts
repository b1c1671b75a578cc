import type { SafekeeperId } from '../../domain/ids.ts';
import type { Evidence, Observation } from '../../domain/observation.ts';
import type { Plan } from '../../domain/plan.ts';
import { chooseDonor, type RecoveryIntent, witnessesOf } from '../../domain/recovery-intent.ts';
import type { MemberSources } from '../../domain/recovery-members.ts';
import { type Planned, planRecovery } from '../../domain/recovery-plan.ts';
import type { ObjectKey } from '../../kube/object.ts';
import type { Slot } from '../cluster/admission.ts';
import { pendingDecisions } from './decisions.ts';
import { gatherEvidence, knownEvidence, revisitDamage } from './evidence.ts';
import type { Observer } from './observe.ts';
import type { TimelineResource } from './resource.ts';
import { fencedTerm, recordedReplicas } from './status.ts';
import type { Tracking } from './tracking.ts';

/** One visit's view of a timeline. */
export interface Sight extends Observer {
  readonly key: ObjectKey;
  readonly resource: TimelineResource;
  readonly tracking: Tracking;
  readonly observation: Observation;
}

/** What a visit does. */
export type Decision = { readonly planned: Planned } & (
  | { readonly kind: 'Say'; readonly plan: Exclude<Plan, { kind: 'Inspect' | 'Pull' }> }
  /** The slot is the caller's. */
  | { readonly kind: 'Pull'; readonly intent: RecoveryIntent; readonly slot: Slot }
  /** A pull that others go before, or that a pause holds back. */
  | { readonly kind: 'Queued' | 'Paused'; readonly recipient: SafekeeperId }
  /** A safekeeper does not tell what rules R13 and R16 want to know. */
  | { readonly kind: 'Uninspected'; readonly recipient: SafekeeperId; readonly disks: readonly SafekeeperId[] }
);

/** The plan by what is known without asking more. */
export function planWith({ tracking, resource, observation, clock }: Sight, evidence: Evidence): Planned {
  const { object, status, cluster, settings } = resource;
  return planRecovery({
    observation,
    evidence,
    memory: tracking.memory,
    recorded: recordedReplicas(status),
    sources: memberSources(resource),
    policy: settings,
    decisions: pendingDecisions(object, status),
    failed: tracking.failed,
    fencedTerm: fencedTerm(status),
    ownRecipient: undefined,
    brake: cluster.brake,
    nowMs: clock.monotonicMs(),
  });
}

export function memberSources({ spec, cluster }: TimelineResource): MemberSources {
  return { declared: spec.members, cluster: cluster.memberIds };
}

/**
 * Plans, fetching the evidence that the plan asks for, until it is clear what to do. A look at a disk reads whole files,
 * so who restores by itself gets in line first and looks when it is its turn; a proposal is made without a slot.
 */
export async function decide(sight: Sight, signal: AbortSignal): Promise<Decision> {
  const { resource, observation } = sight;
  await revisitDamage(sight, observation, signal);
  let evidence = await knownEvidence(sight, observation, resource.settings.gracePeriodMs, signal);
  let planned = planWith(sight, evidence);
  let slot: Slot | undefined;
  const release = () => {
    slot?.[Symbol.dispose]();
    slot = undefined;
  };
  try {
    while (planned.plan.kind === 'Inspect') {
      const { room: recipient, disks } = planned.plan;
      if (resource.paused !== undefined) return { kind: 'Paused', planned, recipient };
      if (slot === undefined && resource.settings.mode === 'Automatic') {
        slot = enter(sight, planned, recipient);
        if (slot === undefined) return { kind: 'Queued', planned, recipient };
      }
      const more = await gatherEvidence(sight, planned.plan, observation, evidence, signal);
      const learnt = more.disks.size + more.rooms.size - evidence.disks.size - evidence.rooms.size;
      if (learnt === 0) return { kind: 'Uninspected', planned, recipient, disks };
      evidence = more;
      planned = planWith(sight, evidence);
    }
    const { plan } = planned;
    if (plan.kind !== 'Pull') return { kind: 'Say', planned, plan };
    const { intent } = plan;
    if (slot?.donor !== intent.donor || slot.recipient !== intent.recipient) {
      release();
      slot = enter(sight, planned, intent.recipient);
    }
    if (slot === undefined) return { kind: 'Queued', planned, recipient: intent.recipient };
    const handedOver = slot;
    slot = undefined;
    return { kind: 'Pull', planned, intent, slot: handedOver };
  } finally {
    release();
  }
}

function enter({ key, resource }: Sight, { replicas }: Planned, recipient: SafekeeperId): Slot | undefined {
  const witnesses = witnessesOf(replicas);
  const donor = chooseDonor(witnesses);
  if (donor === undefined) return undefined;
  return resource.cluster.admission.tryEnter(key, recipient, donor.id, {
    presentReplicas: witnesses.length,
    computeConnected: witnesses.some(({ status }) => status.compute !== 'None'),
  });
}
