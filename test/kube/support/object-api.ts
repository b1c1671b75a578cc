import type { ServerResponse } from 'node:http';
import { listen, readRequestBody } from '../../../src/http/server.ts';
import { statusBody } from './scripted-api.ts';

interface Stored {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly [field: string]: unknown;
}

/** A memory of objects by path with create, get, replace, patch and optimistic concurrency: what leases, events and status need. */
export interface ObjectApi extends AsyncDisposable {
  readonly url: string;
  readonly objects: Map<string, Stored>;
  /** `METHOD path` of every write that succeeded. */
  readonly writes: string[];
  /** While set, every request is answered with this status code. */
  failWith: { readonly code: number; readonly reason: string } | undefined;
  /** While true, requests get no answer. */
  frozen: boolean;
}

export async function startObjectApi(): Promise<ObjectApi> {
  const objects = new Map<string, Stored>();
  let version = 100;
  const answer = (method: string, path: string, body: Stored | undefined): [number, unknown] => {
    const target =
      method === 'POST' && body !== undefined ? `${path}/${body.metadata.name}` : path.replace(/\/status$/, '');
    const current = objects.get(target);
    if (method === 'GET') return current === undefined ? [404, statusBody(404, 'NotFound')] : [200, current];
    if (body === undefined) return [400, statusBody(400, 'BadRequest')];
    if (method === 'POST' && current !== undefined) return [409, statusBody(409, 'AlreadyExists')];
    if (method !== 'POST' && current === undefined) return [404, statusBody(404, 'NotFound')];
    const wanted = body.metadata?.resourceVersion;
    if (wanted !== undefined && wanted !== current?.metadata.resourceVersion) return [409, statusBody(409, 'Conflict')];
    const metadata = { ...current?.metadata, ...body.metadata, resourceVersion: String(++version) };
    const stored = { ...(method === 'PATCH' ? current : {}), ...body, metadata } as Stored;
    objects.set(target, stored);
    api.writes.push(`${method} ${path}`);
    return [method === 'POST' ? 201 : 200, stored];
  };
  const send = (response: ServerResponse, [code, body]: [number, unknown]) => {
    response.writeHead(code, { 'content-type': 'application/json' });
    response.end(JSON.stringify(body));
  };
  const server = await listen(
    (request, response) => {
      readRequestBody(request, 1_000_000)
        .then((text) => {
          if (api.frozen) return;
          if (api.failWith !== undefined) {
            const { code, reason } = api.failWith;
            send(response, [code, statusBody(code, reason)]);
            return;
          }
          const path = new URL(request.url ?? '/', 'http://localhost').pathname;
          const body = text === '' ? undefined : (JSON.parse(text) as Stored);
          send(response, answer(request.method ?? '', path, body));
        })
        .catch((error: unknown) => response.destroy(error as Error));
    },
    { host: '127.0.0.1', port: 0 },
  );
  const api: ObjectApi = {
    url: server.url,
    objects,
    writes: [],
    failWith: undefined,
    frozen: false,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
  return api;
}
