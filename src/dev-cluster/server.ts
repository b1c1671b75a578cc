import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { readRequestBytes } from '../http/server.ts';
import type { Answer } from './answer.ts';
import type { Handlers } from './handlers.ts';
import type { metaRoutes } from './meta-routes.ts';
import type { ApiRequest } from './request.ts';
import { NoSuchPath, StatusError } from './status-error.ts';
import type { WatchSink } from './watch.ts';

/** The HTTP side: requests in, answers and Status errors out. */
export function apiListener(routes: ReturnType<typeof metaRoutes>, handlers: Handlers, log: Logger): RequestListener {
  const answer = async (incoming: IncomingMessage, response: ServerResponse) => {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      const request = await readRequest(incoming);
      const route = routes.match(request.method, request.path);
      if (route !== undefined) writeAnswer(response, route.handler(request, route.params));
      else {
        const result = await handlers.handle(request, sinkOf(response), gone.signal);
        if (result !== undefined) writeAnswer(response, result);
      }
    } catch (error) {
      if (response.headersSent) response.destroy();
      else writeAnswer(response, errorAnswer(error, log));
    }
  };
  return (incoming, response) => void answer(incoming, response);
}

async function readRequest(incoming: IncomingMessage): Promise<ApiRequest> {
  const url = new URL(incoming.url ?? '/', 'http://localhost');
  return {
    method: incoming.method ?? 'GET',
    path: url.pathname,
    query: url.searchParams,
    accept: incoming.headers.accept,
    contentType: incoming.headers['content-type'],
    userAgent: incoming.headers['user-agent'] ?? '',
    body: await readRequestBytes(incoming, limits.requestBodyBytesMax),
  };
}

function errorAnswer(error: unknown, log: Logger): Answer {
  const status = asStatusError(error);
  if (status !== error && status.code === 500) log.error({ error: describeError(error) }, 'request failed');
  if (status instanceof NoSuchPath)
    return { status: 404, body: NoSuchPath.text, contentType: 'text/plain; charset=utf-8' };
  return { status: status.code, body: status.toStatus() };
}

function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof Failure && error.reason === 'BodyTooLarge') {
    return new StatusError(413, 'RequestEntityTooLarge', error.message);
  }
  return new StatusError(500, 'InternalError', `Internal error occurred: ${describeError(error)}`);
}

function writeAnswer(response: ServerResponse, answer: Answer): void {
  const contentType = answer.contentType ?? 'application/json';
  const body = typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body);
  const warnings = (answer.warnings ?? []).map((text) => `299 - ${JSON.stringify(text)}`);
  const retryAfter = answer.status === 429 || answer.status === 504 ? { 'retry-after': '1' } : {};
  if (warnings.length > 0) response.setHeader('warning', warnings);
  response.writeHead(answer.status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-cache, private',
    ...retryAfter,
  });
  response.end(body);
}

function sinkOf(response: ServerResponse): WatchSink {
  return {
    open: () => {
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
      response.flushHeaders();
    },
    write: (line) => void response.write(line),
    end: () => void response.end(),
    cut: () => void response.destroy(),
    get backlogBytes() {
      return response.writableLength;
    },
  };
}
