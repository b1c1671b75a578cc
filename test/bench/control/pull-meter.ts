import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A door in front of a recipient's API that takes the time of its pulls. Snapshots do not go through it. */
export interface PullMeter extends AsyncDisposable {
  readonly url: string;
  /** Where the recipient is now. */
  target: string;
  /** Start and end of each pull, monotonic ms. */
  readonly pulls: ReadonlyArray<readonly [number, number]>;
}

export async function startPullMeter(target: string): Promise<PullMeter> {
  const pulls: Array<readonly [number, number]> = [];
  const server = createServer((request, response) => {
    const startMs = performance.now();
    const { connection: _connection, ...headers } = request.headers;
    const upstream = httpRequest(`${meter.target}${request.url}`, { method: request.method, headers });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    upstream.on('response', (answer) => {
      if (request.url === '/v1/pull_timeline') answer.on('end', () => pulls.push([startMs, performance.now()]));
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      answer.pipe(response);
    });
    request.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const meter: PullMeter = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    target,
    pulls,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return meter;
}

/** How long at least one of the intervals ran, ms. */
export function unionMs(intervals: ReadonlyArray<readonly [number, number]>): number {
  let total = 0;
  let until = Number.NEGATIVE_INFINITY;
  for (const [start, end] of [...intervals].sort((a, b) => a[0] - b[0])) {
    if (end <= until) continue;
    total += end - Math.max(start, until);
    until = end;
  }
  return total;
}
