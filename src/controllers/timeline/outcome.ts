import { annotations } from '../../api/names.ts';
import { assertNever } from '../../base/assert.ts';
import type { Outcome } from '../../domain/conditions.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Replica } from '../../domain/replica-state.ts';
import type { ClusterRuntime } from '../cluster/cluster-runtime.ts';
import { explainRefusal } from './decisions.ts';
import type { Decision, Sight } from './plan.ts';
import type { RecoveryTask } from './recovery-task.ts';

const INSPECT_AGAIN_MS = 5_000;

/** What people are told of a decision that starts nothing. */
export function outcomeOf(sight: Sight, decision: Exclude<Decision, { kind: 'Pull' }>): Outcome {
  switch (decision.kind) {
    case 'Say':
      return outcomeOfPlan(sight, decision.plan, decision.planned.replicas);
    case 'Queued':
      return {
        kind: 'Queued',
        message: `Restoring safekeeper ${decision.recipient} waits until others have finished.`,
      };
    case 'Paused':
      return {
        kind: 'Queued',
        message: `Safekeeper ${decision.recipient} lost its replica, which is not restored while recovery is paused.`,
      };
    case 'Uninspected':
      return uninspected(sight, decision);
    default:
      return assertNever(decision);
  }
}

/** What people are told while a recovery runs. */
export function underWay({ phase, donor, intent }: Pick<RecoveryTask, 'phase' | 'donor' | 'intent'>): Outcome {
  const { recipient, forced } = intent;
  const doing = phase === 'Pulling' ? 'Restoring' : 'Verifying';
  const why = forced ? `, as forced by the annotation ${annotations.forceDonor}` : '';
  return { kind: phase, message: `${doing} safekeeper ${recipient} from safekeeper ${donor}${why}.` };
}

function outcomeOfPlan(
  { resource }: Sight,
  plan: Exclude<Plan, { kind: 'Inspect' | 'Pull' }>,
  replicas: readonly Replica[],
): Outcome {
  switch (plan.kind) {
    case 'Settled':
      return plan;
    case 'Wait':
      return (plan.reason === 'WaitingForWitnesses' ? untrusted(resource.cluster, replicas) : undefined) ?? plan;
    case 'Propose':
    case 'Blocked':
      return plan.proposal === undefined
        ? plan
        : { ...plan, message: plan.message + explainRefusal(resource.object, plan.proposal) };
    default:
      return assertNever(plan);
  }
}

/** Waiting helps nothing when a member cannot be used because of how the cluster is set up. */
function untrusted({ inventory }: ClusterRuntime, replicas: readonly Replica[]): Outcome | undefined {
  for (const { id, state } of replicas) {
    const view = inventory.views.get(id);
    if (view === undefined || (state !== 'Unknown' && state !== 'Unreachable')) continue;
    if (view.state.kind === 'IdConflict') {
      const message = `${view.state.problem}, so safekeeper ${id} is not used: correct spec.safekeepers of the cluster.`;
      return { kind: 'Problem', reason: 'SafekeeperIdConflict', message };
    }
    if (view.state.kind === 'Refused') {
      const message = `Safekeeper ${id} refuses the operator's credentials: ${view.state.problem}.`;
      return { kind: 'Problem', reason: 'CredentialsInvalid', message };
    }
  }
  return undefined;
}

function uninspected(
  { tracking, resource, clock }: Sight,
  { recipient, disks }: Extract<Decision, { kind: 'Uninspected' }>,
): Outcome {
  const sinceMs = tracking.uninspectedSinceMs ?? clock.monotonicMs();
  const timedOut = clock.monotonicMs() - sinceMs >= resource.settings.unknownTimeoutMs;
  const whose = disks.length === 0 ? `safekeeper ${recipient}` : `safekeeper ${disks.join(' and ')}`;
  return {
    kind: 'Wait',
    reason: 'WaitingForWitnesses',
    ready: 'ReplicaLost',
    stalled: timedOut ? 'ReplicaUnreachable' : undefined,
    untilMs: clock.monotonicMs() + INSPECT_AGAIN_MS,
    message: `Safekeeper ${recipient} lost its replica; it is restored once ${whose} shows what is on its disk.`,
  };
}
