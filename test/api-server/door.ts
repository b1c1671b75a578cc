import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { AddressInfo } from 'node:net';

/** What stands behind a door. `headers` go with every request that brings no Authorization of its own. */
export interface DoorTarget {
  readonly url: string;
  readonly ca?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Instead of the API server's answer, or before it. */
export type ApiReaction =
  | { readonly kind: 'Answer'; readonly status: number; readonly headers?: object; readonly body: unknown }
  | { readonly kind: 'Delay'; readonly delayMs: number };

export interface ApiRequestLine {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly isWatch: boolean;
}

/** A plain HTTP door in front of an API server, at which tests make it and the network misbehave. */
export interface ApiDoor extends AsyncDisposable {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  react: (request: ApiRequestLine) => ApiReaction | undefined;
  /** Breaks the connection of every running watch. */
  dropWatches(): void;
  /** Nothing comes any more on the watches that run now, and nobody says so: a proxy forgot them. */
  silenceWatches(): void;
  /** Keeps every watch open but silent, bookmarks included, until disposed; what was withheld follows then. */
  freezeWatches(): Disposable;
  /** Breaks all connections and accepts no other until disposed. */
  close(): Disposable;
  /** Watches running now. */
  watchCount(): number;
}

export async function openDoor(target: DoorTarget): Promise<ApiDoor> {
  const state = { frozen: 0, closed: 0, watches: new Set<Watch>() };
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    const line = { method: request.method ?? 'GET', path, isWatch: /[?&]watch=(?:1|true)\b/.test(path) };
    const reaction = door.react(line);
    if (state.closed > 0) response.destroy();
    else if (reaction?.kind === 'Answer') {
      request.resume();
      response.writeHead(reaction.status, { 'content-type': 'application/json', ...reaction.headers });
      response.end(typeof reaction.body === 'string' ? reaction.body : JSON.stringify(reaction.body));
    } else if (reaction?.kind === 'Delay') {
      setTimeout(() => passOn(target, line, request, response, state), reaction.delayMs);
    } else passOn(target, line, request, response, state);
  });
  server.on('connection', (socket) => {
    if (state.closed > 0) socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const door: ApiDoor = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    react: () => undefined,
    dropWatches: () => {
      for (const { response } of state.watches) response.destroy();
    },
    silenceWatches: () => {
      for (const { upstream } of state.watches) upstream.removeAllListeners('data').resume();
    },
    freezeWatches: () => {
      state.frozen++;
      for (const { upstream } of state.watches) upstream.pause();
      return once(() => {
        if (--state.frozen === 0) for (const { upstream } of state.watches) upstream.resume();
      });
    },
    close: () => {
      state.closed++;
      server.closeAllConnections();
      return once(() => state.closed--);
    },
    watchCount: () => state.watches.size,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return door;
}

interface Watch {
  readonly upstream: IncomingMessage;
  readonly response: ServerResponse;
}

function passOn(
  target: DoorTarget,
  { method, path, isWatch }: ApiRequestLine,
  request: IncomingMessage,
  response: ServerResponse,
  state: { readonly frozen: number; readonly watches: Set<Watch> },
): void {
  const { connection: _connection, host: _host, ...headers } = request.headers;
  const send = target.url.startsWith('https:') ? httpsRequest : httpRequest;
  const upstream = send(`${target.url}${path}`, {
    method,
    headers: { ...(headers.authorization === undefined ? target.headers : {}), ...headers },
    ...(target.ca === undefined ? {} : { ca: target.ca }),
  });
  upstream.on('error', () => response.destroy());
  response.on('close', () => upstream.destroy());
  upstream.on('response', (answer) => {
    response.writeHead(answer.statusCode ?? 500, answer.headers);
    response.flushHeaders();
    answer.on('data', (chunk: Buffer) => response.write(chunk));
    answer.on('end', () => response.end());
    answer.on('error', () => response.destroy());
    answer.on('close', () => {
      if (!answer.complete) response.destroy();
    });
    if (!isWatch) return;
    const watch = { upstream: answer, response };
    state.watches.add(watch);
    response.on('close', () => state.watches.delete(watch));
    if (state.frozen > 0) answer.pause();
  });
  request.pipe(upstream);
}

function once(undo: () => unknown): Disposable {
  let undone = false;
  return {
    [Symbol.dispose]: () => {
      if (!undone) undo();
      undone = true;
    },
  };
}
