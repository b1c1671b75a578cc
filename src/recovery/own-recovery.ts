import { assert, assertNever } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { LogEnd } from '../domain/log-position.ts';
import type { Membership } from '../domain/membership.ts';
import {
  type Answer,
  hasAnswered,
  type Evidence,
  NO_EVIDENCE,
  type Observation,
  type OwnershipEvidence,
  type ReplicaStatus,
  type RoomEvidence,
} from '../domain/observation.ts';
import type { BlockedReason, Plan, WaitReason } from '../domain/plan.ts';
import { confirmIntent } from '../domain/recovery-confirm.ts';
import { type Fencing, membershipToSend, type RecoveryIntent } from '../domain/recovery-intent.ts';
import { type MemberSources, resolveMembers } from '../domain/recovery-members.ts';
import { EMPTY_MEMORY, type RecoveryMemory, remember } from '../domain/recovery-memory.ts';
import { type Planned, planRecovery } from '../domain/recovery-plan.ts';
import { RECHECK_MS } from '../domain/recovery-rules.ts';
import { judgeReplicas } from '../domain/replica-state.ts';
import { maxTerm, type Term } from '../domain/term.ts';
import type { TimelineStatus } from '../safekeeper/api.ts';
import { KnownDisks } from './known-disks.ts';
import { describeUnheard, type Peer, type Peers } from './peers.ts';
import { prepareWitnesses } from './prepare-witnesses.ts';
import { readInOrder, readReplicas, type ReplicaSource } from './read-replicas.ts';
import { explainRefusal } from './refusals.ts';
import { toReplicaStatus } from './replica-status.ts';

export interface OwnRecoveryOptions {
  readonly timeline: TenantTimelineId;
  /** Whose data directory is locked, and does not have the timeline. */
  readonly ownId: SafekeeperId;
  readonly peers: Peers;
  /** Peers that are known to have the timeline; whoever else is a member is asked as soon as that is known. */
  readonly listedBy?: readonly SafekeeperId[];
  /** Who the members are when the replicas have no configuration; otherwise all peers and we, if we are three (rule R10). */
  readonly declared: readonly SafekeeperId[] | undefined;
  /** Monotonic ms since when the data directory has been locked: what a fence by grace counts from (rule R4). */
  readonly sinceMs: number;
  /** How long members that do not answer, and what else must change by itself, are waited for. */
  readonly unknownTimeoutMs: number;
  /** Of a replica that was here and was set aside: what it voted in counts (rule R8). Otherwise 0. */
  readonly ownTerm: Term;
  /** Of our own disk (rule R16). */
  readonly measureRoom: () => Promise<RoomEvidence>;
  /** Whether the storage controller still names the timeline here (rule R17). */
  readonly readOwnership: (signal: AbortSignal) => Promise<OwnershipEvidence | 'NotConfigured'>;
  readonly clock: Clock;
}

/** What the rules say of restoring our own replica now. Messages are one sentence for people. */
export type OwnDecision =
  /** To be confirmed immediately before it is carried out. */
  | { readonly kind: 'Act'; readonly intent: RecoveryIntent }
  | { readonly kind: 'Wait'; readonly reason: WaitReason; readonly message: string; readonly untilMs: number }
  /** The timeline is none of ours. */
  | { readonly kind: 'NotMember'; readonly message: string }
  | { readonly kind: 'Refused'; readonly reason: RefusalReason; readonly message: string };

/** What a person has to change, or what was waited for in vain. */
export type RefusalReason = BlockedReason | Exclude<WaitReason, 'GracePeriod'>;

/** A recovery that may be carried out now: everything was read again, milliseconds ago. */
export interface ConfirmedRecovery {
  readonly kind: 'Confirmed';
  readonly donor: Peer;
  readonly donorStatus: TimelineStatus;
  /** The highest term that anybody is known to have voted in: the control file must get at least this one (rule R3). */
  readonly floor: Term;
  /** The least that the replica's log must hold. */
  readonly expected: LogEnd;
  /** The configuration to install; undefined keeps the donor's (rule R10). */
  readonly membership: Membership | undefined;
  readonly fencing: Fencing;
}

/** What peers say of a replica that is there; `Unknown` when none of them answers. */
export type Hollowness = { readonly kind: 'Whole' | 'Unknown' } | { readonly kind: 'Hollow'; readonly message: string };

/**
 * The recovery of one replica by its own safekeeper, which is not running, by the operator's rules: `planRecovery` decides
 * and `confirmIntent` has the last word. The policy is the operator's default: every member is waited for, fences are by
 * terms where no compute is connected. What was seen is remembered from one decision to the next.
 */
export class OwnRecovery {
  private readonly options: OwnRecoveryOptions;
  private readonly source: ReplicaSource;
  private memory: RecoveryMemory;
  private waitingSinceMs: number | undefined;
  /** Who was worth asking last time. */
  private members: readonly SafekeeperId[] | undefined;
  private readonly disks: KnownDisks;
  private readonly statuses = new Map<SafekeeperId, TimelineStatus>();

  constructor(options: OwnRecoveryOptions) {
    const { timeline, ownId, sinceMs, clock, peers } = options;
    this.options = options;
    this.disks = new KnownDisks(timeline);
    const lost = { id: ownId, startedMs: sinceMs, finishedMs: sinceMs, answer: { kind: 'NotFound' as const } };
    // Nobody else has been read: that is no round to compare with.
    this.memory = { ...remember(EMPTY_MEMORY, new Map([[ownId, lost]]), sinceMs), rounds: [] };
    this.source = {
      clock,
      ask: (id, signal) => this.ask(id, signal),
      identify: async (id, signal) => {
        const peer = peers.get(id);
        return peer && { id: (await peer.identity.get(signal)).id, url: peer.url };
      },
    };
  }

  /** One round of reads, and what follows from them. Throws only for the signal. */
  async decide(signal: AbortSignal): Promise<OwnDecision> {
    const { clock, readOwnership, ownId } = this.options;
    const observation = await this.observe(signal);
    this.memory = remember(this.memory, observation, clock.monotonicMs());
    const ownership = await readOwnership(signal);
    let evidence: Evidence = {
      disks: this.disks.unmoved(observation),
      rooms: new Map(),
      ownership: ownership === 'NotConfigured' ? ownership : new Map([[ownId, ownership]]),
    };
    let planned = this.plan(observation, evidence);
    while (planned.plan.kind === 'Inspect') {
      const more = await this.inspect(planned.plan, observation, evidence, signal);
      if (more.disks.size + more.rooms.size === evidence.disks.size + evidence.rooms.size) {
        return this.wait('WaitingForWitnesses', 'Waiting for safekeepers that do not tell what is on their disks.');
      }
      evidence = more;
      planned = this.plan(observation, evidence);
    }
    return this.conclude(planned, observation);
  }

  /**
   * Fences as the intent says, reads everybody again and has the domain decide whether the plan still stands (rules R4,
   * R11). To be carried out at once when it does. Throws only for the signal.
   */
  async confirm(
    intent: RecoveryIntent,
    signal: AbortSignal,
  ): Promise<ConfirmedRecovery | { readonly kind: 'Discarded'; readonly message: string }> {
    const { peers, timeline, ownId, ownTerm } = this.options;
    await prepareWitnesses(intent, timeline, (id) => peers.get(id)?.client, signal);
    const others = intent.members.all.filter((id) => id !== ownId);
    const reads = await readInOrder(this.source, ownId, others, signal);
    const recheck = { reads, evidence: { disks: this.disks.all }, recorded: new Map(), sources: this.sources() };
    const confirmation = confirmIntent(intent, recheck);
    if (confirmation.kind === 'Discarded') return confirmation;
    const donor = peers.get(confirmation.donor.id);
    const donorStatus = this.statuses.get(confirmation.donor.id);
    assert(donor !== undefined && donorStatus !== undefined, 'a donor is a peer that was read');
    return {
      kind: 'Confirmed',
      donor,
      donorStatus,
      floor: maxTerm(confirmation.floor, ownTerm),
      expected: confirmation.expected,
      membership: membershipToSend(intent),
      fencing: intent.fencing,
    };
  }

  /** Whether a replica of our own, whose status is `own`, is hollow by what its peers say now (rule R8). */
  async hollowness(own: ReplicaStatus, signal: AbortSignal): Promise<Hollowness> {
    const { ownId } = this.options;
    const observation = new Map(await this.observe(signal));
    const isAnybodyThere = [...observation.values()].some(({ id, answer }) => id !== ownId && hasAnswered(answer));
    const nowMs = this.options.clock.monotonicMs();
    observation.set(ownId, { id: ownId, startedMs: nowMs, finishedMs: nowMs, answer: { kind: 'Status', status: own } });
    const replicas = judgeReplicas([...observation.keys()], observation, new Map(), NO_EVIDENCE);
    const judged = replicas.find(({ id }) => id === ownId);
    if (judged?.state === 'Hollow') return { kind: 'Hollow', message: judged.message };
    return isAnybodyThere ? { kind: 'Whole' } : { kind: 'Unknown' };
  }

  /** Who is known to have it; all of them again with the others, should more turn out to be members. */
  private async observe(signal: AbortSignal): Promise<Observation> {
    const { peers, ownId, listedBy = [], declared = [] } = this.options;
    const hinted = [...listedBy, ...declared];
    const everybody = peers.known.map(({ id }) => id);
    const first = this.members ?? (hinted.length > 0 ? hinted : everybody);
    const observation = await readReplicas(this.source, [...new Set([ownId, ...first])], signal);
    const resolution = resolveMembers(observation, this.sources());
    const named = 'members' in resolution ? resolution.members.all : [];
    // Somebody else may know a newer configuration, of which we are a member.
    const members = named.includes(ownId) ? named : [...named, ...everybody];
    this.members = [...new Set([...first, ...members])];
    if (members.every((id) => observation.has(id))) return observation;
    return await readReplicas(this.source, [...new Set([ownId, ...this.members])], signal);
  }

  private async ask(id: SafekeeperId, signal: AbortSignal): Promise<Answer> {
    const { ownId, peers, timeline } = this.options;
    if (id === ownId) return { kind: 'NotFound' };
    const peer = peers.get(id);
    if (peer === undefined) {
      const problem = peers.silent.length > 0 ? 'no peer has answered with this id yet' : 'it is not among the peers';
      return { kind: 'Unreachable', problem };
    }
    const answer = await peer.client.timelineStatus(timeline, signal);
    signal.throwIfAborted();
    if (answer.kind !== 'Status') return answer;
    this.statuses.set(id, answer.status);
    return { kind: 'Status', status: toReplicaStatus(answer.status) };
  }

  private plan(observation: Observation, evidence: Evidence): Planned {
    const { ownId, ownTerm, unknownTimeoutMs, clock } = this.options;
    return planRecovery({
      observation,
      evidence,
      memory: this.memory,
      recorded: new Map(),
      sources: this.sources(),
      // The grace period is the least that the rules allow: this command runs because the replica is known to be gone.
      policy: { mode: 'Automatic', gracePeriodMs: 0, witnesses: 'All', unknownTimeoutMs, fencing: 'WhenIdle' },
      decisions: { approved: undefined, forced: undefined },
      failed: undefined,
      fencedTerm: ownTerm,
      ownRecipient: ownId,
      brake: undefined,
      nowMs: clock.monotonicMs(),
    });
  }

  private sources(): MemberSources {
    const { declared, peers } = this.options;
    return { declared, cluster: peers.everybody };
  }

  private conclude({ plan, members, replicas }: Planned, observation: Observation): OwnDecision {
    const { ownId, peers } = this.options;
    if (members !== undefined && !members.all.includes(ownId)) {
      const message = `Safekeeper ${ownId} is not among the timeline's members (${members.all.join(', ')})`;
      const unheard = describeUnheard(peers, observation);
      if (unheard.length === 0) return { kind: 'NotMember', message: `${message}.` };
      const problem = `${message}, unless a peer that does not answer knows newer ones: ${unheard.join('; ')}.`;
      return this.wait('WaitingForWitnesses', problem);
    }
    switch (plan.kind) {
      case 'Pull':
        assert(plan.intent.recipient === ownId, 'only our own replica is planned for');
        return { kind: 'Act', intent: plan.intent };
      case 'Wait':
        return this.wait(plan.reason, plan.message, plan);
      case 'Blocked':
        if (plan.reason === 'MembersUnknown' && peers.silent.length > 0) {
          return this.wait('WaitingForWitnesses', 'Waiting for the ids of all peers, to know who the members are.');
        }
        return { kind: 'Refused', reason: plan.reason, message: explainRefusal(plan, replicas) };
      case 'Settled':
      case 'Inspect':
      case 'Propose':
        return this.wait('WaitingForWitnesses', 'Waiting for the members to be seen in one state.');
      default:
        return assertNever(plan);
    }
  }

  /** What lasts too long is not waited for any more; the grace period ends by itself. */
  private wait(reason: WaitReason, message: string, plan?: Extract<Plan, { kind: 'Wait' }>): OwnDecision {
    const nowMs = this.options.clock.monotonicMs();
    if (reason === 'GracePeriod') {
      this.waitingSinceMs = undefined;
      return { kind: 'Wait', reason, message, untilMs: plan?.untilMs ?? nowMs + RECHECK_MS };
    }
    this.waitingSinceMs ??= nowMs;
    const giveUpMs = this.waitingSinceMs + this.options.unknownTimeoutMs;
    if (nowMs >= giveUpMs || plan?.stalled !== undefined) return { kind: 'Refused', reason, message };
    const untilMs = Math.min(plan?.untilMs ?? Infinity, nowMs + RECHECK_MS, giveUpMs);
    return { kind: 'Wait', reason, message, untilMs };
  }

  /** Asks what the plan wants to know (rules R13, R16). Who cannot be asked gives no evidence. */
  private async inspect(
    wanted: Extract<Plan, { kind: 'Inspect' }>,
    observation: Observation,
    known: Evidence,
    signal: AbortSignal,
  ): Promise<Evidence> {
    const rooms = new Map(known.rooms);
    const lookAt = async (id: SafekeeperId) => {
      const peer = this.options.peers.get(id);
      if (peer !== undefined) await this.disks.look(peer, observation, signal);
    };
    const measure = async () => void rooms.set(wanted.room, await this.options.measureRoom());
    await Promise.all([...wanted.disks.map(lookAt), measure()]);
    return { ...known, disks: this.disks.unmoved(observation), rooms };
  }
}
