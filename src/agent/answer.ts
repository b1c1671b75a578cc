import type { IncomingMessage, ServerResponse } from 'node:http';
import { startDeadline } from '../base/deadline.ts';
import { stringifyLosslessJson } from '../http/json.ts';

/** What a handler answers. A `stream` has status 200 and a chunked body; the iteration throws to break it off. */
export type Answer =
  | { readonly kind: 'json'; readonly status: number; readonly body: unknown }
  | { readonly kind: 'text'; readonly status: number; readonly contentType: string; readonly text: string }
  | {
      readonly kind: 'stream';
      readonly open: (signal: AbortSignal) => AsyncIterable<Uint8Array>;
      /** For clients whose `accept-encoding` names it. */
      readonly coding?: ContentCoding;
    };

export interface ContentCoding {
  readonly name: string;
  readonly encode: (content: AsyncIterable<Uint8Array>) => AsyncIterable<Uint8Array>;
}

/** 200. `bigint` values are written as plain integers. */
export function jsonAnswer(body: unknown): Answer {
  return { kind: 'json', status: 200, body };
}

/** An error answer as safekeepers give it. */
export function errorAnswer(status: number, message: string): Answer {
  return { kind: 'json', status, body: { msg: message } };
}

/** For unknown paths and wrong methods. */
export const NOT_FOUND: Answer = { kind: 'text', status: 404, contentType: 'text/plain', text: 'Not Found' };

/**
 * Sends the answer. A stream that fails, stands still for `stallTimeoutMs` (also because the client takes nothing) or whose
 * signal aborts is broken off by closing the connection without the terminating chunk, never ended short. What a failing
 * stream gave before reaches the client first. Rejects with the failure.
 */
export async function sendAnswer(
  request: IncomingMessage,
  response: ServerResponse,
  answer: Answer,
  stallTimeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  switch (answer.kind) {
    case 'json':
      return sendWhole(response, answer.status, 'application/json', stringifyLosslessJson(answer.body));
    case 'text':
      return sendWhole(response, answer.status, answer.contentType, answer.text);
    case 'stream':
      // Without chunks an early end of the body looks like its end.
      if (request.httpVersion !== '1.1') {
        const body = { msg: 'this answer is streamed in chunks: ask with HTTP/1.1' };
        return sendWhole(response, 505, 'application/json', stringifyLosslessJson(body));
      }
      return await sendStream(response, answer, acceptedCoding(request, answer.coding), stallTimeoutMs, signal);
  }
}

function sendWhole(response: ServerResponse, status: number, contentType: string, text: string): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Only by its name: whoever says `*` means the codings that everybody knows. */
function acceptedCoding(request: IncomingMessage, coding: ContentCoding | undefined): ContentCoding | undefined {
  const accepted = (request.headers['accept-encoding'] ?? '').split(',');
  return accepted.some((name) => name.trim().toLowerCase() === coding?.name) ? coding : undefined;
}

async function sendStream(
  response: ServerResponse,
  { open }: Extract<Answer, { kind: 'stream' }>,
  coding: ContentCoding | undefined,
  stallTimeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  using stall = startDeadline(stallTimeoutMs, 'the next chunk of the answer', signal);
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'transfer-encoding': 'chunked',
    ...(coding === undefined ? {} : { 'content-encoding': coding.name }),
  });
  response.flushHeaders();
  let flushed = Promise.resolve();
  try {
    const content = open(stall.signal);
    for await (const chunk of coding === undefined ? content : coding.encode(content)) {
      // One chunk is on its way to the client while the next one is read; the one before it may then be overwritten.
      await flushed;
      stall.extend();
      flushed = write(response, chunk, stall.signal);
      // A rejection is for the next turn, which may be a while.
      flushed.catch(() => {});
    }
    await end(response, stall.signal);
  } catch (error) {
    await flushed.catch(() => {});
    response.destroy();
    throw error;
  }
}

/** Resolves when the system has taken the bytes. */
function write(response: ServerResponse, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  return untilAborted(signal, (done) => response.write(chunk, done));
}

function end(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return untilAborted(signal, (done) => response.end(done));
}

function untilAborted(signal: AbortSignal, start: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const onAbort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    start((error) => {
      signal.removeEventListener('abort', onAbort);
      if (error) reject(error);
      else resolve();
    });
  });
}
