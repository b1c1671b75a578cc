import type { RequestListener } from 'node:http';
import type { Registry } from 'prom-client';

/** Undefined when all is well, else one sentence that says what is not. */
export type HealthCheck = () => string | undefined;

export interface HealthOptions {
  readonly registry: Registry;
  /** Fails only when a restart of the process would help. */
  readonly liveness: Readonly<Record<string, HealthCheck>>;
  /** Fails while the process cannot do its work yet. */
  readonly readiness: Readonly<Record<string, HealthCheck>>;
}

/** GET /metrics, /healthz and /readyz. Answers of the probes list every check, as the API server's own do. */
export function createHealthHandler(options: HealthOptions): RequestListener {
  const pages: Readonly<Record<string, () => Page | Promise<Page>>> = {
    '/metrics': async () => ({
      status: 200,
      contentType: options.registry.contentType,
      text: await options.registry.metrics(),
    }),
    '/healthz': () => probe(options.liveness),
    '/readyz': () => probe(options.readiness),
  };
  return (request, response) => {
    const send = ({ status, contentType, text }: Page) => {
      response.writeHead(status, { 'content-type': contentType });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const page = Object.hasOwn(pages, path) ? pages[path] : undefined;
    if (page === undefined) send(plain(404, 'not found: /metrics, /healthz and /readyz are here\n'));
    else if (request.method !== 'GET' && request.method !== 'HEAD') send(plain(405, 'only GET and HEAD\n'));
    else Promise.resolve(page()).then(send, () => send(plain(500, 'the metrics could not be collected\n')));
  };
}

interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

function plain(status: number, text: string): Page {
  return { status, contentType: 'text/plain; charset=utf-8', text };
}

function probe(checks: Readonly<Record<string, HealthCheck>>): Page {
  const problems = Object.entries(checks).map(([name, check]) => ({ name, problem: check() }));
  const healthy = problems.every(({ problem }) => problem === undefined);
  const lines = problems.map(({ name, problem }) =>
    problem === undefined ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  );
  return plain(healthy ? 200 : 503, [...lines, healthy ? 'ok' : 'not ok', ''].join('\n'));
}
