import { annotations, TIMELINE_RESOURCE } from '../../api/names.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { ProposalEntry, SafekeeperTimelineStatus } from '../../api/timeline-status.ts';
import type { Clock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { limits } from '../../base/limits.ts';
import { isApiError } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { refused } from '../errors.ts';
import { findTimeline } from './find-one.ts';

/** A way to decide on a proposal. */
export interface Decision {
  readonly verb: 'approve' | 'force-donor';
  readonly annotation: string;
  readonly handled: (status: SafekeeperTimelineStatus) => string | undefined;
}

export const APPROVE: Decision = {
  verb: 'approve',
  annotation: annotations.approve,
  handled: ({ lastHandledApprove }) => lastHandledApprove,
};

export const FORCE_DONOR: Decision = {
  verb: 'force-donor',
  annotation: annotations.forceDonor,
  handled: ({ lastHandledForceDonor }) => lastHandledForceDonor,
};

export interface OpenProposal {
  readonly timeline: SafekeeperTimeline;
  readonly proposal: ProposalEntry;
}

/** Writes of others between our reading and writing. */
const ATTEMPTS_MAX = 10;
const POLL_MS = 500;

/**
 * The open proposal of a timeline that `decision` can decide; with `id`, that one only. Throws a Failure `Refused` where
 * there is none, `NotFound` or `BadUsage`.
 */
export async function openProposal(
  client: KubeClient,
  namespace: string,
  name: string,
  decision: Decision,
  id: string | undefined,
  signal: AbortSignal,
): Promise<OpenProposal> {
  const timeline = await findTimeline(client, namespace, name, signal);
  const { proposal, message = 'nobody has looked at it yet' } = timeline.status ?? {};
  const what = `timeline ${timeline.metadata.name}`;
  if (proposal === undefined) throw refused(`${what} has no open proposal. Its status: ${message}`);
  if (proposal.forced && decision.verb === 'approve') {
    throw refused(`the proposal for ${what} may lose WAL, so an approval is not enough: see force-donor --help`);
  }
  if (!proposal.forced && decision.verb === 'force-donor') {
    throw refused(`the proposal for ${what} is safe, nothing needs to be forced: approve it`);
  }
  if (id !== undefined && id !== proposal.id) {
    throw refused(`the open proposal for ${what} is ${proposal.id}, not ${id}: look at it, then decide again`);
  }
  return { timeline, proposal };
}

/**
 * Writes the decision, for exactly the proposal that was shown: the object may have changed since, the proposal and what
 * it costs may not. True when it was written, false when it stands there already and waits for the operator. Throws a
 * Failure `Refused` when the proposal changed.
 */
export async function decide(
  client: KubeClient,
  shown: OpenProposal,
  decision: Decision,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const { id } = shown.proposal;
  const deadlineMs = clock.monotonicMs() + limits.noticeTimeoutMs;
  let { timeline } = shown;
  for (let attempt = 1; ; ) {
    const status = timeline.status ?? {};
    const written = timeline.metadata.annotations?.[decision.annotation];
    const isHandled = decision.handled(status) === id;
    if (written === id && !isHandled) return false;
    // The operator remembers what it handled until the annotation is gone: only then the same id counts anew.
    if (isHandled && written === undefined) {
      if (clock.monotonicMs() >= deadlineMs) throw unnoticed(timeline);
      await clock.sleep(POLL_MS, signal);
      timeline = await readAgain(client, shown, signal);
      continue;
    }
    try {
      const value = isHandled ? null : id;
      timeline = await annotate(client, timeline, decision.annotation, value, signal);
      if (!isHandled) return true;
    } catch (error) {
      if (!isApiError(error, 'Conflict') || ++attempt > ATTEMPTS_MAX) throw error;
      timeline = await readAgain(client, shown, signal);
    }
  }
}

/** Conditional on the object being as it was read, status included. */
function annotate(
  client: KubeClient,
  { metadata }: SafekeeperTimeline,
  name: string,
  value: string | null,
  signal: AbortSignal,
): Promise<SafekeeperTimeline> {
  const { uid, resourceVersion } = metadata;
  const patch = { metadata: { uid, resourceVersion, annotations: { [name]: value } } };
  return client.mergePatch<SafekeeperTimeline>(TIMELINE_RESOURCE, metadata, patch, signal);
}

async function readAgain(client: KubeClient, shown: OpenProposal, signal: AbortSignal): Promise<SafekeeperTimeline> {
  const { name, uid } = shown.timeline.metadata;
  const timeline = await client.get<SafekeeperTimeline>(TIMELINE_RESOURCE, shown.timeline.metadata, signal);
  const { proposal } = timeline.status ?? {};
  const what = `the proposal for timeline ${name} changed meanwhile`;
  if (timeline.metadata.uid !== uid) throw refused(`timeline ${name} was deleted and made anew meanwhile`);
  if (proposal === undefined) throw refused(`${what}: there is none any more. Nothing was written`);
  if (proposal.id !== shown.proposal.id || proposal.walLostBytes !== shown.proposal.walLostBytes) {
    throw refused(`${what}: it is ${proposal.id} now. Nothing was decided: look at it, then decide again`);
  }
  return timeline;
}

function unnoticed({ metadata }: SafekeeperTimeline): Failure {
  return new Failure(
    'DeadlineExceeded',
    `this proposal for timeline ${metadata.name} was decided once before, and the operator has not taken notice of ` +
      `that being withdrawn within ${limits.noticeTimeoutMs / 1_000} s: is it running? Then decide again`,
  );
}
