import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Clock } from '../base/clock.ts';
import { describeError, Failure } from '../base/failure.ts';
import type { Logger } from '../base/log.ts';
import type { RouteMatch, Router } from '../http/router.ts';
import { readRequestBody } from '../http/server.ts';
import type { TokenVerifier } from '../http/token-verifier.ts';
import type { AgentMetrics } from '../observability/agent-metrics.ts';
import { type Access, type Caller, identifyCaller, requireAccess } from './access.ts';
import { type Answer, NOT_FOUND, sendAnswer } from './answer.ts';
import { answerFailure } from './failure-answer.ts';

/** One request as handlers see it. */
export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** May call this route; `TenantOfBody` is left to the handler. */
  readonly caller: Caller;
  /** The whole body; empty when there is none. Bounded, once only. */
  readonly readBody: () => Promise<string>;
  /** Aborted when the client goes away before it has its answer. */
  readonly signal: AbortSignal;
}

export type Handler = (call: Call) => Promise<Answer>;

export interface Route {
  readonly access: Access;
  readonly handle: Handler;
}

export interface Dispatcher {
  readonly listener: RequestListener;
  /** Resolves when no handler runs any more. */
  settled(): Promise<void>;
}

export interface DispatcherOptions {
  readonly router: Router<Route>;
  /** Undefined: nobody needs a token. */
  readonly tokens: TokenVerifier | undefined;
  readonly metrics: Pick<AgentMetrics, 'requests' | 'requestSeconds'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** For requests that come without an `x-request-id`. */
  readonly newRequestId: () => string;
  /** Longest standstill of a streamed answer. */
  readonly stallTimeoutMs: number;
  readonly requestBodyBytesMax: number;
}

/** One request on its way through the dispatcher. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Undefined for a path or method that nobody knows. */
  readonly match: RouteMatch<Route> | undefined;
  readonly search: string;
  readonly log: Logger;
}

/**
 * Routes requests to handlers, if the caller may call them, and sends their answers; what a handler throws becomes the answer
 * of its reason.
 */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const running = new Set<Promise<void>>();
  const listener: RequestListener = (request, response) => {
    const requestId = request.headers['x-request-id']?.toString() ?? options.newRequestId();
    response.setHeader('x-request-id', requestId);
    const log = options.log.child({ request: requestId, method: request.method, path: request.url });
    const [path = '', search = ''] = (request.url ?? '').split('?', 2);
    const match = options.router.match(request.method ?? '', path);
    measure(options, request, response, match?.pattern ?? 'unknown');
    const work = serve(options, { request, response, match, search, log }).finally(() => running.delete(work));
    running.add(work);
  };
  return {
    listener,
    settled: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

function measure(
  { metrics, clock }: DispatcherOptions,
  request: IncomingMessage,
  response: ServerResponse,
  route: string,
): void {
  const method = request.method ?? '';
  const startedMs = clock.monotonicMs();
  response.once('close', () => {
    const status = response.writableFinished ? String(response.statusCode) : 'broken';
    metrics.requests.inc({ method, route, status });
    metrics.requestSeconds.observe({ method, route }, (clock.monotonicMs() - startedMs) / 1000);
  });
}

/** Never rejects: the connection is closed when nothing else is left to say. */
async function serve(options: DispatcherOptions, exchange: Exchange): Promise<void> {
  const { request, response, log } = exchange;
  const gone = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) gone.abort(new Failure('ClientGone', 'the client closed the connection'));
  });
  try {
    const answer = await answerRequest(options, exchange, gone.signal);
    if (answer.kind !== 'stream' && answer.status >= 500) log.warn({ answer }, 'request failed');
    await sendAnswer(request, response, answer, options.stallTimeoutMs, gone.signal);
  } catch (error) {
    if (error instanceof Failure) log.warn({ reason: error.reason, error: describeError(error) }, 'answer broken off');
    else log.error({ error: describeError(error) }, 'answer broken off');
    response.destroy();
  }
}

async function answerRequest(options: DispatcherOptions, exchange: Exchange, signal: AbortSignal): Promise<Answer> {
  const { request, response, match, search, log } = exchange;
  try {
    const caller = await admit(options.tokens, request, match, log);
    if (match === undefined) return NOT_FOUND;
    return await match.handler.handle({
      params: match.params,
      query: new URLSearchParams(search),
      caller,
      readBody: () => readRequestBody(request, options.requestBodyBytesMax),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    // Whatever is left of a refused body is not worth reading.
    if (!request.complete) response.setHeader('connection', 'close');
    return answerFailure(error);
  }
}

/** Who calls, if they may. A stranger is not even told which routes there are. */
async function admit(
  tokens: TokenVerifier | undefined,
  request: IncomingMessage,
  match: RouteMatch<Route> | undefined,
  log: Logger,
): Promise<Caller> {
  if (match?.handler.access === 'Anyone') return { kind: 'Anyone' };
  const caller = await identifyCaller(tokens, request.headers.authorization, log);
  if (match !== undefined) requireAccess(caller, match.handler.access, match.params['tenant_id']);
  return caller;
}
