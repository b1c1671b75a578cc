import type { Clock } from '../../base/clock.ts';
import { describeError, Failure } from '../../base/failure.ts';
import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../../domain/ids.ts';
import type { LostReplica } from '../../domain/storm-brake.ts';
import type { SafekeeperHandle } from './safekeeper-handle.ts';

/** What one safekeeper said in the last scan, or in the last one that it answered. */
export interface SafekeeperView {
  readonly id: SafekeeperId;
  readonly url: string;
  readonly state:
    | { readonly kind: 'Reachable' }
    | { readonly kind: 'Unreachable'; readonly problem: string }
    /** It answers with an id that is not its own, or another address claims its id; nothing it says is used (rule R14). */
    | { readonly kind: 'IdConflict'; readonly problem: string }
    | { readonly kind: 'Refused'; readonly problem: string };
  /** By `tenant/timeline`; undefined until it has listed them once. */
  readonly timelines: ReadonlyMap<string, TenantTimelineId> | undefined;
  readonly lastSeenMs: number | undefined;
}

/** The last scan of a cluster. */
export interface Inventory {
  readonly views: ReadonlyMap<SafekeeperId, SafekeeperView>;
}

export const EMPTY_INVENTORY: Inventory = { views: new Map() };

/** What changed between two scans. */
export interface InventoryChange {
  /** Replicas that a safekeeper had and has no more, by safekeeper. */
  readonly lost: ReadonlyMap<SafekeeperId, readonly TenantTimelineId[]>;
  /** Safekeepers that began or ceased to answer: all their replicas deserve a look. */
  readonly flipped: readonly SafekeeperId[];
}

/** One id request and one list request for each safekeeper, all at once; a list that failed is Unknown, never empty (R17). */
export async function scanCluster(
  safekeepers: Iterable<SafekeeperHandle>,
  before: Inventory,
  clock: Clock,
  signal: AbortSignal,
): Promise<Inventory> {
  /** Ids that answered at an address which is not theirs, and where. */
  const strays = new Map<SafekeeperId, string>();
  const scan = (safekeeper: SafekeeperHandle) =>
    scanSafekeeper(safekeeper, before.views.get(safekeeper.id), strays, clock, signal);
  const views = await Promise.all([...safekeepers].map(scan));
  signal.throwIfAborted();
  const distinct = views.map((view): SafekeeperView => {
    const elsewhere = strays.get(view.id);
    if (elsewhere === undefined || view.state.kind !== 'Reachable') return view;
    const problem = `${elsewhere} answers with id ${view.id} too, besides ${view.url}`;
    const timelines = before.views.get(view.id)?.timelines;
    return { ...view, timelines, state: { kind: 'IdConflict', problem } };
  });
  return { views: new Map(distinct.map((view) => [view.id, view])) };
}

async function scanSafekeeper(
  { id, url, client }: SafekeeperHandle,
  before: SafekeeperView | undefined,
  strays: Map<SafekeeperId, string>,
  clock: Clock,
  signal: AbortSignal,
): Promise<SafekeeperView> {
  // What another address said before is nothing to compare with.
  const known = before?.url === url ? before : undefined;
  const earlier = { id, url, timelines: known?.timelines, lastSeenMs: known?.lastSeenMs };
  try {
    const node = await client.nodeStatus(signal);
    if (node.id !== id) {
      strays.set(node.id, url);
      return { ...earlier, state: { kind: 'IdConflict', problem: `${url} answers with id ${node.id}, not ${id}` } };
    }
    const list = await client.listTimelines(signal);
    const timelines = new Map(list.map((timeline) => [formatTenantTimelineId(timeline), timeline]));
    return { ...earlier, state: { kind: 'Reachable' }, timelines, lastSeenMs: clock.wallTimeMs() };
  } catch (error) {
    const refused = error instanceof Failure && error.reason === 'CredentialsInvalid';
    return { ...earlier, state: { kind: refused ? 'Refused' : 'Unreachable', problem: describeError(error) } };
  }
}

/** A safekeeper seen for the first time has lost nothing: its timelines get their first look anyway. */
export function compareInventories(before: Inventory, now: Inventory): InventoryChange {
  const lost = new Map<SafekeeperId, TenantTimelineId[]>();
  const flipped: SafekeeperId[] = [];
  for (const [id, view] of now.views) {
    const earlier = before.views.get(id);
    if (earlier === undefined) continue;
    if (earlier.state.kind !== view.state.kind) flipped.push(id);
    if (earlier.timelines === undefined || view.timelines === undefined || view.timelines === earlier.timelines)
      continue;
    lost.set(id, missingFrom(earlier.timelines, view.timelines));
  }
  return { lost, flipped };
}

/** Every timeline that any safekeeper listed, with the number of safekeepers that have it. */
export function knownTimelines(inventory: Inventory): Map<string, { id: TenantTimelineId; replicas: number }> {
  const all = new Map<string, { id: TenantTimelineId; replicas: number }>();
  for (const { timelines } of inventory.views.values()) {
    for (const [key, id] of timelines ?? []) {
      const known = all.get(key);
      if (known === undefined) all.set(key, { id, replicas: 1 });
      else known.replicas++;
    }
  }
  return all;
}

/**
 * The replicas that are lost after a scan, each since when. One that no list shows any more is not among them: the
 * timeline was deleted everywhere, or nobody is left to restore it from.
 */
export function stillLost(
  before: readonly LostReplica[],
  change: InventoryChange,
  now: Inventory,
  nowMs: number,
): LostReplica[] {
  const fresh = [...change.lost].flatMap(([safekeeperId, timelines]) =>
    timelines.map((timeline) => ({ ...timeline, safekeeperId, sinceMs: nowMs })),
  );
  if (before.length + fresh.length === 0) return [];
  const known = knownTimelines(now);
  return [...before, ...fresh].filter((replica) => {
    const key = formatTenantTimelineId(replica);
    return known.has(key) && now.views.get(replica.safekeeperId)?.timelines?.has(key) === false;
  });
}

function missingFrom(
  some: ReadonlyMap<string, TenantTimelineId>,
  others: ReadonlyMap<string, TenantTimelineId>,
): TenantTimelineId[] {
  return [...some].flatMap(([key, timeline]) => (others.has(key) ? [] : [timeline]));
}
