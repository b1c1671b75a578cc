import { mapBounded } from '../../base/concurrency.ts';
import { describeError } from '../../base/failure.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import type { SafekeeperPod } from './pods.ts';

/** A safekeeper as the pods show it. */
export interface FoundSafekeeper {
  readonly id: SafekeeperId;
  readonly url: string;
  /** No pod has told that it is this one: nobody may be asked at this address, which may have another owner by now. */
  readonly isGone: boolean;
}

/** One look at the pods. */
export interface Discovery {
  readonly safekeepers: readonly FoundSafekeeper[];
  /** Ids that must not be used, and why (rule R14). */
  readonly conflicts: ReadonlyMap<SafekeeperId, string>;
  /** Pods that have not told who they are, and why; none of them stands for a safekeeper that is known. */
  readonly unidentified: readonly { readonly pod: string; readonly problem: string }[];
  /** Whether every pod is one of `safekeepers`: otherwise their number says nothing of the cluster's size. */
  readonly isComplete: boolean;
  /** Ids that were found at another address than before, and are used there. */
  readonly moved: readonly FoundSafekeeper[];
}

/** Asks whoever is at an address for its id. */
export type AskForId = (url: string, signal: AbortSignal) => Promise<SafekeeperId>;

/** Where a safekeeper was found last. */
interface Home {
  readonly url: string;
  /** Undefined when only a status tells of it. */
  readonly podUid: string | undefined;
  /** Monotonic ms. */
  readonly goneSinceMs: number | undefined;
}

interface Claim {
  readonly pod: SafekeeperPod & { readonly url: string };
  readonly id: SafekeeperId;
}

const ASK_CONCURRENCY = 16;
/** An empty safekeeper whose pod has been gone for so long was taken out of service. */
const FORGET_AFTER_MS = 60 * 60_000;

/**
 * Who is behind which pod. An id is asked for once a pod and address; the scans that follow check it every time. What
 * was once found is remembered: a pod that is gone leaves a safekeeper that does not answer, not a smaller cluster.
 *
 * An id that turns up at another address is taken for a pod that was replaced when its former pod is gone from the list
 * and its former address does not answer with it any more. While either is not so there may be two with one id,
 * and neither is used.
 */
export class PodDirectory {
  private readonly ask: AskForId;
  private readonly homes: Map<SafekeeperId, Home>;

  /** `known` are those that a former operator, or a former spec, has found; without an address where that means nothing. */
  constructor(ask: AskForId, known: ReadonlyMap<SafekeeperId, string | undefined>) {
    this.ask = ask;
    const home = (url: string | undefined): Home => ({ url: url ?? '', podUid: undefined, goneSinceMs: undefined });
    this.homes = new Map([...known].map(([id, url]) => [id, home(url)]));
  }

  /** Throws only for the signal. `isEmpty` tells whether a safekeeper had no timelines when it last answered. */
  async look(
    pods: readonly SafekeeperPod[],
    isEmpty: (id: SafekeeperId) => boolean,
    nowMs: number,
    signal: AbortSignal,
  ): Promise<Discovery> {
    const { claims, silent } = await this.identify(pods, signal);
    const conflicts = new Map<SafekeeperId, string>();
    const moved: FoundSafekeeper[] = [];
    /** Of ids that nobody is known to have rightly. */
    const disputed = new Map<SafekeeperId, string>();
    let extraCount = 0;
    for (const [id, [first, second, ...more]] of groupById(claims)) {
      if (first === undefined) continue;
      const { url, uid } = first.pod;
      const home = this.homes.get(id);
      const former =
        second === undefined ? await this.formerAddress(id, home, url, { pods, claims }, signal) : undefined;
      if (second !== undefined || former !== undefined) {
        conflicts.set(
          id,
          former === undefined
            ? `${url} and ${second?.pod.url} both answer with id ${id}`
            : `${url} answers with id ${id}, which may still be in use at ${former}`,
        );
        extraCount += second === undefined ? 0 : more.length + 1;
        if (home === undefined) disputed.set(id, url);
        continue;
      }
      if (home !== undefined && home.url !== '' && home.url !== url) moved.push({ id, url, isGone: false });
      this.homes.set(id, { url, podUid: uid, goneSinceMs: undefined });
    }
    const owners = new Map(claims.map(({ pod, id }) => [pod.url, id]));
    this.noteGone((id, url) => owners.get(url) !== id, isEmpty, nowMs);
    const homes = [...this.homes].map(([id, { url, goneSinceMs }]) => ({ id, url, isGone: goneSinceMs !== undefined }));
    const safekeepers = [...homes, ...[...disputed].map(([id, url]) => ({ id, url, isGone: false }))];
    const homeUrls = new Set(homes.map(({ url }) => url));
    return {
      safekeepers: safekeepers.sort((a, b) => (a.id < b.id ? -1 : 1)),
      conflicts,
      unidentified: silent.filter(({ url }) => url === undefined || !homeUrls.has(url)),
      isComplete: safekeepers.length >= pods.length - extraCount,
      moved,
    };
  }

  /** Who is known at a pod's address keeps it without being asked, as long as it is the same pod. */
  private async identify(pods: readonly SafekeeperPod[], signal: AbortSignal) {
    const settled = new Map([...this.homes].map(([id, { url, podUid }]) => [`${podUid} ${url}`, id]));
    const claims: Claim[] = [];
    const silent: { pod: string; url: string | undefined; problem: string }[] = [];
    await mapBounded(pods, ASK_CONCURRENCY, async (pod) => {
      const { name, uid, url } = pod;
      if (url === undefined) {
        silent.push({ pod: name, url, problem: 'it has no address yet' });
        return;
      }
      const known = settled.get(`${uid} ${url}`);
      try {
        claims.push({ pod: { ...pod, url }, id: known ?? (await this.ask(url, signal)) });
      } catch (error) {
        signal.throwIfAborted();
        silent.push({ pod: name, url, problem: describeError(error) });
      }
    });
    return { claims, silent };
  }

  /** The former address, if whoever was there may still be. */
  private async formerAddress(
    id: SafekeeperId,
    home: Home | undefined,
    url: string,
    { pods, claims }: { readonly pods: readonly SafekeeperPod[]; readonly claims: readonly Claim[] },
    signal: AbortSignal,
  ): Promise<string | undefined> {
    if (home === undefined || home.url === '' || home.url === url) return undefined;
    // Somebody else: whoever claims the same id from there is a conflict already.
    if (claims.some(({ pod }) => pod.url === home.url)) return undefined;
    // Another pod is there now, still silent; unless it is not known which pod it was.
    if (pods.some((pod) => pod.url === home.url)) return home.podUid === undefined ? home.url : undefined;
    const answer = await this.ask(home.url, signal).catch(() => undefined);
    signal.throwIfAborted();
    return answer === id ? home.url : undefined;
  }

  private noteGone(
    isGone: (id: SafekeeperId, url: string) => boolean,
    isEmpty: (id: SafekeeperId) => boolean,
    nowMs: number,
  ): void {
    for (const [id, home] of this.homes) {
      if (!isGone(id, home.url)) continue;
      const goneSinceMs = home.goneSinceMs ?? nowMs;
      if (nowMs - goneSinceMs >= FORGET_AFTER_MS && isEmpty(id)) this.homes.delete(id);
      else this.homes.set(id, { ...home, goneSinceMs });
    }
  }
}

/** Within an id in the order of the pods' names, so that every look says the same. */
function groupById(claims: readonly Claim[]): Map<SafekeeperId, Claim[]> {
  const groups = new Map<SafekeeperId, Claim[]>();
  for (const claim of [...claims].sort((a, b) => (a.pod.name < b.pod.name ? -1 : 1))) {
    const group = groups.get(claim.id);
    if (group === undefined) groups.set(claim.id, [claim]);
    else group.push(claim);
  }
  return groups;
}
