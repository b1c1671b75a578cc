import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TIMELINE_RESOURCE } from '../../api/names.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import { startDeadline } from '../../base/deadline.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { Reflector } from '../../kube/reflector.ts';
import type { Runtime } from '../../kube/runtime.ts';
import { NAMESPACE } from './manifests.ts';
import { type TimelineRow, timelineRow } from './timeline-row.ts';
import type { DataDirectory } from './wal-data.ts';

const DISK_INTERVAL_MS = 200;

/** Follows the SafekeeperTimelines as `kubectl get -w` would, and the bytes of each on one safekeeper's disk. */
export class TimelineWatch {
  private readonly reflector: Reflector<SafekeeperTimeline>;
  private readonly runtime: Runtime;
  private readonly watched: DataDirectory;
  private bytesOnDisk: ReadonlyMap<string, number> = new Map();
  /** The most that was seen of each: what it had before it was lost. */
  private readonly bytesExpected = new Map<string, number>();

  constructor(client: KubeClient, runtime: Runtime, watched: DataDirectory) {
    this.runtime = runtime;
    this.watched = watched;
    const selection = { namespace: NAMESPACE };
    this.reflector = new Reflector({ client, runtime, type: TIMELINE_RESOURCE, selection });
  }

  /** By name. */
  rows(): TimelineRow[] {
    return this.timelines().map((timeline) => {
      const key = `${timeline.spec.tenantId}/${timeline.spec.timelineId}`;
      const bytesExpected = this.bytesExpected.get(key) ?? 0;
      // A copy under way may be there twice for a moment: in its temporary and in its final place.
      const bytesOnDisk = Math.min(this.bytesOnDisk.get(key) ?? 0, bytesExpected);
      return timelineRow(timeline, this.watched.safekeeperId, { bytesOnDisk, bytesExpected });
    });
  }

  /** Follows until the signal is aborted; `onRows` is called a few times a second. */
  async run(onRows: (rows: readonly TimelineRow[]) => void, signal: AbortSignal): Promise<void> {
    const watching = this.reflector.run(signal);
    using _subscription = this.reflector.store.subscribe(() => onRows(this.rows()));
    while (!signal.aborted) {
      this.bytesOnDisk = await replicaBytes(this.watched.path);
      for (const [key, bytes] of this.bytesOnDisk) {
        this.bytesExpected.set(key, Math.max(bytes, this.bytesExpected.get(key) ?? 0));
      }
      onRows(this.rows());
      await this.runtime.clock.sleep(DISK_INTERVAL_MS, signal).catch(() => undefined);
    }
    await watching;
  }

  /** Resolves as soon as the predicate holds of all timelines. `what` completes "… took longer than 30 s". */
  async until(
    predicate: (timelines: readonly SafekeeperTimeline[]) => boolean,
    what: string,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    using deadline = startDeadline(timeoutMs, what, signal);
    const { promise, resolve, reject } = deferred();
    const check = () => predicate(this.timelines()) && resolve();
    const onAbort = () => reject(deadline.signal.reason as Error);
    deadline.signal.addEventListener('abort', onAbort, { once: true });
    if (deadline.signal.aborted) onAbort();
    using _subscription = this.reflector.store.subscribe(check);
    await promise;
  }

  timelines(): SafekeeperTimeline[] {
    return [...this.reflector.store.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  }
}

/** Bytes by `tenant/timeline`: of replicas in place and of copies that are still arriving. */
export async function replicaBytes(dataDirectory: string): Promise<Map<string, number>> {
  const bytes = new Map<string, number>();
  const add = (key: string, sizeBytes: number) => bytes.set(key, (bytes.get(key) ?? 0) + sizeBytes);
  for (const tenant of await namesIn(dataDirectory)) {
    for (const entry of await namesIn(join(dataDirectory, tenant))) {
      const [tenantId, timelineId] = tenant === 'tmp' ? entry.split('_') : [tenant, entry];
      const size = await directoryBytes(join(dataDirectory, tenant, entry));
      if (tenantId !== undefined && timelineId !== undefined) add(`${tenantId}/${timelineId}`, size);
    }
  }
  return bytes;
}

async function directoryBytes(path: string): Promise<number> {
  const sizes = await Promise.all(
    (await namesIn(path)).map(async (name) => (await stat(join(path, name)).catch(() => undefined))?.size ?? 0),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** Nothing where there is no directory, or no more: what is shown of a disk must not end the demo. */
function namesIn(path: string): Promise<string[]> {
  return readdir(path).catch(() => []);
}

function deferred() {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<void>((onDone, onError) => {
    resolve = onDone;
    reject = onError;
  });
  return { promise, resolve, reject };
}
