import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { Reloaded } from './reloaded.ts';
import type { ServerTls } from './tls.ts';

/** How exactly the timeouts are kept. */
const CHECK_INTERVAL_MS = 1_000;
const CLOSE_SWEEP_INTERVAL_MS = 50;

export interface ListenOptions {
  readonly host: string;
  /** 0 lets the system pick. */
  readonly port: number;
  /** A further connection is closed at once; `limits.connectionsMax` unless given. */
  readonly connectionsMax?: number;
  /**
   * For a request's headers, and for a TLS handshake; a connection that stays silent from the start counts as one.
   * `limits.requestHeadersTimeoutMs` unless given.
   */
  readonly headersTimeoutMs?: number;
  /** For a request with its body; `limits.requestTimeoutMs` unless given. */
  readonly requestTimeoutMs?: number;
  /** For the next request on a connection; `limits.connectionIdleTimeoutMs` unless given. */
  readonly idleTimeoutMs?: number;
  /** Serves HTTPS. What changes is for new connections; those that there are go on. */
  readonly tls?: Reloaded<ServerTls>;
}

/** A listening HTTP server. Disposing it closes every connection at once. */
export interface RunningServer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** Without a trailing slash: `http://127.0.0.1:7676`. */
  readonly url: string;
  /** Takes no new connections, lets running requests finish for `graceMs`, then closes the rest. */
  close(graceMs: number): Promise<void>;
}

/** Starts a server whose clients cannot hold it with slow headers or bodies; answers are not limited in time. */
export async function listen(handler: RequestListener, options: ListenOptions): Promise<RunningServer> {
  const server = await createAnyServer(handler, options);
  server.maxConnections = options.connectionsMax ?? limits.connectionsMax;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  const close = closer(server);
  return {
    host: options.host,
    port,
    url: `${options.tls === undefined ? 'http' : 'https'}://${options.host}:${port}`,
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
}

async function createAnyServer(handler: RequestListener, options: ListenOptions): Promise<Server | TlsServer> {
  const requestTimeoutMs = options.requestTimeoutMs ?? limits.requestTimeoutMs;
  const headersTimeoutMs = Math.min(options.headersTimeoutMs ?? limits.requestHeadersTimeoutMs, requestTimeoutMs);
  const serverOptions: ServerOptions = {
    headersTimeout: headersTimeoutMs,
    requestTimeout: requestTimeoutMs,
    keepAliveTimeout: options.idleTimeoutMs ?? limits.connectionIdleTimeoutMs,
    connectionsCheckingInterval: CHECK_INTERVAL_MS,
    maxHeaderSize: limits.requestHeaderBytesMax,
  };
  const { tls } = options;
  if (tls === undefined) return createServer(serverOptions, handler);
  let shown = await tls.current();
  const asksClients = shown.clientCa !== undefined;
  const server = createTlsServer(
    {
      ...serverOptions,
      ...secureContextOptions(shown),
      handshakeTimeout: headersTimeoutMs,
      requestCert: asksClients,
      rejectUnauthorized: asksClients,
    },
    handler,
  );
  const renew = async () => {
    const next = await tls.current();
    if (next !== shown) server.setSecureContext(secureContextOptions(next));
    shown = next;
  };
  // `current` does not fail, and what it gives was tried before.
  const timer = setInterval(() => void renew(), limits.credentialRecheckMs);
  server.once('close', () => clearInterval(timer));
  return server;
}

function secureContextOptions({ cert, key, clientCa }: ServerTls) {
  return { cert, key, minVersion: 'TLSv1.2', ...(clientCa === undefined ? {} : { ca: clientCa }) } as const;
}

/** The way to close a server once. */
function closer(server: Server | TlsServer): RunningServer['close'] {
  // A connection in its TLS handshake is none to the HTTP server yet, so all are kept here.
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  const closeAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return (graceMs) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(closeAll, graceMs);
      // A connection whose last request ends from now on would stay open for the next one.
      const sweep = setInterval(() => server.closeIdleConnections(), CLOSE_SWEEP_INTERVAL_MS);
      server.close(() => {
        clearTimeout(timer);
        clearInterval(sweep);
        resolve();
      });
      server.closeIdleConnections();
      if (graceMs <= 0) closeAll();
    });
}

/** The whole request body as text, within the bounds of {@link readRequestBytes}. */
export async function readRequestBody(request: IncomingMessage, bytesMax: number): Promise<string> {
  return (await readRequestBytes(request, bytesMax)).toString('utf8');
}

/**
 * The whole request body. Throws a Failure `BodyTooLarge` when it is longer than `bytesMax`; the rest is then read and
 * dropped, so that the client sees the answer.
 */
export async function readRequestBytes(request: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > bytesMax) break;
    chunks.push(chunk);
  }
  if (sizeBytes <= bytesMax) return Buffer.concat(chunks);
  request.resume();
  throw new Failure('BodyTooLarge', `the request body is larger than ${bytesMax} bytes`, { retry: 'never' });
}
