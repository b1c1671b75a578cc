import { once } from 'node:events';
import { request } from 'node:http';
import type { TenantTimelineId } from '../../src/domain/ids.ts';
import type { ServerProcess } from './processes.ts';

/** Restores the timeline on the recipient, durably; one that was deleted there before, too. */
export async function pull(recipient: ServerProcess, donor: ServerProcess, id: TenantTimelineId): Promise<void> {
  await call(recipient, 'POST', '/v1/pull_timeline', {
    tenant_id: id.tenantId,
    timeline_id: id.timelineId,
    http_hosts: [donor.url],
    ignore_tombstone: true,
  });
}

/** The same from whichever of the donors has more. */
export async function pullFromAny(
  recipient: ServerProcess,
  donors: readonly ServerProcess[],
  id: TenantTimelineId,
): Promise<void> {
  const hosts = donors.map(({ url }) => url);
  await call(recipient, 'POST', '/v1/pull_timeline', {
    tenant_id: id.tenantId,
    timeline_id: id.timelineId,
    http_hosts: hosts,
  });
}

/** The same of many, at most `atOnce` of them at any time. */
export async function pullAll(
  recipient: ServerProcess,
  donor: ServerProcess,
  ids: readonly TenantTimelineId[],
  atOnce: number,
): Promise<void> {
  const waiting = ids.values();
  const worker = async () => {
    for (const id of waiting) await pull(recipient, donor, id);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

export async function forget(recipient: ServerProcess, id: TenantTimelineId): Promise<void> {
  await call(recipient, 'DELETE', `${timelinePath(id)}?only_local=true`);
}

export function timelinePath(id: TenantTimelineId): string {
  return `/v1/tenant/${id.tenantId}/timeline/${id.timelineId}`;
}

/** Without a time limit: `fetch` gives up after five minutes. */
async function call({ url }: ServerProcess, method: string, path: string, body?: unknown): Promise<void> {
  const exchange = request(url + path, { method, agent: false });
  exchange.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = (await once(exchange, 'response')) as [AsyncIterable<Buffer> & { statusCode?: number }];
  let text = '';
  for await (const chunk of response) text += chunk.toString();
  if (response.statusCode !== 200) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
}
