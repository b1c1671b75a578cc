import { startDeadline } from '../base/deadline.ts';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { HttpRequest, HttpResponse, HttpStream } from '../http/client.ts';
import { apiErrorFromBody, parseRetryAfterMs } from './api-error.ts';
import type { AccessSource, KubeAccess } from './kube-access.ts';
import { KubeConnections } from './kube-connections.ts';
import {
  apiVersionOf,
  type KubeList,
  type KubeObject,
  type ObjectName,
  type ResourceType,
  resourcePath,
} from './object.ts';
import type { Runtime } from './runtime.ts';

/** Which objects of a type. Selectors have kubectl's syntax. */
export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Server-side apply: the manager owns exactly the fields it sends; `force` takes them from other managers. */
export interface ApplyOptions {
  readonly fieldManager: string;
  readonly force?: boolean;
}

/** What server-side apply sends: only the fields that the manager wants to own. */
export type ApplyBody = Pick<KubeObject, 'metadata'> & Readonly<Record<string, unknown>>;

export interface DeleteOptions {
  /** Refuses to delete an object that is not this one any more. */
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

interface ApiRequest {
  readonly method: HttpRequest['method'];
  readonly path: string;
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly bodyBytesMax?: number;
}

/**
 * The Kubernetes API over pooled connections. Objects are plain JSON and are not validated: the API server did.
 * Every call ends within `callTimeoutMs`; it throws a KubeApiError for an answer that is no success, else the HTTP
 * client's Failure. A 401 reads the credentials again once; 429 and 503 are retried when the server says after how long.
 */
export class KubeClient implements AsyncDisposable {
  private readonly connections: KubeConnections;
  private readonly runtime: Runtime;
  private readonly callTimeoutMs: number;

  constructor(access: AccessSource, runtime: Runtime, options: { callTimeoutMs?: number } = {}) {
    this.connections = new KubeConnections(access);
    this.runtime = runtime;
    this.callTimeoutMs = options.callTimeoutMs ?? limits.kubeCallTimeoutMs;
  }

  get<T extends KubeObject>(type: ResourceType<T>, at: ObjectName, signal: AbortSignal): Promise<T> {
    return this.call({ method: 'GET', path: resourcePath(type, at) }, signal);
  }

  /** One page; give `continueToken` of the last page for the next. Throws reason `Expired` when that took too long. */
  async list<T extends KubeObject>(
    type: ResourceType<T>,
    selection: Selection,
    continueToken: string | undefined,
    signal: AbortSignal,
  ): Promise<KubeList<T>> {
    const { namespace, ...selectors } = selection;
    const query = { ...selectors, limit: String(limits.kubeListPageItems), continue: continueToken };
    const path = resourcePath(type, namespace === undefined ? {} : { namespace });
    const request: ApiRequest = { method: 'GET', path, query, bodyBytesMax: limits.kubeListBytesMax };
    const list = await this.call<KubeList<T>>(request, signal);
    // The items of built-in lists name neither their kind nor their version.
    const typeMeta = { apiVersion: apiVersionOf(type), kind: type.kind };
    return { ...list, items: list.items.map((item) => (item.kind === undefined ? { ...typeMeta, ...item } : item)) };
  }

  create<T extends KubeObject>(type: ResourceType<T>, object: T, signal: AbortSignal): Promise<T> {
    const { namespace } = object.metadata;
    const path = resourcePath(type, namespace === undefined ? {} : { namespace });
    return this.call({ method: 'POST', path, body: object, contentType: 'application/json' }, signal);
  }

  /** Throws reason `Conflict` when the object's resourceVersion is not the current one. */
  replace<T extends KubeObject>(type: ResourceType<T>, object: T, signal: AbortSignal): Promise<T> {
    const path = resourcePath(type, object.metadata);
    return this.call({ method: 'PUT', path, body: object, contentType: 'application/json' }, signal);
  }

  mergePatch<T extends KubeObject>(
    type: ResourceType<T>,
    at: ObjectName,
    patch: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<T> {
    return this.patch(type, at, undefined, 'application/merge-patch+json', patch, {}, signal);
  }

  patchStatus<T extends KubeObject>(
    type: ResourceType<T>,
    at: ObjectName,
    patch: Readonly<Record<string, unknown>>,
    signal: AbortSignal,
  ): Promise<T> {
    return this.patch(type, at, 'status', 'application/merge-patch+json', patch, {}, signal);
  }

  /** Creates or changes. A resourceVersion in the metadata makes it conditional. */
  apply<T extends KubeObject>(
    type: ResourceType<T>,
    body: ApplyBody,
    options: ApplyOptions,
    signal: AbortSignal,
  ): Promise<T> {
    return this.applyTo(type, undefined, body, options, signal);
  }

  applyStatus<T extends KubeObject>(
    type: ResourceType<T>,
    body: ApplyBody,
    options: ApplyOptions,
    signal: AbortSignal,
  ): Promise<T> {
    return this.applyTo(type, 'status', body, options, signal);
  }

  async delete(type: ResourceType, at: ObjectName, options: DeleteOptions, signal: AbortSignal): Promise<void> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...options };
    await this.call({ method: 'DELETE', path: resourcePath(type, at), body, contentType: 'application/json' }, signal);
  }

  /**
   * Opens a watch that starts after `resourceVersion` and that the server ends after `timeoutSeconds`; bookmarks are
   * asked for. The body's lines are WatchMessages; the caller must read or destroy it and detect its silence.
   */
  async watch(
    type: ResourceType,
    selection: Selection,
    from: { readonly resourceVersion: string; readonly timeoutSeconds: number },
    signal: AbortSignal,
  ): Promise<HttpStream['body']> {
    const { namespace, ...selectors } = selection;
    const request: ApiRequest = {
      method: 'GET',
      path: resourcePath(type, namespace === undefined ? {} : { namespace }),
      query: {
        ...selectors,
        watch: '1',
        allowWatchBookmarks: 'true',
        resourceVersion: from.resourceVersion,
        timeoutSeconds: String(from.timeoutSeconds),
      },
    };
    const stream = await this.connections.send(async (connection) => {
      const opened = await connection.watches.stream(this.toHttp(connection.access, request), signal);
      return { ...opened, errorText: opened.status === 200 ? '' : await readErrorBody(opened.body) };
    }, signal);
    this.runtime.metrics.apiCalls.inc({ method: 'WATCH', code: stream.status });
    if (stream.status === 200) return stream.body;
    const retryAfter = stream.headers['retry-after'];
    throw apiErrorFromBody(stream.status, stream.errorText, `WATCH ${request.path}`, retryAfter);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.connections[Symbol.asyncDispose]();
  }

  private applyTo<T extends KubeObject>(
    type: ResourceType<T>,
    subresource: 'status' | undefined,
    body: ApplyBody,
    options: ApplyOptions,
    signal: AbortSignal,
  ): Promise<T> {
    const full = { ...body, apiVersion: apiVersionOf(type), kind: type.kind };
    const query = { fieldManager: options.fieldManager, force: options.force === true ? 'true' : undefined };
    // JSON is YAML.
    return this.patch(type, body.metadata, subresource, 'application/apply-patch+yaml', full, query, signal);
  }

  private patch<T extends KubeObject>(
    type: ResourceType<T>,
    at: ObjectName,
    subresource: 'status' | undefined,
    contentType: string,
    body: unknown,
    query: Readonly<Record<string, string | undefined>>,
    signal: AbortSignal,
  ): Promise<T> {
    return this.call({ method: 'PATCH', path: resourcePath(type, at, subresource), query, body, contentType }, signal);
  }

  private async call<T>(request: ApiRequest, signal: AbortSignal): Promise<T> {
    const what = `${request.method} ${request.path}`;
    using deadline = startDeadline(this.callTimeoutMs, what, signal);
    for (let retry = 0; ; retry++) {
      const response = await this.connections.send(
        (connection) => connection.calls.request(this.toHttp(connection.access, request), deadline.signal),
        deadline.signal,
      );
      this.runtime.metrics.apiCalls.inc({ method: request.method, code: response.status });
      if (response.status >= 200 && response.status < 300) return parseObject(response, what) as T;
      const pauseMs = pauseBeforeRetryMs(response);
      if (pauseMs === undefined || retry === limits.kubeRetriesMax) {
        throw apiErrorFromBody(response.status, response.text, what, response.headers['retry-after']);
      }
      await this.runtime.clock.sleep(pauseMs, deadline.signal);
    }
  }

  private toHttp(access: KubeAccess, request: ApiRequest): HttpRequest {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) if (value !== undefined) query.set(name, value);
    const headers: Record<string, string> = { ...access.headers, accept: 'application/json' };
    if (request.contentType !== undefined) headers['content-type'] = request.contentType;
    return {
      method: request.method,
      url: `${access.server}${request.path}${query.size === 0 ? '' : `?${query.toString()}`}`,
      headers,
      timeoutMs: this.callTimeoutMs,
      bodyBytesMax: request.bodyBytesMax ?? limits.kubeObjectBytesMax,
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    };
  }
}

/** Undefined when another try would not help, or would be later than we are willing to wait. */
function pauseBeforeRetryMs(response: HttpResponse): number | undefined {
  if (response.status !== 429 && response.status !== 503) return undefined;
  const pauseMs = parseRetryAfterMs(response.headers['retry-after']);
  return pauseMs !== undefined && pauseMs <= limits.kubeRetryAfterMsMax ? pauseMs : undefined;
}

function parseObject(response: HttpResponse, what: string): unknown {
  try {
    return JSON.parse(response.text);
  } catch (cause) {
    throw new Failure('InvalidJson', `${what}: the answer is not JSON`, { cause });
  }
}

async function readErrorBody(body: HttpStream['body']): Promise<string> {
  let text = '';
  for await (const chunk of body) {
    text += chunk.toString('utf8');
    if (text.length > limits.errorBodyBytesMax) break;
  }
  return text;
}
