import { formatTimestamp } from '../base/clock.ts';
import { describeError } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { aborted, untilAborted } from './abort.ts';
import { isApiError } from './api-error.ts';
import type { KubeClient } from './kube-client.ts';
import { Lru } from './lru.ts';
import type { KubeObject, ResourceType } from './object.ts';
import type { Runtime } from './runtime.ts';
import { TokenBucket } from './token-bucket.ts';

export interface KubeEvent extends KubeObject {
  readonly involvedObject: {
    readonly apiVersion: string;
    readonly kind: string;
    readonly name: string;
    readonly namespace?: string;
    readonly uid?: string;
    readonly resourceVersion?: string;
  };
  readonly type: EventType;
  readonly reason: string;
  readonly message: string;
  readonly source: { readonly component: string };
  readonly reportingComponent: string;
  readonly reportingInstance: string;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly count: number;
}

export type EventType = 'Normal' | 'Warning';

/** core/v1 rather than events.k8s.io/v1: `kubectl describe` then shows "x5 over 2m", and both APIs serve it. */
export const EVENTS: ResourceType<KubeEvent> = {
  group: '',
  version: 'v1',
  plural: 'events',
  kind: 'Event',
  namespaced: true,
};

export interface EventNote {
  readonly type: EventType;
  /** CamelCase, of a closed set. */
  readonly reason: string;
  /** One sentence; cut at 1024 characters. */
  readonly message: string;
}

export interface EventRecorderOptions {
  readonly client: KubeClient;
  readonly runtime: Runtime;
  /** Who says it: the "From" column of `kubectl describe`. */
  readonly component: string;
  /** Which process: the pod's name. */
  readonly instance: string;
}

/** The same note about the same object, however often it was made. */
interface Series {
  readonly id: string;
  /** As created last; its name is empty before. */
  event: KubeEvent;
  count: number;
  lastTimestamp: string;
  /** What the API server knows. */
  sentCount: number;
}

/** client-go's numbers: 25 at once for one object, then one in five minutes. */
const BURST_PER_OBJECT = 25;
const REFILL_MS = 300_000;
const SEND_TRIES_MAX = 3;
const RETRY_PAUSE_MS = 1_000;

/**
 * Tells people what happened to an object. A repeat raises the count of the event that is there. Recording never
 * throws and never waits; what exceeds an object's rate or the backlog is dropped and counted.
 */
export class EventRecorder {
  private readonly options: EventRecorderOptions;
  private readonly runtime: Runtime;
  private readonly series = new Lru<string, Series>(limits.eventSeriesMax);
  private readonly buckets = new Lru<string, TokenBucket>(limits.eventSeriesMax);
  /** By series id, so that repeats of one that still waits need no second place. */
  private readonly backlog = new Map<string, Series>();
  private sending = false;
  private wake: (() => void) | undefined;
  private readonly idleWaiters: Array<() => void> = [];

  constructor(options: EventRecorderOptions) {
    this.options = options;
    this.runtime = options.runtime;
  }

  record(object: KubeObject, note: EventNote): void {
    const { clock, metrics } = this.runtime;
    const bucketId = object.metadata.uid ?? `${object.kind}/${object.metadata.namespace}/${object.metadata.name}`;
    const nowMs = clock.monotonicMs();
    const bucket = this.buckets.get(bucketId) ?? new TokenBucket(BURST_PER_OBJECT, REFILL_MS, nowMs);
    this.buckets.set(bucketId, bucket);
    const id = [bucketId, note.type, note.reason, note.message].join('\0');
    const isFull = this.backlog.size >= limits.eventBacklogMax && !this.backlog.has(id);
    if (isFull || !bucket.tryTake(nowMs)) {
      metrics.eventsSent.inc({ outcome: 'dropped' });
      return;
    }
    const series = this.series.get(id) ?? this.newSeries(id, object, note);
    series.count++;
    series.lastTimestamp = formatTimestamp(clock.wallTimeMs());
    this.series.set(id, series);
    this.backlog.set(id, series);
    this.wake?.();
  }

  /** Sends what is recorded until the signal is aborted; what then still waits is lost. Call once. */
  async run(signal: AbortSignal): Promise<void> {
    const stopped = aborted(signal);
    while (!signal.aborted) {
      const next = this.backlog.values().next();
      if (next.done === true) {
        for (const resolve of this.idleWaiters.splice(0)) resolve();
        const woken = new Promise<void>((resolve) => (this.wake = resolve));
        await Promise.race([woken, stopped]);
        continue;
      }
      this.backlog.delete(next.value.id);
      this.sending = true;
      await this.send(next.value, signal);
      this.sending = false;
    }
  }

  /** Resolves when all that is recorded was sent or given up: for an orderly shutdown. */
  async flush(signal: AbortSignal): Promise<void> {
    if (this.backlog.size === 0 && !this.sending) return;
    await untilAborted(new Promise<void>((resolve) => this.idleWaiters.push(resolve)), signal);
  }

  private async send(series: Series, signal: AbortSignal): Promise<void> {
    const { log, metrics, clock } = this.runtime;
    for (let tries = 1; ; tries++) {
      try {
        const sent = series.count;
        if (series.sentCount === 0) await this.create(series, signal);
        else await this.update(series, signal);
        series.sentCount = sent;
        metrics.eventsSent.inc({ outcome: 'sent' });
        return;
      } catch (error) {
        if (signal.aborted) return;
        if (isApiError(error, 'NotFound') && series.sentCount > 0) {
          // Events live for an hour: this one is gone, so it begins again.
          series.count -= series.sentCount;
          series.sentCount = 0;
          continue;
        }
        const hopeless =
          isApiError(error, 'Forbidden') || isApiError(error, 'Invalid') || isApiError(error, 'NotFound');
        if (hopeless || tries >= SEND_TRIES_MAX) {
          metrics.eventsSent.inc({ outcome: 'failed' });
          log.warn({ eventReason: series.event.reason, error: describeError(error) }, 'Event not sent');
          return;
        }
        await clock.sleep(RETRY_PAUSE_MS * tries, signal).catch(() => undefined);
      }
    }
  }

  private async create(series: Series, signal: AbortSignal): Promise<void> {
    const { count, lastTimestamp, event } = series;
    const name = this.newName(event.involvedObject.name);
    const named = { ...event, metadata: { ...event.metadata, name }, count, lastTimestamp };
    await this.options.client.create(EVENTS, named, signal);
    series.event = named;
  }

  private async update(series: Series, signal: AbortSignal): Promise<void> {
    const { count, lastTimestamp, event } = series;
    await this.options.client.mergePatch(EVENTS, event.metadata, { count, lastTimestamp }, signal);
  }

  private newSeries(id: string, object: KubeObject, note: EventNote): Series {
    const { component, instance } = this.options;
    const { name, namespace, uid, resourceVersion } = object.metadata;
    const firstTimestamp = formatTimestamp(this.runtime.clock.wallTimeMs());
    const event: KubeEvent = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: '', namespace: namespace ?? 'default' },
      involvedObject: {
        apiVersion: object.apiVersion,
        kind: object.kind,
        name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(uid === undefined ? {} : { uid }),
        ...(resourceVersion === undefined ? {} : { resourceVersion }),
      },
      ...note,
      message: note.message.slice(0, limits.eventMessageCharsMax),
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
      firstTimestamp,
      lastTimestamp: firstTimestamp,
      count: 0,
    };
    return { id, event, count: 0, lastTimestamp: firstTimestamp, sentCount: 0 };
  }

  /** As client-go names them: the object's name and something unique. */
  private newName(objectName: string): string {
    const { clock, random } = this.runtime;
    const unique = `${clock.wallTimeMs().toString(16)}${Math.floor(random() * 2 ** 32).toString(16)}`;
    return `${objectName.slice(0, 200)}.${unique}`;
  }
}
