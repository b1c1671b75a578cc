import { bounds } from '../../api/bounds.ts';
import { annotations } from '../../api/names.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { SafekeeperTimelineStatus } from '../../api/timeline-status.ts';
import type { Decisions, Plan } from '../../domain/plan.ts';
import type { Proposal } from '../../domain/recovery-intent.ts';
import { cut } from '../text.ts';

type Handled = Pick<
  SafekeeperTimelineStatus,
  'lastHandledApprove' | 'lastHandledForceDonor' | 'lastHandledReconcileAt'
>;

/**
 * A person's word that still counts. Annotations stay where they are (Git would put them back), so a value that was
 * acted on or refused once must not approve the next loss that looks the same.
 */
export function pendingDecisions(object: SafekeeperTimeline, before: SafekeeperTimelineStatus): Decisions {
  const pending = (name: string, handled: string | undefined) => {
    const value = valueOf(object, name);
    return value === handled ? undefined : value;
  };
  return {
    approved: pending(annotations.approve, before.lastHandledApprove),
    forced: pending(annotations.forceDonor, before.lastHandledForceDonor),
  };
}

/** What the status remembers of the annotations after a visit that came to `plan`, if it came to one. */
export function handledDecisions(
  object: SafekeeperTimeline,
  before: SafekeeperTimelineStatus,
  plan: Plan | undefined,
): Handled {
  // Nothing is left to decide, or it still waits for a person although there is a value: then that one was refused.
  const decided =
    plan?.kind === 'Settled' || ((plan?.kind === 'Propose' || plan?.kind === 'Blocked') && plan.proposal !== undefined);
  const handled = (name: string, earlier: string | undefined) => {
    const value = valueOf(object, name);
    return value === undefined || decided ? value : earlier;
  };
  return {
    lastHandledApprove: handled(annotations.approve, before.lastHandledApprove),
    lastHandledForceDonor: handled(annotations.forceDonor, before.lastHandledForceDonor),
    lastHandledReconcileAt: valueOf(object, annotations.reconcileAt),
  };
}

/** Why the annotation that is there does not run `proposal`; empty when there is none. */
export function explainRefusal(object: SafekeeperTimeline, proposal: Proposal): string {
  const name = proposal.forced ? annotations.forceDonor : annotations.approve;
  const value = valueOf(object, name);
  if (value === undefined) return '';
  return value === proposal.id
    ? ` The annotation was handled already: remove it and set it again to decide anew.`
    : ` The annotation ${name}: "${value}" stands for another proposal and was refused.`;
}

function valueOf({ metadata }: SafekeeperTimeline, name: string): string | undefined {
  const value = metadata.annotations?.[name];
  return value === undefined ? undefined : cut(value, bounds.handledValueLengthMax);
}
