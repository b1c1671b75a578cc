import type { Clock } from '../base/clock.ts';
import type { Semaphore } from '../base/concurrency.ts';
import { describeError, Failure } from '../base/failure.ts';
import type { Logger } from '../base/log.ts';
import { explainDiskFailures } from '../disk/disk-failure.ts';
import { formatTenantTimelineId, type SafekeeperId } from '../domain/ids.ts';
import type { OwnershipEvidence } from '../domain/observation.ts';
import type { RecoveryIntent } from '../domain/recovery-intent.ts';
import { INITIAL_TERM, maxTerm, type Term } from '../domain/term.ts';
import { type ConfirmedRecovery, OwnRecovery } from '../recovery/own-recovery.ts';
import type { Peers } from '../recovery/peers.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import { pullFrom } from '../transfer/pull.ts';
import type { Timeline } from '../transfer/timeline.ts';
import type { TimelineMap } from '../transfer/timeline-map.ts';
import type { TransferRegistry } from '../transfer/transfer-progress.ts';
import type { KnownTimeline } from './inventory.ts';
import type { TimelineOutcome } from './outcome.ts';
import { mayBeHollow, missingSegments, ownStatus } from './own-replica.ts';
import { setAside } from './quarantine.ts';
import type { Room, UnreservedRoom } from './room.ts';

/** What all restores of one run share. */
export interface RestoreContext {
  readonly map: TimelineMap;
  readonly peers: Peers;
  readonly declared: readonly SafekeeperId[] | undefined;
  readonly replaceHollow: boolean;
  /** Monotonic ms since when the data directory has been locked. */
  readonly sinceMs: number;
  readonly unknownTimeoutMs: number;
  readonly attemptsMax: number;
  readonly stallTimeoutMs: number;
  readonly readOwnership: (id: KnownTimeline, signal: AbortSignal) => Promise<OwnershipEvidence | 'NotConfigured'>;
  readonly room: Room;
  /** How many copies a donor sends at once. */
  readonly permitsOf: (donor: SafekeeperId) => Semaphore;
  /** What replicas in quarantine have voted in. */
  readonly quarantinedTerms: ReadonlyMap<string, Term>;
  readonly transfers: TransferRegistry;
  readonly remoteStorage: RemoteStorage | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Where a timeline's restore stands after a step. */
export type Step =
  | { readonly kind: 'Ended'; readonly outcome: TimelineOutcome }
  /** Not now; monotonic ms. */
  | { readonly kind: 'Later'; readonly atMs: number; readonly reason: string; readonly message: string };

const RETRY_FIRST_MS = 1_000;
const RETRY_MAX_MS = 30_000;
const PLAN_ANEW_MS = 500;
const PLANS_DISCARDED_MAX = 20;
const ROOM_RECHECK_MS = 1_000;
const ASK_AGAIN_MS = 5_000;
/** Nothing can be written any more, or only by chance: no other timeline fares better. */
const DISK_REASONS: ReadonlySet<string> = new Set(['DiskFull', 'DiskFailed']);

/** The restore of one timeline, step by step until it has ended. */
export class TimelineRestore {
  readonly known: KnownTimeline;
  private readonly context: RestoreContext;
  private readonly recovery: OwnRecovery;
  /** Where a hollow replica has been moved to. */
  private setAside: string | undefined;
  /** As it was when it was last decided on. */
  private measured: UnreservedRoom | undefined;
  private unansweredSinceMs: number | undefined;
  private failures = 0;
  private discarded = 0;

  constructor(context: RestoreContext, known: KnownTimeline) {
    const { map, peers, declared, sinceMs, unknownTimeoutMs, readOwnership, room, clock } = context;
    this.context = context;
    this.known = known;
    this.recovery = new OwnRecovery({
      timeline: known,
      ownId: map.safekeeperId,
      peers,
      listedBy: known.listedBy,
      declared,
      sinceMs,
      unknownTimeoutMs,
      ownTerm: maxTerm(
        this.present()?.controlFile.term ?? INITIAL_TERM,
        context.quarantinedTerms.get(formatTenantTimelineId(known)) ?? INITIAL_TERM,
      ),
      measureRoom: async () => (this.measured = await room.measure()),
      readOwnership: (signal) => readOwnership(known, signal),
      clock,
    });
  }

  /** Throws for the signal, and a Failure `DiskFull` or `DiskFailed`: the whole run is over then. */
  async step(signal: AbortSignal): Promise<Step> {
    const { map, replaceHollow } = this.context;
    const unloaded = map.unloaded.find(({ id }) => formatTenantTimelineId(id) === formatTenantTimelineId(this.known));
    if (unloaded !== undefined) {
      const message = `It lies on the disk but cannot be loaded (${unloaded.problem}): nothing overwrites it; inspect that directory and move it away.`;
      return ended({ kind: 'Refused', reason: 'ReplicaCorrupt', message });
    }
    const present = this.present();
    if (present !== undefined) {
      const problem = await this.whatIsWrongWith(present, signal);
      if (problem === undefined) return ended({ kind: 'Kept' });
      if (problem.reason === 'WaitingForWitnesses') return this.waitForAnswers(problem.message);
      if (problem.reason !== 'ReplicaHollow' || !replaceHollow) return ended({ kind: 'Refused', ...problem });
    }
    const decision = await this.recovery.decide(signal);
    switch (decision.kind) {
      case 'NotMember':
        if (!this.known.isNamed) return ended({ kind: 'NotOurs' });
        return ended({ kind: 'Refused', reason: 'NotAMember', message: decision.message });
      case 'Wait':
        return { kind: 'Later', atMs: decision.untilMs, reason: decision.reason, message: decision.message };
      case 'Refused':
        if (decision.reason !== 'RecipientDiskFull' || !this.measured?.reservedBytes) return ended(decision);
        // Others have reserved some of it, which may be given back.
        return this.waitForRoom(decision.message);
      case 'Act':
        return await this.act(decision.intent, signal);
    }
  }

  private present(): Timeline | undefined {
    const lookup = this.context.map.find(this.known);
    return lookup.kind === 'Present' ? lookup.timeline : undefined;
  }

  /** Of a replica that is there. Peers are only asked for what they have told of it when all timelines were listed. */
  private async whatIsWrongWith(
    present: Timeline,
    signal: AbortSignal,
  ): Promise<{ readonly reason: string; readonly message: string } | undefined> {
    const { map } = this.context;
    if (mayBeHollow(present, this.known)) {
      const hollow = await this.recovery.hollowness(ownStatus(present), signal);
      if (hollow.kind === 'Hollow') {
        const message = `It is hollow: ${hollow.message}; --replace-hollow moves it to quarantine and restores it.`;
        return { reason: 'ReplicaHollow', message };
      }
      if (hollow.kind === 'Unknown') {
        const message = 'It is there, but no peer that may know more than it answers, so that it may be hollow.';
        return { reason: 'WaitingForWitnesses', message };
      }
    }
    const [missing] = await explainDiskFailures('the data directory cannot be read', () =>
      missingSegments(map.files, present),
    );
    if (missing === undefined) return undefined;
    const message = `WAL files are missing, ${missing} first: nothing overwrites it; move that directory away to have it restored.`;
    return { reason: 'ReplicaDamaged', message };
  }

  /** Whoever may know more is waited for; in the end it cannot be said that the replica is whole. */
  private waitForAnswers(message: string): Step {
    const { clock, unknownTimeoutMs } = this.context;
    this.unansweredSinceMs ??= clock.monotonicMs();
    if (clock.monotonicMs() - this.unansweredSinceMs >= unknownTimeoutMs) {
      return ended({ kind: 'Refused', reason: 'WaitingForWitnesses', message });
    }
    return this.later(ASK_AGAIN_MS, 'WaitingForWitnesses', message);
  }

  private waitForRoom(message: string): Step {
    return this.later(ROOM_RECHECK_MS, 'RecipientDiskFull', message);
  }

  private async act(intent: RecoveryIntent, signal: AbortSignal): Promise<Step> {
    const { permitsOf, room } = this.context;
    // First: whoever looks for room meanwhile must know of it.
    using reserved = await room.reserve(intent.snapshotSizeBytes);
    if (reserved === undefined) return this.waitForRoom('Waiting for the room that other restores have reserved.');
    using _permit = await permitsOf(intent.donor).acquire(signal);
    const confirmed = await this.recovery.confirm(intent, signal);
    if (confirmed.kind === 'Discarded') return this.discard(confirmed.message);
    // Fences make terms equal, so that the last look may choose another one of the most advanced.
    const isPlanned = confirmed.donor.id === intent.donor;
    using otherPermit = isPlanned ? undefined : permitsOf(confirmed.donor.id).tryAcquire();
    if (!isPlanned && otherPermit === undefined) return this.discard('another donor has no time');
    try {
      return ended(await explainDiskFailures('the timeline cannot be written', () => this.pull(confirmed, signal)));
    } catch (error) {
      signal.throwIfAborted();
      return this.retry(confirmed, error);
    }
  }

  private async pull(confirmed: ConfirmedRecovery, signal: AbortSignal): Promise<TimelineOutcome> {
    const { map, transfers, stallTimeoutMs, remoteStorage } = this.context;
    const { donor, donorStatus, floor, expected, membership, fencing } = confirmed;
    if (this.present() !== undefined) this.setAside = await setAside(map, this.known);
    const id = { tenantId: this.known.tenantId, timelineId: this.known.timelineId };
    const promise = {
      id,
      donor: donor.url,
      recipient: map.safekeeperId,
      remoteStorage,
      server: donorStatus.server,
      ...expected,
      termFloor: floor,
      membership,
    };
    const peer = { host: donor.url, client: donor.client, status: donorStatus };
    const rule = { generation: membership?.generation, ignore: false };
    await pullFrom(map, peer, promise, rule, { transfers, stallTimeoutMs }, signal);
    const { flushLsn } = map.get(id);
    return { kind: 'Restored', donor: donor.id, fencing, flushLsn, setAside: this.setAside };
  }

  private discard(message: string): Step {
    if (++this.discarded >= PLANS_DISCARDED_MAX) {
      return ended({
        kind: 'Failed',
        reason: 'RecoveryKeepsFailing',
        message: `The members keep changing: ${message}.`,
      });
    }
    return this.later(PLAN_ANEW_MS, 'WaitingForWitnesses', message);
  }

  /** What another attempt may mend is tried again after a while, ever longer. */
  private retry({ donor, donorStatus }: ConfirmedRecovery, error: unknown): Step {
    const { reason, retry } = error instanceof Failure ? error : { reason: 'RecoveryFailed', retry: 'backoff' };
    if (DISK_REASONS.has(reason)) throw error;
    const atBoundary =
      reason === 'SnapshotBroken' && donorStatus.flushLsn % BigInt(donorStatus.server.walSegmentSize) === 0n
        ? ' (its WAL ends exactly on a segment boundary, which a safekeeper cannot send: write one more record on the compute)'
        : '';
    const kept = this.setAside === undefined ? '' : `; what was here before is in ${this.setAside}`;
    const message = `Copying from safekeeper ${donor.id} failed: ${describeError(error)}${atBoundary}${kept}`;
    if (retry !== 'backoff') return ended({ kind: 'Refused', reason, message });
    if (++this.failures >= this.context.attemptsMax) return ended({ kind: 'Failed', reason, message });
    return this.later(Math.min(RETRY_FIRST_MS * 2 ** (this.failures - 1), RETRY_MAX_MS), reason, message);
  }

  private later(afterMs: number, reason: string, message: string): Step {
    return { kind: 'Later', atMs: this.context.clock.monotonicMs() + afterMs, reason, message };
  }
}

function ended(outcome: TimelineOutcome): Step {
  return { kind: 'Ended', outcome };
}
