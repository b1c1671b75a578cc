import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { type Clock, systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { type DevCluster, startDevCluster } from '../../src/dev-cluster/dev-cluster.ts';
import { type ApiServer, openApi } from '../api-server/api-server.ts';
import { installDefinition } from '../api-server/definitions.ts';

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

/** Raw HTTP to one server, without any Kubernetes client in between. `{namespace}` in a path is the test's own. */
export class Api {
  readonly url: string;
  readonly namespace: string;

  constructor(server: Pick<ApiServer, 'url' | 'namespace'>) {
    this.url = server.url;
    this.namespace = server.namespace;
  }

  /** The URL of a path. */
  at(path: string): string {
    return this.url + path.replaceAll('{namespace}', this.namespace);
  }

  async send(method: string, path: string, body?: unknown, options: SendOptions = {}): Promise<Reply> {
    const response = await fetch(this.at(path), {
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
    const response = await fetch(this.at(path), { signal: controller.signal });
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

/** A server for one test, in the form that this run is about. */
export async function startApi(): Promise<Api> {
  const server = await openApi();
  onTestFinished(() => server[Symbol.asyncDispose]());
  return new Api(server);
}

/** A server that knows the Widget kind. */
export async function startWithWidgets(): Promise<Api> {
  const api = await startApi();
  await installDefinition(api.url, widgetDefinition() as never);
  return api;
}

/** An embedded one, with what only that has: faults, and time that passes as a test likes. */
export async function startEmbedded(clock: Clock = systemClock): Promise<Api & { readonly cluster: DevCluster }> {
  const cluster = await startDevCluster({ clock, log: createLogger('error') });
  onTestFinished(() => cluster.close());
  return Object.assign(new Api({ url: cluster.url, namespace: 'default' }), { cluster });
}

export async function startEmbeddedWithWidgets(clock?: Clock): ReturnType<typeof startEmbedded> {
  const api = await startEmbedded(clock);
  await installDefinition(api.url, widgetDefinition() as never);
  return api;
}

export const CRDS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
export const WIDGETS = '/apis/example.dev/v1alpha1/namespaces/{namespace}/widgets';
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
