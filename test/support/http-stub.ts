import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server on a free port of 127.0.0.1 that answers as it is told; disposing it cuts every connection. */
export interface HttpStub extends AsyncDisposable {
  readonly url: string;
  /** What was asked, in order. */
  readonly requests: ReadonlyArray<{ readonly method: string; readonly path: string; readonly body: string }>;
}

export async function startHttpStub(
  respond: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<HttpStub> {
  const requests: Array<{ method: string; path: string; body: string }> = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      requests.push({ method: request.method ?? '', path: request.url ?? '', body });
      respond(request, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
