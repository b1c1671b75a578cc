import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Router } from '../http/router.ts';
import { readRequestBody } from '../http/server.ts';
import { type Answer, NOT_FOUND, sendAnswer } from './answer.ts';
import { answerFailure } from './failure-answer.ts';

/** One request as handlers see it. */
export interface Call {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The whole body; empty when there is none. Bounded, once only. */
  readonly readBody: () => Promise<string>;
  /** Aborted when the client goes away before it has its answer. */
  readonly signal: AbortSignal;
}

export type Handler = (call: Call) => Promise<Answer>;

export interface Dispatcher {
  readonly listener: RequestListener;
  /** Resolves when no handler runs any more. */
  settled(): Promise<void>;
}

/** Routes requests to handlers and sends their answers; what a handler throws becomes the answer of its reason. */
export function createDispatcher(options: {
  readonly router: Router<Handler>;
  readonly log: Logger;
  /** For requests that come without an `x-request-id`. */
  readonly newRequestId: () => string;
  /** Longest standstill of a streamed answer. */
  readonly stallTimeoutMs: number;
}): Dispatcher {
  const running = new Set<Promise<void>>();
  const listener: RequestListener = (request, response) => {
    const requestId = request.headers['x-request-id']?.toString() ?? options.newRequestId();
    response.setHeader('x-request-id', requestId);
    const log = options.log.child({ request: requestId, method: request.method, path: request.url });
    const work = serve(options, request, response, log).finally(() => running.delete(work));
    running.add(work);
  };
  return {
    listener,
    settled: async () => {
      while (running.size > 0) await Promise.all(running);
    },
  };
}

/** Never rejects: the connection is closed when nothing else is left to say. */
async function serve(
  options: { readonly router: Router<Handler>; readonly stallTimeoutMs: number },
  request: IncomingMessage,
  response: ServerResponse,
  log: Logger,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Failure('ClientGone', 'the client closed the connection')));
  try {
    const answer = await answerRequest(options.router, request, response, gone.signal);
    if (answer.kind !== 'stream' && answer.status >= 500) log.warn({ answer }, 'request failed');
    await sendAnswer(request, response, answer, options.stallTimeoutMs, gone.signal);
  } catch (error) {
    if (error instanceof Failure) log.warn({ reason: error.reason, error: describeError(error) }, 'answer broken off');
    else log.error({ error: describeError(error) }, 'answer broken off');
    response.destroy();
  }
}

async function answerRequest(
  router: Router<Handler>,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<Answer> {
  const [path = '', search = ''] = (request.url ?? '').split('?', 2);
  const match = router.match(request.method ?? '', path);
  if (match === undefined) return NOT_FOUND;
  try {
    return await match.handler({
      params: match.params,
      query: new URLSearchParams(search),
      readBody: () => readRequestBody(request, limits.requestBodyBytesMax),
      signal,
    });
  } catch (error) {
    if (signal.aborted) throw error;
    // Whatever is left of a refused body is not worth reading.
    if (!request.complete) response.setHeader('connection', 'close');
    return answerFailure(error);
  }
}
