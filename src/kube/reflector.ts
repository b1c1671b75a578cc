import { assertNever } from '../base/assert.ts';
import { startDeadline } from '../base/deadline.ts';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { apiErrorFromStatus, KubeApiError } from './api-error.ts';
import { Backoff } from './backoff.ts';
import type { KubeClient, Selection } from './kube-client.ts';
import { keyOf, type KubeObject, type ResourceType } from './object.ts';
import type { Runtime } from './runtime.ts';
import { type IndexFunction, Store } from './store.ts';
import { parseWatchMessage, readLines } from './watch-stream.ts';

export interface ReflectorOptions<T extends KubeObject, IndexName extends string> {
  readonly client: KubeClient;
  readonly runtime: Runtime;
  readonly type: ResourceType<T>;
  readonly selection?: Selection;
  /** Drops what nobody reads before an object is kept; must keep the metadata's name, uid and versions. */
  readonly transform?: (object: T) => T;
  readonly indexes?: Readonly<Record<IndexName, IndexFunction<T>>>;
  /** Bookmarks come about once a minute; a watch without a byte for longer than this is dead. */
  readonly stallTimeoutMs?: number;
}

/** What the reflector does next. A list is atomic: the store sees all of it or nothing. */
type State =
  | { readonly kind: 'Listing' }
  | { readonly kind: 'Watching'; readonly resourceVersion: string }
  | { readonly kind: 'Pausing'; readonly pauseMs: number; readonly next: State };

/** Why a watch ended. */
type WatchEnd =
  | { readonly kind: 'Closed' }
  | { readonly kind: 'ClosedEarly'; readonly silent: boolean }
  | { readonly kind: 'Malformed' }
  | { readonly kind: 'Expired' }
  | { readonly kind: 'Failed'; readonly error: unknown };

const BACKOFF = { initialMs: 800, factor: 2, capMs: 30_000, jitter: 1 } as const;
const WATCH_SECONDS_MIN = 300;
const STALL_TIMEOUT_MS = 150_000;
/** Some servers close a watch from a version they no longer know, without a message, instead of answering 410. */
const EARLY_CLOSE_MS = 2_000;

/** Keeps a store equal to what the API server has: lists in pages, then watches, for as long as it runs. */
export class Reflector<T extends KubeObject, IndexName extends string = string> {
  readonly store: Store<T, IndexName>;
  readonly type: ResourceType<T>;
  private readonly options: ReflectorOptions<T, IndexName>;
  private readonly runtime: Runtime;
  private readonly backoff: Backoff;
  private readonly transform: (object: T) => T;
  private readonly metricLabels: { readonly resource: string };

  constructor(options: ReflectorOptions<T, IndexName>) {
    this.options = options;
    this.runtime = options.runtime;
    this.type = options.type;
    this.transform = options.transform ?? withoutManagedFields;
    this.store = new Store<T, IndexName>(options.indexes ?? ({} as Record<IndexName, IndexFunction<T>>));
    this.backoff = new Backoff(BACKOFF, options.runtime.random);
    this.metricLabels = { resource: options.type.plural };
  }

  hasSynced(): boolean {
    return this.store.hasSynced();
  }

  /** Returns when the signal is aborted; throws only for a broken invariant. Call once. */
  async run(signal: AbortSignal): Promise<void> {
    let state: State = { kind: 'Listing' };
    while (!signal.aborted) state = await this.step(state, signal);
  }

  /** See {@link Store.putOwnWrite}. */
  putOwnWrite(object: T): void {
    this.store.putOwnWrite(this.transform(object));
  }

  private async step(state: State, signal: AbortSignal): Promise<State> {
    switch (state.kind) {
      case 'Listing':
        return await this.list(signal);
      case 'Watching':
        return await this.watch(state.resourceVersion, signal);
      case 'Pausing':
        await this.runtime.clock.sleep(state.pauseMs, signal).catch(() => undefined);
        return state.next;
      default:
        return assertNever(state);
    }
  }

  private async list(signal: AbortSignal): Promise<State> {
    const startedMs = this.runtime.clock.monotonicMs();
    try {
      const { items, resourceVersion } = await this.listAllPages(signal);
      this.store.replace(items, resourceVersion);
      const { metrics, clock } = this.runtime;
      metrics.listSeconds.observe(this.metricLabels, (clock.monotonicMs() - startedMs) / 1_000);
      metrics.cachedObjects.set(this.metricLabels, this.store.size);
      return { kind: 'Watching', resourceVersion };
    } catch (error) {
      if (!signal.aborted) this.warn('List failed', error);
      return this.pauseThen({ kind: 'Listing' }, error);
    }
  }

  private async listAllPages(signal: AbortSignal): Promise<{ items: T[]; resourceVersion: string }> {
    const { client, type, selection } = this.options;
    const items: T[] = [];
    for (let continueToken: string | undefined; ; ) {
      const page = await client.list(type, selection ?? {}, continueToken, signal);
      for (const item of page.items) {
        const known = this.store.get(keyOf(item));
        const unchanged =
          known?.metadata.uid === item.metadata.uid &&
          known?.metadata.resourceVersion === item.metadata.resourceVersion;
        // A re-list of an unchanged cache must not hold everything twice.
        items.push(unchanged && known !== undefined ? known : this.transform(item));
      }
      continueToken = page.metadata.continue;
      if (continueToken === undefined || continueToken === '') {
        return { items, resourceVersion: page.metadata.resourceVersion };
      }
    }
  }

  private async watch(from: string, signal: AbortSignal): Promise<State> {
    const progress = { resourceVersion: from };
    const end = await this.watchOnce(progress, signal);
    if (signal.aborted) return { kind: 'Watching', ...progress };
    const reason = end.kind === 'Failed' ? reasonOf(end.error) : end.kind;
    this.runtime.metrics.watchRestarts.inc({ ...this.metricLabels, reason });
    this.runtime.metrics.cachedObjects.set(this.metricLabels, this.store.size);
    switch (end.kind) {
      case 'Closed':
        return { kind: 'Watching', ...progress };
      case 'Malformed':
        this.runtime.metrics.watchMalformedLines.inc(this.metricLabels);
        this.warn('Watch sent a malformed line', undefined);
        return this.pauseThen({ kind: 'Listing' }, undefined);
      case 'ClosedEarly':
        return this.pauseThen(end.silent ? { kind: 'Listing' } : { kind: 'Watching', ...progress }, undefined);
      case 'Expired':
        return this.pauseThen({ kind: 'Listing' }, undefined);
      case 'Failed':
        this.warn('Watch failed', end.error);
        return this.pauseThen({ kind: 'Watching', ...progress }, end.error);
      default:
        return assertNever(end);
    }
  }

  /** Moves `progress` behind every message that the store has taken in. */
  private async watchOnce(progress: { resourceVersion: string }, signal: AbortSignal): Promise<WatchEnd> {
    const { client, type, selection, stallTimeoutMs = STALL_TIMEOUT_MS } = this.options;
    const { clock, random } = this.runtime;
    const startedMs = clock.monotonicMs();
    const timeoutSeconds = Math.round(WATCH_SECONDS_MIN * (1 + random()));
    using silence = startDeadline(stallTimeoutMs, `the silence of the watch of ${type.plural}`, signal);
    let messageCount = 0;
    try {
      const from = { resourceVersion: progress.resourceVersion, timeoutSeconds };
      const body = await client.watch(type, selection ?? {}, from, silence.signal);
      for await (const line of readLines(
        heard(body, () => silence.extend()),
        limits.kubeObjectBytesMax,
      )) {
        const message = parseWatchMessage<T>(line);
        messageCount++;
        switch (message.kind) {
          case 'Put':
            this.store.put(this.transform(message.object), false);
            progress.resourceVersion = versionOf(message.object);
            break;
          case 'Delete':
            this.store.remove(this.transform(message.object));
            progress.resourceVersion = versionOf(message.object);
            break;
          case 'Bookmark':
            progress.resourceVersion = message.resourceVersion;
            break;
          case 'Error':
            throw apiErrorFromStatus(message.status, `WATCH ${type.plural}`);
          case 'Malformed':
            return { kind: 'Malformed' };
          default:
            assertNever(message);
        }
        this.backoff.reset();
      }
    } catch (error) {
      return watchEndOf(error);
    }
    const early = clock.monotonicMs() - startedMs < EARLY_CLOSE_MS;
    return early ? { kind: 'ClosedEarly', silent: messageCount === 0 } : { kind: 'Closed' };
  }

  private pauseThen(next: State, error: unknown): State {
    const askedMs = error instanceof KubeApiError ? (error.retryAfterMs ?? 0) : 0;
    return { kind: 'Pausing', pauseMs: Math.max(this.backoff.nextMs(), Math.min(askedMs, BACKOFF.capMs)), next };
  }

  private warn(message: string, error: unknown): void {
    const detail = error === undefined ? {} : { reason: reasonOf(error), error: describeError(error) };
    this.runtime.log.warn({ ...this.metricLabels, ...detail }, message);
  }
}

/** The API server knows every field's last writer; nobody here asks, and it is half of an object's size. */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields: _dropped, ...metadata } = object.metadata;
  return { ...object, metadata };
}

/** A server in trouble may be asked again from the same version; any other refusal means the version is no good. */
function watchEndOf(error: unknown): WatchEnd {
  const keepsVersion = !(error instanceof KubeApiError) || error.code === 429 || error.code >= 500;
  // 504 is how a server says that it has not seen this version yet, which is for ever after a restored backup.
  const fromTheFuture = error instanceof KubeApiError && error.code === 504;
  return keepsVersion && !fromTheFuture ? { kind: 'Failed', error } : { kind: 'Expired' };
}

function reasonOf(error: unknown): string {
  return error instanceof Failure ? error.reason : 'Unreachable';
}

function versionOf(object: KubeObject): string {
  return object.metadata.resourceVersion ?? '';
}

async function* heard(body: AsyncIterable<Buffer>, onBytes: () => void): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    onBytes();
    yield chunk;
  }
}
