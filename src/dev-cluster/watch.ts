import type { Clock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { wholeNumber, selectorOf } from './list.ts';
import type { Fields, KubeObject } from './object.ts';
import { inViewOf, type Objects } from './objects.ts';
import type { ResourceType } from './resource-type.ts';
import type { Selector } from './selectors.ts';
import { invalidOption, StatusError, tooManyRequests } from './status-error.ts';
import type { Change, Store } from './store.ts';

/** Where a watch's events go. `backlogBytes` is what the client has not taken yet. */
export interface WatchSink {
  /** Sends the response's head: the watch is accepted. */
  open(): void;
  write(line: string): void;
  /** Ends the stream in order. */
  end(): void;
  /** Breaks the connection. */
  cut(): void;
  readonly backlogBytes: number;
}

export interface WatchRequest {
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  readonly query: URLSearchParams;
  /** Renders one object the way the client asked for. */
  readonly render: (object: KubeObject) => Fields;
  readonly sink: WatchSink;
}

/** All running watches. */
export class Watches {
  private readonly running = new Set<Watch>();
  private readonly store: Store;
  private readonly objects: Objects;
  private readonly clock: Clock;
  private frozen = 0;

  constructor(store: Store, objects: Objects, clock: Clock) {
    this.store = store;
    this.objects = objects;
    this.clock = clock;
  }

  get count(): number {
    return this.running.size;
  }

  /** Runs until the timeout, the client (`signal`) or a cut ends the watch. Bad parameters throw before anything is sent. */
  async run(request: WatchRequest, signal: AbortSignal): Promise<void> {
    if (this.running.size >= limits.devClusterWatchesMax) throw tooManyRequests('too many watches');
    const watch = new Watch(request, this.store, this.objects);
    if (this.frozen > 0) watch.freeze();
    this.running.add(watch);
    try {
      await watch.run(this.clock, signal);
    } finally {
      this.running.delete(watch);
    }
  }

  /** Breaks every watch's connection. */
  drop(): void {
    for (const watch of this.running) watch.cut();
  }

  /** Ends the watches of a type that is no longer served. */
  endCollection(collection: string): void {
    for (const watch of this.running) if (watch.type.collection === collection) watch.end();
  }

  /** Keeps every watch silent, connections open, until the guard is disposed; then the withheld events follow. */
  freeze(): Disposable {
    this.frozen++;
    for (const watch of this.running) watch.freeze();
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        this.frozen--;
        if (this.frozen === 0) for (const watch of this.running) watch.thaw();
      },
    };
  }
}

class Watch {
  readonly type: ResourceType;
  private readonly request: WatchRequest;
  private readonly store: Store;
  private readonly objects: Objects;
  private readonly selects: Selector;
  private readonly timeoutMs: number;
  private readonly bookmarks: boolean;
  private readonly ended = new AbortController();
  /** Lines withheld while frozen. */
  private withheld: string[] | undefined;

  constructor(request: WatchRequest, store: Store, objects: Objects) {
    const { query, type } = request;
    this.type = type;
    this.request = request;
    this.store = store;
    this.objects = objects;
    this.selects = selectorOf(type, query);
    this.timeoutMs = (wholeNumber(query, 'timeoutSeconds') || limits.devClusterWatchTimeoutMs / 1000) * 1000;
    this.bookmarks = isTrue(query.get('allowWatchBookmarks'));
    if (isTrue(query.get('sendInitialEvents')) && query.get('resourceVersionMatch') !== 'NotOlderThan') {
      const message = 'Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
      throw invalidOption('ListOptions', 'resourceVersionMatch', message);
    }
    wholeNumber(query, 'resourceVersion');
  }

  async run(clock: Clock, client: AbortSignal): Promise<void> {
    const onClientGone = () => this.ended.abort();
    client.addEventListener('abort', onClientGone, { once: true });
    if (client.aborted) onClientGone();
    const deadlineMs = clock.monotonicMs() + this.timeoutMs;
    try {
      this.request.sink.open();
      using _subscription = this.start();
      while (!this.ended.signal.aborted) {
        const leftMs = deadlineMs - clock.monotonicMs();
        if (leftMs <= 0) break;
        await clock
          .sleep(Math.min(limits.devClusterBookmarkIntervalMs, leftMs), this.ended.signal)
          .then(() => this.bookmark({}))
          .catch((error: unknown) => {
            if (!this.ended.signal.aborted) throw error;
          });
      }
    } finally {
      client.removeEventListener('abort', onClientGone);
      this.request.sink.end();
    }
  }

  end(): void {
    this.ended.abort();
  }

  cut(): void {
    this.request.sink.cut();
    this.ended.abort();
  }

  freeze(): void {
    this.withheld ??= [];
  }

  thaw(): void {
    const lines = this.withheld ?? [];
    this.withheld = undefined;
    for (const line of lines) this.write(line);
  }

  /** Sends what lies before now and subscribes to what follows; nothing can happen in between. */
  private start(): Disposable {
    const { query } = this.request;
    const requested = wholeNumber(query, 'resourceVersion') ?? 0;
    const initialEvents = query.get('sendInitialEvents');
    if (isTrue(initialEvents) || (requested === 0 && initialEvents === null)) {
      for (const object of this.current()) this.send('ADDED', object);
      if (isTrue(initialEvents)) this.bookmark({ 'k8s.io/initial-events-end': 'true' });
    } else if (requested > 0) {
      this.replay(requested);
    }
    return this.store.subscribe(this.type.collection, (change) => {
      if (change.revision > requested) this.onChange(change);
    });
  }

  private current(): KubeObject[] {
    return this.objects.list(this.type, this.request.namespace).filter(this.selects);
  }

  private replay(revision: number): void {
    try {
      for (const change of this.store.changesAfter(this.type.collection, revision)) this.onChange(change);
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      this.write(`${JSON.stringify({ type: 'ERROR', object: error.toStatus() })}\n`);
      this.end();
    }
  }

  /** An object that stops matching the selectors is gone for this watcher, one that starts is new. */
  private onChange(change: Change): void {
    if (this.ended.signal.aborted) return;
    const now = this.matching(change.object);
    const before = this.matching(change.previous);
    if (now !== undefined) this.send(before === undefined ? 'ADDED' : 'MODIFIED', now);
    else if (before !== undefined) this.send('DELETED', atRevision(before, change.revision));
  }

  private matching(stored: KubeObject | undefined): KubeObject | undefined {
    if (stored === undefined) return undefined;
    const { namespace } = this.request;
    if (namespace !== undefined && stored.metadata.namespace !== namespace) return undefined;
    const object = inViewOf(this.type, stored);
    return this.selects(object) ? object : undefined;
  }

  private send(type: 'ADDED' | 'MODIFIED' | 'DELETED', object: KubeObject): void {
    this.write(`${JSON.stringify({ type, object: this.request.render(object) })}\n`);
  }

  private bookmark(annotations: Record<string, string>): void {
    if (!this.bookmarks || this.ended.signal.aborted) return;
    const { group, version, kind } = this.type;
    const metadata = {
      resourceVersion: String(this.store.revision),
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    };
    const object = { kind, apiVersion: group === '' ? version : `${group}/${version}`, metadata };
    this.write(`${JSON.stringify({ type: 'BOOKMARK', object })}\n`);
  }

  private write(line: string): void {
    const { sink } = this.request;
    if (this.withheld !== undefined) this.withheld.push(line);
    else sink.write(line);
    if (sink.backlogBytes > limits.devClusterWatchBacklogBytesMax) this.cut();
    if ((this.withheld?.length ?? 0) > limits.devClusterHistoryMax) this.cut();
  }
}

function atRevision(object: KubeObject, revision: number): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
}

function isTrue(value: string | null): boolean {
  return value === 'true' || value === '1';
}
