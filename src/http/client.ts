import { callbackify } from 'node:util';
import { Agent, buildConnector, type Dispatcher } from 'undici';
import { startDeadline, untilAborted } from '../base/deadline.ts';
import { describeError, errorCode, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { type Download, download } from './download.ts';
import type { Reloaded } from './reloaded.ts';
import { SocketReaders } from './socket-reader.ts';
import type { ClientTls } from './tls.ts';

/**
 * A bearer token that may change while the program runs; `refresh` is asked once after a 401, or after a 403, which is
 * how safekeepers refuse an expired token.
 */
export interface TokenSource {
  current(): Promise<string | undefined>;
  refresh(): Promise<string | undefined>;
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For the whole exchange; streams only use it up to the headers. */
  readonly timeoutMs: number;
  /** A longer body is an error. */
  readonly bodyBytesMax?: number;
}

/** A GET whose body may be of any length. */
export type DownloadRequest = Pick<HttpRequest, 'url' | 'headers' | 'timeoutMs'>;

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** A body that is still arriving. The iteration throws when the connection breaks or the body is cut. */
export interface HttpStream {
  readonly status: number;
  readonly headers: HttpResponse['headers'];
  readonly body: AsyncIterable<Buffer> & { destroy(error?: Error): void };
}

interface ResponseData extends HttpStream {
  readonly body: Dispatcher.ResponseData['body'];
}

export interface HttpClientOptions {
  readonly connectionsPerHostMax?: number;
  readonly token?: TokenSource;
  /** PEM. */
  readonly ca?: string;
  readonly clientCertificate?: { readonly cert: string; readonly key: string };
  readonly serverName?: string;
  /** Asked before each new connection; goes before `ca` and `clientCertificate`. */
  readonly tls?: Reloaded<ClientTls>;
  /** False takes any certificate: only for those who asked for it by name (`insecure-skip-tls-verify`). */
  readonly tlsVerify?: boolean;
}

/** Something that sends requests with deadlines, as {@link HttpClient} promises it. */
export type HttpSender = Pick<HttpClient, 'request' | 'stream'>;

/**
 * Pooled HTTP with deadlines. Every failure to get an answer is a Failure `Unreachable`, `DeadlineExceeded` or
 * `BodyTooLarge`; an answer of any status is a value. Redirects are not followed.
 */
export class HttpClient implements AsyncDisposable {
  private readonly dispatcher: Dispatcher;
  private readonly token: TokenSource | undefined;
  private readonly downloads = new SocketReaders();

  constructor(options: HttpClientOptions = {}) {
    this.token = options.token;
    this.dispatcher = new Agent({
      connections: options.connectionsPerHostMax ?? 8,
      pipelining: 1,
      // Deadlines are ours: a pull may be silent for as long as the transfer takes.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: createConnector(options),
    });
  }

  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    using deadline = startDeadline(request.timeoutMs, `${request.method} ${request.url}`, signal);
    try {
      const response = await this.send(request, deadline.signal);
      const text = await readBody(response.body, request.bodyBytesMax ?? limits.statusBodyBytesMax);
      return { status: response.status, headers: response.headers, text };
    } catch (cause) {
      throw asFailure(request, cause, deadline.signal);
    }
  }

  /** Resolves with the headers; the signal also ends the body. The caller must read or destroy the body. */
  async stream(request: HttpRequest, signal: AbortSignal): Promise<HttpStream> {
    using deadline = startDeadline(request.timeoutMs, `${request.method} ${request.url}`, signal);
    const controller = new AbortController();
    const abort = () => controller.abort(deadline.signal.aborted ? deadline.signal.reason : signal.reason);
    if (deadline.signal.aborted) abort();
    else deadline.signal.addEventListener('abort', abort, { once: true });
    try {
      const response = await this.send(request, controller.signal);
      signal.addEventListener('abort', abort, { once: true });
      // A body that is destroyed or aborted while nobody reads it must not end the process; readers still get the error.
      response.body.on('error', () => undefined);
      response.body.once('close', () => signal.removeEventListener('abort', abort));
      return response;
    } catch (cause) {
      throw asFailure(request, cause, controller.signal);
    } finally {
      deadline.signal.removeEventListener('abort', abort);
    }
  }

  /**
   * Like {@link HttpClient.stream}, for a GET of gigabytes: a chunk of the body is only good until the next one is asked
   * for. Over plain HTTP it has a connection of its own, beside the general client, which needs several times the CPU time.
   */
  async download(request: DownloadRequest, signal: AbortSignal): Promise<Download> {
    const get: HttpRequest = { ...request, method: 'GET' };
    if (!/^http:/i.test(request.url)) return await this.stream(get, signal);
    using deadline = startDeadline(request.timeoutMs, `GET ${request.url}`, signal);
    try {
      const attempt = (token: string | undefined) =>
        download(
          { url: new URL(get.url), headers: headersOf(get, token), sockets: this.downloads },
          deadline.signal,
          signal,
        );
      const drop = async ({ body }: Download) => body.destroy();
      return await this.withToken(attempt, drop, deadline.signal);
    } catch (cause) {
      throw asFailure(get, cause, deadline.signal);
    }
  }

  /** Takes no more requests, and resolves when those under way have ended and the connections are closed. */
  async close(): Promise<void> {
    await this.dispatcher.close();
  }

  /** Ends the requests under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.downloads[Symbol.dispose]();
    await this.dispatcher.destroy();
  }

  private async send(request: HttpRequest, signal: AbortSignal): Promise<ResponseData> {
    const attempt = async (token: string | undefined) => {
      const { statusCode: status, headers, body } = await this.sendOnce(request, token, signal);
      return { status, headers, body };
    };
    return await this.withToken(attempt, ({ body }) => body.dump(), signal);
  }

  private async withToken<Answer extends { readonly status: number }>(
    attempt: (token: string | undefined) => Promise<Answer>,
    drop: (answer: Answer) => Promise<void>,
    signal: AbortSignal,
  ): Promise<Answer> {
    const token = this.token && (await untilAborted(this.token.current(), signal));
    const answer = await attempt(token);
    if (this.token === undefined || (answer.status !== 401 && answer.status !== 403)) return answer;
    const fresh = await untilAborted(this.token.refresh(), signal);
    if (fresh === token) return answer;
    await drop(answer);
    return await attempt(fresh);
  }

  private sendOnce(request: HttpRequest, token: string | undefined, signal: AbortSignal) {
    const url = new URL(request.url);
    return this.dispatcher.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: request.method,
      headers: headersOf(request, token),
      body: request.body ?? null,
      signal,
    });
  }
}

function headersOf({ headers }: HttpRequest, token: string | undefined): Record<string, string> {
  return { ...headers, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
}

/** Makes connections with what is trusted and shown at the time; those that there are stay as they are. */
function createConnector(options: HttpClientOptions): buildConnector.connector {
  const { tls } = options;
  if (tls === undefined) return connectWith(options, options);
  let known: { readonly tls: ClientTls; readonly connect: buildConnector.connector } | undefined;
  const connector = callbackify(async () => {
    const next = await tls.current();
    if (known?.tls !== next) known = { tls: next, connect: connectWith(options, next) };
    return known.connect;
  });
  return (target, callback) =>
    connector((error: Error | null, connect) => {
      if (error === null) connect(target, callback);
      else callback(error, null);
    });
}

function connectWith(options: HttpClientOptions, { ca, clientCertificate }: ClientTls): buildConnector.connector {
  return buildConnector({
    timeout: limits.probeTimeoutMs,
    ...(ca === undefined ? {} : { ca }),
    ...clientCertificate,
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    ...(options.tlsVerify === false ? { rejectUnauthorized: false } : {}),
  });
}

async function readBody(body: AsyncIterable<Buffer>, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > bytesMax) throw new Failure('BodyTooLarge', `the answer is larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function asFailure(request: HttpRequest, cause: unknown, signal: AbortSignal): unknown {
  if (signal.aborted) return signal.reason;
  if (cause instanceof Failure) return cause;
  const detail = describeError(cause) || errorCode(cause) || 'unknown error';
  return new Failure('Unreachable', `${request.method} ${request.url}: ${detail}`, { cause });
}
