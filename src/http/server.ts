import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';

/** How exactly the timeouts are kept. */
const CHECK_INTERVAL_MS = 1_000;
const CLOSE_SWEEP_INTERVAL_MS = 50;

export interface ListenOptions {
  readonly host: string;
  /** 0 lets the system pick. */
  readonly port: number;
  readonly connectionsMax?: number;
  /** For a request's headers; a connection that stays silent from the start counts as one. */
  readonly headersTimeoutMs?: number;
  /** For a request with its body. */
  readonly requestTimeoutMs?: number;
  /** For the next request on a connection. */
  readonly idleTimeoutMs?: number;
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
  const server = createServer(
    {
      headersTimeout: options.headersTimeoutMs ?? 10_000,
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      keepAliveTimeout: options.idleTimeoutMs ?? 15_000,
      connectionsCheckingInterval: CHECK_INTERVAL_MS,
      maxHeaderSize: limits.requestHeaderBytesMax,
    },
    handler,
  );
  server.maxConnections = options.connectionsMax ?? 1_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  const close = (graceMs: number) =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(() => server.closeAllConnections(), graceMs);
      // A connection whose last request ends from now on would stay open for the next one.
      const sweep = setInterval(() => server.closeIdleConnections(), CLOSE_SWEEP_INTERVAL_MS);
      server.close(() => {
        clearTimeout(timer);
        clearInterval(sweep);
        resolve();
      });
      server.closeIdleConnections();
      if (graceMs <= 0) server.closeAllConnections();
    });
  return {
    host: options.host,
    port,
    url: `http://${options.host}:${port}`,
    close,
    [Symbol.asyncDispose]: () => close(0),
  };
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
