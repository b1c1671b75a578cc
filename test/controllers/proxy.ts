import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What happens to one request instead of being passed on. */
export type Reaction =
  | { readonly kind: 'Answer'; readonly status: number; readonly body: unknown }
  /** Passed on, but late. */
  | { readonly kind: 'Delay'; readonly delayMs: number }
  /** The answer's body is rewritten. */
  | { readonly kind: 'Rewrite'; readonly rewrite: (body: string) => string }
  /** After so many bytes of the answer's body the connection breaks, or falls silent. */
  | { readonly kind: 'Break' | 'Stall'; readonly afterBytes: number };

export interface ProxiedRequest {
  readonly method: string;
  readonly path: string;
  readonly body: string;
}

/** A door in front of a safekeeper at which tests make it misbehave. Its address stays over restarts. */
export interface Proxy extends AsyncDisposable {
  readonly url: string;
  /** Where the safekeeper is now; undefined: gone. */
  target: string | undefined;
  /** Everything that was asked, in order. */
  readonly requests: ProxiedRequest[];
  react: (request: ProxiedRequest) => Reaction | undefined;
}

export async function startProxy(): Promise<Proxy> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => handle(proxy, request, Buffer.concat(chunks), response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const proxy: Proxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target: undefined,
    requests: [],
    react: () => undefined,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}

/** For `react`: the same reaction to all requests whose `METHOD path` matches, at most `times` of them. */
export function onRequest(pattern: RegExp, reaction: Reaction, times = Number.POSITIVE_INFINITY): Proxy['react'] {
  let left = times;
  return ({ method, path }) => (pattern.test(`${method} ${path}`) && left-- > 0 ? reaction : undefined);
}

function handle(proxy: Proxy, request: IncomingMessage, body: Buffer, response: ServerResponse): void {
  const asked = { method: request.method ?? '', path: request.url ?? '', body: body.toString('utf8') };
  proxy.requests.push(asked);
  const reaction = proxy.react(asked);
  if (proxy.target === undefined) {
    response.destroy();
    return;
  }
  switch (reaction?.kind) {
    case 'Delay':
      setTimeout(passOn, reaction.delayMs, proxy.target, request, body, response, undefined);
      return;
    case 'Answer':
      response.writeHead(reaction.status, { 'content-type': 'application/json' });
      response.end(typeof reaction.body === 'string' ? reaction.body : JSON.stringify(reaction.body));
      return;
    default:
      passOn(proxy.target, request, body, response, reaction);
  }
}

function passOn(
  target: string,
  request: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  reaction: Exclude<Reaction, { kind: 'Delay' | 'Answer' }> | undefined,
): void {
  const { connection: _connection, ...headers } = request.headers;
  const upstream = httpRequest(`${target}${request.url}`, { method: request.method, headers, agent: false });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  upstream.on('response', (answer) => {
    answer.on('error', () => response.destroy());
    if (reaction?.kind === 'Rewrite') {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        response.writeHead(answer.statusCode ?? 500, { 'content-type': 'application/json' });
        response.end(reaction.rewrite(Buffer.concat(chunks).toString('utf8')));
      });
      return;
    }
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    let passed = 0;
    answer.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      response.write(chunk);
      if (reaction === undefined || passed < reaction.afterBytes) return;
      answer.pause();
      if (reaction.kind === 'Break') response.destroy();
    });
    answer.on('end', () => response.end());
    answer.on('close', () => {
      if (!answer.complete && reaction?.kind !== 'Stall') response.destroy();
    });
  });
  upstream.end(body);
}
