import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import type { RequestListener } from 'node:http';
import { describe, expect, test } from 'vitest';
import { HttpClient, type HttpRequest, type TokenSource } from '../../src/http/client.ts';
import { listen, readRequestBody } from '../../src/http/server.ts';
import { eventually } from '../support/eventually.ts';

const never = new AbortController().signal;
const get = (url: string, changes: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'GET',
  url,
  timeoutMs: 5_000,
  ...changes,
});
const serve = (handler: RequestListener) => listen(handler, { host: '127.0.0.1', port: 0 });

/** A server that answers every connection with these bytes and closes it. */
async function serveBytes(bytes: string) {
  const server = createTcpServer((socket: Socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
  return { url, [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())) };
}

test('sends method, path, query, headers and body; any status is a value', async () => {
  await using server = await serve((request, response) => {
    void readRequestBody(request, 1_000).then((body) => {
      response.writeHead(409, { 'x-seen': `${request.method} ${request.url} ${String(request.headers['x-a'])}` });
      response.end(JSON.stringify({ body }));
    });
  });
  await using client = new HttpClient();
  const response = await client.request(
    get(`${server.url}/p?q=1`, { method: 'POST', headers: { 'x-a': 'b' }, body: 'hello' }),
    never,
  );
  expect([response.status, response.headers['x-seen']]).toEqual([409, 'POST /p?q=1 b']);
  expect(JSON.parse(response.text)).toEqual({ body: 'hello' });
});

test('keeps connections and uses no more of them than it may', async () => {
  const sockets = new Set<unknown>();
  await using server = await serve((request, response) => {
    sockets.add(request.socket);
    response.end('ok');
  });
  await using client = new HttpClient({ connectionsPerHostMax: 2 });
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 6 }, () => client.request(get(server.url), never)));
  }
  expect(sockets.size).toBe(2);
});

describe('what is no answer is a Failure', () => {
  test('nobody listens', async () => {
    const server = await serve(() => {});
    await server.close(0);
    await using client = new HttpClient();
    await expect(client.request(get(server.url), never)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: /ECONNREFUSED/,
    });
    await expect(client.request(get('not a url'), never)).rejects.toMatchObject({ reason: 'Unreachable' });
  });

  test.each([
    ['a body cut by length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'],
    ['a chunked body without its end', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
    ['no answer at all', ''],
    ['not HTTP', 'hello\r\n\r\n'],
  ])('%s', async (_, bytes) => {
    await using server = await serveBytes(bytes);
    await using client = new HttpClient();
    await expect(client.request(get(server.url), never)).rejects.toMatchObject({
      name: 'Failure',
      reason: 'Unreachable',
    });
  });

  test('a server that is silent, or stops in the middle of the body', async () => {
    await using server = await serve((request, response) => {
      if (request.url === '/body') response.write('half');
    });
    await using client = new HttpClient();
    for (const path of ['/', '/body']) {
      const answer = client.request(get(server.url + path, { timeoutMs: 100 }), never);
      await expect(answer).rejects.toMatchObject({ reason: 'DeadlineExceeded' });
    }
  });

  test('a body larger than allowed, and the server is told to stop', async () => {
    let closed = false;
    await using server = await serve((_, response) => {
      response.on('close', () => (closed = true));
      response.write('x'.repeat(2_000));
    });
    await using client = new HttpClient();
    await expect(client.request(get(server.url, { bodyBytesMax: 1_999 }), never)).rejects.toMatchObject({
      reason: 'BodyTooLarge',
    });
    await eventually('the server side is closed', () => closed);
  });

  test('the caller gives up: its own reason', async () => {
    await using server = await serve(() => {});
    await using client = new HttpClient();
    const controller = new AbortController();
    const answer = client.request(get(server.url), controller.signal);
    controller.abort(new Error('shutdown'));
    await expect(answer).rejects.toThrow('shutdown');
  });
});

describe('a token', () => {
  const source = (refreshed: string | undefined): TokenSource & { refreshes: number } => ({
    refreshes: 0,
    current: () => Promise.resolve('old'),
    refresh() {
      this.refreshes++;
      return Promise.resolve(refreshed);
    },
  });
  const guarded: RequestListener = (request, response) => {
    response.statusCode = request.headers.authorization === 'Bearer new' ? 200 : 401;
    response.end('{}');
  };

  test('is read again after a 401, once', async () => {
    await using server = await serve(guarded);
    const good = source('new');
    await using client = new HttpClient({ token: good });
    expect((await client.request(get(server.url), never)).status).toBe(200);
    const bad = source('worse');
    await using other = new HttpClient({ token: bad });
    expect((await other.request(get(server.url), never)).status).toBe(401);
    expect([good.refreshes, bad.refreshes]).toEqual([1, 1]);
  });

  test('is read again after a 403, which is how safekeepers refuse an expired one; the same one is not sent twice', async () => {
    const seen: unknown[] = [];
    await using server = await serve((request, response) => {
      seen.push(request.headers.authorization);
      response.statusCode = request.headers.authorization === 'Bearer new' ? 200 : 403;
      response.end('{}');
    });
    await using client = new HttpClient({ token: source('new') });
    expect((await client.request(get(server.url), never)).status).toBe(200);
    await using other = new HttpClient({ token: source('old') });
    expect(await other.request(get(server.url), never)).toMatchObject({ status: 403, text: '{}' });
    expect(seen).toEqual(['Bearer old', 'Bearer new', 'Bearer old']);
  });

  test('that is never had does not outlast the deadline', async () => {
    await using server = await serve(guarded);
    const stuck: TokenSource = { current: () => new Promise(() => {}), refresh: () => new Promise(() => {}) };
    await using client = new HttpClient({ token: stuck });
    await expect(client.request(get(server.url, { timeoutMs: 50 }), never)).rejects.toMatchObject({
      reason: 'DeadlineExceeded',
    });
  });
});

describe('a stream', () => {
  const endless: RequestListener = (_, response) => void response.write('first');

  async function read(body: AsyncIterable<Buffer>): Promise<string> {
    let text = '';
    for await (const chunk of body) text += chunk.toString();
    return text;
  }

  test('has no deadline behind its headers', async () => {
    await using server = await serve((_, response) => {
      response.write('a');
      setTimeout(() => response.end('b'), 150);
    });
    await using client = new HttpClient();
    const { status, body } = await client.stream(get(server.url, { timeoutMs: 50 }), never);
    expect([status, await read(body)]).toEqual([200, 'ab']);
  });

  test('without headers in time is a Failure', async () => {
    await using server = await serve(() => {});
    await using client = new HttpClient();
    await expect(client.stream(get(server.url, { timeoutMs: 50 }), never)).rejects.toMatchObject({
      reason: 'DeadlineExceeded',
    });
  });

  test('that is cut throws from the iteration', async () => {
    await using server = await serveBytes('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n');
    await using client = new HttpClient();
    const { body } = await client.stream(get(server.url), never);
    await expect(read(body)).rejects.toThrow();
  });

  test.each(['read', 'unread'])('that is %s and aborted ends on both sides', async (how) => {
    let closed = false;
    await using server = await serve((request, response) => {
      response.on('close', () => (closed = true));
      endless(request, response);
    });
    await using client = new HttpClient();
    const controller = new AbortController();
    const { body } = await client.stream(get(server.url), controller.signal);
    const reading = how === 'read' ? expect(read(body)).rejects.toThrow('enough') : undefined;
    controller.abort(new Error('enough'));
    await reading;
    await eventually('the server side is closed', () => closed);
  });

  test('is not even begun when the signal is aborted already', async () => {
    let requests = 0;
    await using server = await serve((request, response) => {
      requests++;
      endless(request, response);
    });
    await using client = new HttpClient();
    await expect(client.stream(get(server.url), AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(requests).toBe(0);
  });
});
