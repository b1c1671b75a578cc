import { describeError, Failure } from '../base/failure.ts';
import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import { INVALID_LSN, type Lsn, maxLsn } from '../domain/lsn.ts';
import { isMember, type Membership } from '../domain/membership.ts';
import { describeSilence, type Peer, type Peers } from '../recovery/peers.ts';
import type { TimelineActivity } from '../safekeeper/activity.ts';

/** A timeline that may belong into the data directory. */
export interface KnownTimeline extends TenantTimelineId {
  /** By id. */
  readonly listedBy: readonly SafekeeperId[];
  /** Somebody says that it belongs here. */
  readonly isNamed: boolean;
  /** The furthest WAL that a peer told of, and what it knows everybody to have had; 0 when nobody told. */
  readonly flushLsn: Lsn;
  readonly peerHorizonLsn: Lsn;
  /** Whether everybody told of it who has it, and somebody has: then these are all there is to know without asking. */
  readonly isToldOf: boolean;
}

/** Where it is known from which timelines belong here. */
export type TimelineSource =
  /** Whatever the peers have. */
  | { readonly kind: 'Peers' }
  /** A whole list that somebody else has made; it is read once. */
  | { readonly kind: 'List'; readonly read: (signal: AbortSignal) => Promise<readonly TenantTimelineId[]> };

export interface InventoryOptions {
  readonly source: TimelineSource;
  readonly peers: Peers;
  readonly ownId: SafekeeperId;
}

/** What one peer told: one list of its timelines, and one of what goes on in them where it offers that. */
interface PeerView {
  readonly timelines: ReadonlyMap<string, TenantTimelineId>;
  readonly activity: ReadonlyMap<string, TimelineActivity>;
}

/**
 * Which timelines there are to restore. Two calls for each peer, however many timelines it has. A peer that does not answer
 * is asked again at the next scan; what the others have is known meanwhile.
 */
export class Inventory {
  private readonly options: InventoryOptions;
  private readonly views = new Map<SafekeeperId, PeerView>();
  private readonly problems = new Map<string, string>();
  private readonly handedOut = new Set<string>();
  private list: readonly TenantTimelineId[] | undefined;

  constructor(options: InventoryOptions) {
    this.options = options;
  }

  /** Why this may not be all; empty when it is. One line for each peer or list that is missing. */
  get missing(): readonly string[] {
    const { peers, source } = this.options;
    if (source.kind === 'List') return this.list === undefined ? [...this.problems.values()] : [];
    return [...peers.silent.map(describeSilence), ...this.problems.values()];
  }

  /**
   * Asks whoever has not told yet, all at once. Returns what was not known before, those with a connected compute first,
   * then by the last write; it leaves out what is known to be of others. Throws the signal's reason, a Failure
   * `SafekeeperIdConflict`, or `CredentialsInvalid` when the token is refused: nothing can go well then.
   */
  async scan(signal: AbortSignal): Promise<readonly KnownTimeline[]> {
    const { peers } = this.options;
    await peers.identify(signal);
    const unread = peers.known.filter(({ id }) => !this.views.has(id));
    await Promise.all([...unread.map((peer) => this.readPeer(peer, signal)), this.readList(signal)]);
    signal.throwIfAborted();
    return this.takeNew();
  }

  private async readPeer(peer: Peer, signal: AbortSignal): Promise<void> {
    try {
      const [timelines, activity] = await Promise.all([readTimelines(peer, signal), readActivity(peer, signal)]);
      this.views.set(peer.id, { timelines, activity });
      this.problems.delete(peer.url);
    } catch (error) {
      this.note(peer.url, error);
    }
  }

  private async readList(signal: AbortSignal): Promise<void> {
    const { source } = this.options;
    if (source.kind === 'Peers' || this.list !== undefined) return;
    try {
      this.list = await source.read(signal);
      this.problems.delete('list');
    } catch (error) {
      if (error instanceof Failure && error.retry === 'never') throw error;
      this.note('list', error);
    }
  }

  private note(key: string, error: unknown): void {
    if (error instanceof Failure && error.reason === 'CredentialsInvalid') throw error;
    this.problems.set(key, describeError(error));
  }

  private takeNew(): readonly KnownTimeline[] {
    const { source } = this.options;
    const views = [...this.views.values()];
    const named =
      source.kind === 'List' ? (this.list ?? []) : views.flatMap(({ timelines }) => [...timelines.values()]);
    const found: Array<{ readonly known: KnownTimeline; readonly rank: number }> = [];
    for (const { tenantId, timelineId } of named) {
      const key = formatTenantTimelineId({ tenantId, timelineId });
      if (this.handedOut.has(key)) continue;
      const told = views.flatMap((view) => view.activity.get(key) ?? []);
      const listedBy = this.whoHas(key);
      const haveAllTold = told.length === listedBy.length;
      if (source.kind === 'Peers' && haveAllTold && this.isOfOthers(told)) continue;
      this.handedOut.add(key);
      const isToldOf = haveAllTold && told.length > 0;
      const known = { tenantId, timelineId, listedBy, isNamed: source.kind === 'List', isToldOf, ...furthest(told) };
      found.push({ known, rank: recency(told) });
    }
    return found.sort((a, b) => b.rank - a.rank).map(({ known }) => known);
  }

  private whoHas(key: string): SafekeeperId[] {
    const listedBy = [...this.views].filter(([, view]) => view.timelines.has(key)).map(([id]) => id);
    return listedBy.sort((a, b) => (a < b ? -1 : 1));
  }

  /** By the configuration of the highest generation that anybody told of: a status need not be asked for. */
  private isOfOthers(told: readonly TimelineActivity[]): boolean {
    const newest = told.reduce<Membership | undefined>(
      (best, { membership }) => (best === undefined || membership.generation > best.generation ? membership : best),
      undefined,
    );
    return newest !== undefined && newest.generation > 0 && !isMember(newest, this.options.ownId);
  }
}

async function readTimelines({ client }: Peer, signal: AbortSignal): Promise<Map<string, TenantTimelineId>> {
  const timelines = new Map<string, TenantTimelineId>();
  for await (const batch of client.listTimelines(signal)) {
    for (const id of batch) timelines.set(formatTenantTimelineId(id), id);
  }
  return timelines;
}

/** Without it timelines are restored in no order, and more statuses are asked for. */
async function readActivity({ client }: Peer, signal: AbortSignal): Promise<Map<string, TimelineActivity>> {
  try {
    const activity = (await client.activity(signal)) ?? [];
    return new Map(activity.map((entry) => [formatTenantTimelineId(entry), entry]));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Failure && error.reason === 'CredentialsInvalid') throw error;
    return new Map();
  }
}

function furthest(told: readonly TimelineActivity[]): Pick<KnownTimeline, 'flushLsn' | 'peerHorizonLsn'> {
  return {
    flushLsn: told.reduce<Lsn>((far, { flushLsn }) => maxLsn(far, flushLsn), INVALID_LSN),
    peerHorizonLsn: told.reduce<Lsn>((far, { peerHorizonLsn }) => maxLsn(far, peerHorizonLsn), INVALID_LSN),
  };
}

/** Wall ms of the last write; beyond all times while a compute is connected. */
function recency(told: readonly TimelineActivity[]): number {
  return Math.max(
    0,
    ...told.map(({ computes, walModifiedMs = 0 }) => (computes > 0 ? Number.MAX_SAFE_INTEGER : walModifiedMs)),
  );
}
