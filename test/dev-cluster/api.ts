import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { type DevCluster, startDevCluster } from '../../src/dev-cluster/dev-cluster.ts';

/** Decoded JSON of any shape: tests look into it and compare what they find. The named fields are merely common ones. */
export interface Json {
  readonly metadata: Json;
  readonly spec: Json;
  readonly status: Json;
  readonly details: Json;
  readonly object: Json;
  readonly type: Json;
  readonly code: Json;
  readonly message: Json;
  readonly name: Json;
  readonly [field: string]: Json;
}

export function items(json: Json | undefined): Json[] {
  return Array.isArray(json) ? json : [];
}

export function text(json: Json | undefined): string {
  return typeof json === 'string' ? json : JSON.stringify(json);
}

export interface Reply {
  readonly status: number;
  readonly body: Json;
  readonly warning: string | null;
}

export interface SendOptions {
  readonly contentType?: string;
  readonly accept?: string;
}

/** Raw HTTP to one server, without any Kubernetes client in between. */
export class Api {
  readonly cluster: DevCluster;

  constructor(cluster: DevCluster) {
    this.cluster = cluster;
  }

  async send(method: string, path: string, body?: unknown, options: SendOptions = {}): Promise<Reply> {
    const response = await fetch(this.cluster.url + path, {
      method,
      headers: {
        'user-agent': 'tester/1.0',
        'content-type': options.contentType ?? 'application/json',
        accept: options.accept ?? 'application/json',
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const content = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true;
    const warning = response.headers.get('warning');
    return { status: response.status, body: (isJson ? JSON.parse(content) : content) as Json, warning };
  }

  get(path: string, options?: SendOptions): Promise<Reply> {
    return this.send('GET', path, undefined, options);
  }

  post(path: string, body: unknown): Promise<Reply> {
    return this.send('POST', path, body);
  }

  mergePatch(path: string, body: unknown): Promise<Reply> {
    return this.send('PATCH', path, body, { contentType: 'application/merge-patch+json' });
  }

  apply(path: string, manager: string, body: unknown, query = ''): Promise<Reply> {
    const contentType = 'application/apply-patch+yaml';
    return this.send('PATCH', `${path}?fieldManager=${manager}${query}`, body, { contentType });
  }

  /** Opens a watch; the events come one by one and `close` ends it. */
  async watch(path: string): Promise<EventStream> {
    const controller = new AbortController();
    const response = await fetch(this.cluster.url + path, { signal: controller.signal });
    if (response.status !== 200 || response.body === null) throw new Error(`watch: ${response.status}`);
    onTestFinished(() => controller.abort());
    return new EventStream(response.body.getReader());
  }
}

/** The lines of a watch. */
export class EventStream {
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly decoder = new TextDecoder();
  private buffered = '';

  constructor(reader: ReadableStreamDefaultReader<Uint8Array>) {
    this.reader = reader;
  }

  /** The next event, or undefined at the end of the stream. */
  async next(): Promise<Json | undefined> {
    for (;;) {
      const end = this.buffered.indexOf('\n');
      if (end >= 0) {
        const line = this.buffered.slice(0, end);
        this.buffered = this.buffered.slice(end + 1);
        return JSON.parse(line) as Json;
      }
      const chunk = await this.reader.read();
      if (chunk.done) return undefined;
      this.buffered += this.decoder.decode(chunk.value, { stream: true });
    }
  }

  /** `TYPE name` of the next events. */
  async take(count: number): Promise<string[]> {
    const taken: string[] = [];
    for (let index = 0; index < count; index++) {
      const event = await this.next();
      taken.push(
        event === undefined ? 'END' : `${text(event.type)} ${text(event.object.metadata.name ?? event.object.code)}`,
      );
    }
    return taken;
  }
}

/** A server of its own for one test. */
export async function startApi(clock: Clock = systemClock): Promise<Api> {
  const cluster = await startDevCluster({ clock, log: createLogger('error') });
  onTestFinished(() => cluster.close());
  return new Api(cluster);
}

/** A server that knows the Widget kind. */
export async function startWithWidgets(clock: Clock = systemClock): Promise<Api> {
  const api = await startApi(clock);
  const created = await api.post(CRDS, widgetDefinition());
  if (created.status !== 201) throw new Error(JSON.stringify(created.body));
  return api;
}

export const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
export const WIDGETS = '/apis/example.dev/v1alpha1/namespaces/default/widgets';
export const TENANT = '0123456789abcdef0123456789abcdef';

export function widgetDefinition(): Json {
  return parse(readFileSync(join(import.meta.dirname, 'widget-crd.yaml'), 'utf8')) as Json;
}

export function widget(name: string, spec: object = {}, metadata: object = {}) {
  return {
    apiVersion: 'example.dev/v1alpha1',
    kind: 'Widget',
    metadata: { name, ...metadata },
    spec: { tenantId: TENANT, ...spec },
  };
}

export function configMap(name: string, metadata: object = {}, data: object = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}
