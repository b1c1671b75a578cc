import type { ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { SafekeeperId, TenantId, TimelineId } from '../../src/domain/ids.ts';
import { term } from '../../src/domain/term.ts';
import { HttpClient } from '../../src/http/client.ts';
import { PeerClient } from '../../src/safekeeper/peer-client.ts';
import { SafekeeperClient } from '../../src/safekeeper/client.ts';
import { bodyOf, readExchange } from '../support/http-fixtures.ts';
import { type HttpStub, startHttpStub } from '../support/http-stub.ts';

const never = new AbortController().signal;
const timeline = {
  tenantId: '11111111111111111111111111111111' as TenantId,
  timelineId: 'a0000000000000000000000000000001' as TimelineId,
};
const path = `/v1/tenant/${timeline.tenantId}/timeline/${timeline.timelineId}`;

describe('the state of a timeline', () => {
  test.each([
    ['status_resident', 'a0000000000000000000000000000001', 'Status'],
    ['status_unknown_timeline', 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee', 'NotFound'],
    ['status_deleted', 'b000000000000000000000000000000b', 'Deleted'],
    ['status_creation_in_progress', 'b0000000000000000000000000000046', 'Unknown'],
    ['status_gen0', 'a0000000000000000000000000000001', 'Unknown'],
    ['status_unknown_timeline', 'a0000000000000000000000000000001', 'Unknown'],
    ['status_bad_tenant', 'a0000000000000000000000000000001', 'Unknown'],
  ])('%s asked for %s is %s', async (name, timelineId, kind) => {
    const exchange = readExchange('status', name);
    await using stub = await startHttpStub((_, response) =>
      answer(response, exchange.response.status ?? 0, bodyOf(exchange)),
    );
    await using http = new HttpClient();
    const asked = { ...timeline, timelineId: timelineId as TimelineId };
    expect(await client(http, stub).timelineStatus(asked, never)).toMatchObject({ kind });
  });

  test.each([
    [404, 'Not Found'],
    [404, '<html>no such page</html>'],
    [404, `{"msg":"NotFound: tenant ${timeline.tenantId} not found"}`],
    [200, '{"tenant_id":"111'],
    [200, '[]'],
    [401, '{"msg":"missing authorization header"}'],
    [503, ''],
  ])('%i %s says nothing', async (status, body) => {
    await using stub = await startHttpStub((_, response) => answer(response, status, body));
    await using http = new HttpClient();
    expect(await client(http, stub).timelineStatus(timeline, never)).toMatchObject({ kind: 'Unknown' });
  });

  test('of a safekeeper that is not there, or breaks off, is no answer', async () => {
    await using http = new HttpClient();
    const stub = await startHttpStub((_, response) => response.destroy());
    expect(await client(http, stub).timelineStatus(timeline, never)).toMatchObject({ kind: 'Unreachable' });
    await stub[Symbol.asyncDispose]();
    expect(await client(http, stub).timelineStatus(timeline, never)).toMatchObject({ kind: 'Unreachable' });
  });

  test('is not told when the caller gave up', async () => {
    const caller = new AbortController();
    await using stub = await startHttpStub(() => caller.abort(new Error('given up')));
    await using http = new HttpClient();
    await expect(client(http, stub).timelineStatus(timeline, caller.signal)).rejects.toThrow('given up');
  });
});

test('a base URL may have a path prefix and a trailing slash', async () => {
  await using stub = await startHttpStub((_, response) => answer(response, 200, '{"id":7}'));
  await using http = new HttpClient();
  const prefixed = new SafekeeperClient({ http, url: `${stub.url}/sk/` });
  expect(await prefixed.nodeStatus(never)).toEqual({ id: 7n });
  expect(stub.requests[0]?.path).toBe('/sk/v1/status');
});

test('requests that change something are those that were recorded', async () => {
  await using stub = await startHttpStub((request, response) =>
    answer(
      response,
      200,
      request.url?.endsWith('term_bump') ? '{"previous_term":1,"current_term":18446744073709551615}' : 'null',
    ),
  );
  await using http = new HttpClient();
  const safekeeper = client(http, stub);
  await safekeeper.checkpoint(timeline, never);
  const bump = await safekeeper.termBump(timeline, term(2n ** 64n - 1n), never);
  expect(bump.currentTerm).toBe(2n ** 64n - 1n);
  expect(stub.requests).toEqual([
    { method: 'POST', path: `${path}/checkpoint`, body: '' },
    { method: 'POST', path: `${path}/term_bump`, body: '{"term":18446744073709551615}' },
  ]);
});

test('what an older safekeeper does not offer is undefined', async () => {
  await using stub = await startHttpStub((_, response) => answer(response, 404, 'Not Found'));
  await using http = new HttpClient();
  expect(await client(http, stub).filesystemUsage(never)).toBeUndefined();
  expect(await client(http, stub).debugDumpDisk(timeline, never)).toBeUndefined();
});

test('refusals carry the safekeeper’s words', async () => {
  const exchange = readExchange('create', 'create_pg0');
  await using stub = await startHttpStub((request, response) =>
    request.method === 'GET' ? answer(response, 403, '{"msg":"JWT"}') : answer(response, 500, bodyOf(exchange)),
  );
  await using http = new HttpClient();
  await expect(client(http, stub).listTimelines(never).next()).rejects.toMatchObject({ reason: 'CredentialsInvalid' });
  await expect(client(http, stub).checkpoint(timeline, never)).rejects.toMatchObject({
    reason: 'SafekeeperRefused',
    message: expect.stringContaining('pg_version is unknown') as string,
  });
});

describe('a snapshot', () => {
  const destination = 3n as SafekeeperId;

  test('is the body as it was sent', async () => {
    await using stub = await startHttpStub((_, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write('first ');
      response.end('second');
    });
    await using http = new HttpClient();
    const stream = await new PeerClient({ http, url: stub.url }).snapshot(timeline, destination, never);
    expect(await textOf(stream.body)).toBe('first second');
    expect(stub.requests[0]?.path).toBe(`${path}/snapshot/3`);
  });

  test('that is cut throws', async () => {
    await using stub = await startHttpStub((_, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      response.write('first ', () => response.destroy());
    });
    await using http = new HttpClient();
    const stream = await new PeerClient({ http, url: stub.url }).snapshot(timeline, destination, never);
    await expect(textOf(stream.body)).rejects.toThrow();
  });

  test('that is not framed is refused: a cut would look like the end', async () => {
    await using stub = await startHttpStub((_, response) => {
      response.useChunkedEncodingByDefault = false;
      response.removeHeader('transfer-encoding');
      response.setHeader('connection', 'close');
      response.writeHead(200);
      response.end('first');
    });
    await using http = new HttpClient();
    await expect(new PeerClient({ http, url: stub.url }).snapshot(timeline, destination, never)).rejects.toThrow(
      'not framed',
    );
  });

  test('that is refused says why', async () => {
    const exchange = readExchange('snapshot', 'snapshot_unknown_timeline');
    await using stub = await startHttpStub((_, response) => answer(response, 404, bodyOf(exchange)));
    await using http = new HttpClient();
    await expect(new PeerClient({ http, url: stub.url }).snapshot(timeline, destination, never)).rejects.toThrow(
      /answered 404: .* not found/,
    );
  });
});

function client(http: HttpClient, stub: HttpStub): SafekeeperClient {
  return new SafekeeperClient({ http, url: stub.url });
}

function answer(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(body);
}

/** A chunk is only good until the next one is asked for. */
async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}
