import type { IncomingMessage, ServerResponse } from 'node:http';
import { listen, readRequestBody } from '../../../src/http/server.ts';
import type { KubeObject } from '../../../src/kube/object.ts';

/** One request that arrived. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

/** What one request is answered with. */
export type Step = (response: ServerResponse, seen: Seen) => void | Promise<void>;

export interface ScriptedApi extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly Seen[];
}

/** An API server that answers its requests with the steps in order, and leaves later ones without an answer. */
export async function startScriptedApi(steps: readonly Step[]): Promise<ScriptedApi> {
  const seen: Seen[] = [];
  const server = await listen(
    (request, response) => {
      const url = new URL(request.url ?? '/', 'http://localhost');
      readRequestBody(request, 1_000_000)
        .then(async (text) => {
          const body: unknown = text === '' ? undefined : JSON.parse(text);
          const { method = '', headers } = request;
          const one = { method, path: url.pathname, query: url.searchParams, headers, body };
          await steps[seen.push(one) - 1]?.(response, one);
        })
        .catch((error: unknown) => response.destroy(error as Error));
    },
    { host: '127.0.0.1', port: 0 },
  );
  return { url: server.url, seen, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Step {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

export function status(code: number, reason: string, headers: Readonly<Record<string, string>> = {}): Step {
  return json(code, statusBody(code, reason), headers);
}

export function statusBody(code: number, reason: string): object {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message: `scripted ${reason}` };
}

export function page(items: readonly KubeObject[], resourceVersion: string, continueToken?: string): Step {
  return json(200, { metadata: { resourceVersion, ...(continueToken && { continue: continueToken }) }, items });
}

/** One line of a watch. */
export function line(type: string, object: unknown): string {
  return `${JSON.stringify({ type, object })}\n`;
}

export function bookmark(resourceVersion: string): string {
  return line('BOOKMARK', { kind: 'Widget', metadata: { resourceVersion } });
}

/** A watch that sends `text`, then ends cleanly, is cut, or stays open and silent. */
export function watch(text: string, then: 'end' | 'cut' | 'silence'): Step {
  return (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    response.write(text, () => {
      if (then === 'end') response.end();
      if (then === 'cut') response.destroy();
    });
  };
}
