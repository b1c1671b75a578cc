import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { RequestListener } from 'node:http';
import { describe, expect, test } from 'vitest';
import { HttpClient } from '../../src/http/client.ts';
import { listen } from '../../src/http/server.ts';
import { eventually } from '../support/eventually.ts';

const never = new AbortController().signal;
const MIB = 1024 * 1024;
const request = (url: string, changes: { headers?: Record<string, string>; timeoutMs?: number } = {}) => ({
  url,
  timeoutMs: 5_000,
  ...changes,
});
const serve = (handler: RequestListener) => listen(handler, { host: '127.0.0.1', port: 0 });

/** A server that does with each connection, once something came, what it is told. */
async function serveSocket(handle: (socket: Socket, request: string) => void) {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', (bytes) => handle(socket, bytes.toString('latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`,
    sockets,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

async function read(body: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of body) text += Buffer.from(chunk).toString('latin1');
  return text;
}

describe('a download', () => {
  test('asks with path, query and headers, and gives status, headers and content', async () => {
    await using server = await serve((asked, response) => {
      response.writeHead(418, {
        'x-seen': `${asked.method} ${asked.url} ${String(asked.headers['x-a'])} ${asked.headers.host}`,
      });
      response.write('first ');
      response.end('second');
    });
    await using client = new HttpClient();
    const { status, headers, body } = await client.download(
      request(`${server.url}/p?q=%20`, { headers: { 'x-a': 'b' } }),
      never,
    );
    expect([status, headers['x-seen'], headers['transfer-encoding']]).toEqual([
      418,
      `GET /p?q=%20 b ${server.url.slice('http://'.length)}`,
      'chunked',
    ]);
    expect(await read(body)).toBe('first second');
  });

  test('of megabytes is what was sent, in whatever pieces, and one buffer is enough', async () => {
    const content = Buffer.alloc(8 * MIB + 3, 'abcdefghijk');
    await using server = await serve((_, response) => {
      for (let at = 0, size = 1; at < content.length; at += size, size = (size * 7 + 13) % 900_000) {
        response.write(content.subarray(at, at + size));
      }
      response.end();
    });
    await using client = new HttpClient();
    const { body } = await client.download(request(server.url), never);
    const memories = new Set<ArrayBufferLike>();
    const received = Buffer.alloc(content.length);
    let at = 0;
    for await (const chunk of body) {
      memories.add(chunk.buffer);
      received.set(chunk, at);
      at += chunk.length;
    }
    expect([at, received.equals(content), memories.size]).toEqual([content.length, true, 1]);
  });

  test('leaves its buffer to later ones', async () => {
    await using server = await serve((_, response) => void response.end('x'));
    await using client = new HttpClient();
    const memories = new Set<ArrayBufferLike>();
    for (let count = 0; count < 20; count++) {
      const { body } = await client.download(request(server.url), never);
      for await (const chunk of body) memories.add(chunk.buffer);
    }
    expect(memories.size).toBeLessThan(5);
  });

  test('takes nothing from the connection while nobody asks', async () => {
    let taken = 0;
    let takenAtMs = performance.now();
    await using server = await serve((_, response) => {
      const more = () => {
        taken += MIB;
        takenAtMs = performance.now();
        response.write(Buffer.alloc(MIB), more);
      };
      more();
    });
    await using client = new HttpClient();
    const { body } = await client.download(request(server.url), never);
    await eventually('the server is held', () => performance.now() - takenAtMs > 300);
    // What the system keeps for both ends is some megabytes.
    expect(taken).toBeLessThan(64 * MIB);
    body.destroy();
  });

  test('sends the token, and the next one after a 401', async () => {
    const seen: unknown[] = [];
    await using server = await serve((asked, response) => {
      seen.push(asked.headers.authorization);
      response.statusCode = asked.headers.authorization === 'Bearer new' ? 200 : 401;
      response.end('content');
    });
    const token = { current: () => Promise.resolve('old'), refresh: () => Promise.resolve('new') };
    await using client = new HttpClient({ token });
    const { status, body } = await client.download(request(server.url), never);
    expect([status, await read(body), seen]).toEqual([200, 'content', ['Bearer old', 'Bearer new']]);
  });

  test('refuses a token that would be more than a header', async () => {
    let requests = 0;
    await using server = await serve((_, response) => {
      requests++;
      response.end();
    });
    const token = () => Promise.resolve('a\r\nx-evil: 1');
    await using client = new HttpClient({ token: { current: token, refresh: token } });
    await expect(client.download(request(server.url), never)).rejects.toMatchObject({ reason: 'Unreachable' });
    expect(requests).toBe(0);
  });
});

describe('a download that fails', () => {
  test.each([
    ['a body cut by length', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'],
    ['a chunked body without its end', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
    [
      'a chunked body that ends within its end',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n',
    ],
    ['broken framing', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nhalf\r\n'],
  ])('%s: the iteration throws', async (_what, bytes) => {
    await using server = await serveSocket((socket) => socket.end(bytes));
    await using client = new HttpClient();
    const { status, body } = await client.download(request(server.url), never);
    expect(status).toBe(200);
    await expect(read(body)).rejects.toMatchObject({ name: 'Failure' });
  });

  test('a connection that is reset in the middle: the iteration throws', async () => {
    await using server = await serveSocket((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n', () => {
        setTimeout(() => socket.resetAndDestroy(), 20);
      });
    });
    await using client = new HttpClient();
    const { body } = await client.download(request(server.url), never);
    await expect(read(body)).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  test.each([
    ['no answer at all', ''],
    ['half a head', 'HTTP/1.1 200 OK\r\n'],
    ['not HTTP', 'hello\r\n\r\n'],
    ['a length in doubt', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n'],
  ])('%s: a Failure, and the connection is closed', async (_what, bytes) => {
    await using server = await serveSocket((socket) => {
      if (bytes === '') socket.end();
      else if (bytes.endsWith('\r\n\r\n')) socket.write(bytes);
      else socket.end(bytes);
    });
    await using client = new HttpClient();
    await expect(client.download(request(server.url), never)).rejects.toMatchObject({ name: 'Failure' });
    await eventually('the connection is closed', () => [...server.sockets].every(({ destroyed }) => destroyed));
  });

  test('nobody listens', async () => {
    const server = await serve(() => {});
    await server.close(0);
    await using client = new HttpClient();
    await expect(client.download(request(server.url), never)).rejects.toMatchObject({
      reason: 'Unreachable',
      message: expect.stringContaining('ECONNREFUSED') as string,
    });
  });

  test('no headers in time', async () => {
    await using server = await serveSocket((socket) => void socket.write('HTTP/1.1 200 OK\r\n'));
    await using client = new HttpClient();
    await expect(client.download(request(server.url, { timeoutMs: 50 }), never)).rejects.toMatchObject({
      reason: 'DeadlineExceeded',
    });
    await eventually('the connection is closed', () => [...server.sockets].every(({ destroyed }) => destroyed));
  });

  test('has no deadline behind its headers', async () => {
    await using server = await serve((_, response) => {
      response.write('a');
      setTimeout(() => response.end('b'), 150);
    });
    await using client = new HttpClient();
    const { body } = await client.download(request(server.url, { timeoutMs: 50 }), never);
    expect(await read(body)).toBe('ab');
  });

  test.each(['read', 'unread', 'half read'])('%s, when it is aborted: ends on both sides', async (how) => {
    let closed = false;
    await using server = await serve((_, response) => {
      response.on('close', () => (closed = true));
      response.write('first');
    });
    await using client = new HttpClient();
    const controller = new AbortController();
    const { body } = await client.download(request(server.url), controller.signal);
    const chunks = body[Symbol.asyncIterator]();
    if (how === 'half read') await chunks.next();
    const reading = how === 'read' ? expect(read(body)).rejects.toThrow('enough') : undefined;
    controller.abort(new Error('enough'));
    await reading;
    if (how === 'half read') await expect(chunks.next()).rejects.toThrow('enough');
    await eventually('the server side is closed', () => closed);
  });

  test('because its reader destroys it: ends on both sides, with its error', async () => {
    let closed = false;
    await using server = await serve((_, response) => {
      response.on('close', () => (closed = true));
      response.write('first');
    });
    await using client = new HttpClient();
    const { body } = await client.download(request(server.url), never);
    const reading = expect(read(body)).rejects.toThrow('stalled');
    setTimeout(() => body.destroy(new Error('stalled')), 20);
    await reading;
    await eventually('the server side is closed', () => closed);
  });

  test('gives out nothing any more once it is destroyed, though it was there: its memory may be another one’s', async () => {
    const bytes = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\naa\r\n2\r\nbb\r\n0\r\n\r\n';
    await using server = await serveSocket((socket) => socket.end(bytes));
    await using client = new HttpClient();
    const { body } = await client.download(request(server.url), never);
    const chunks = body[Symbol.asyncIterator]();
    const first = await chunks.next();
    expect(Buffer.from((first.value ?? []) as Uint8Array).toString()).toBe('aa');
    body.destroy(new Error('enough'));
    await expect(chunks.next()).rejects.toThrow('enough');
  });

  test('because its client is disposed, which begins no others', async () => {
    await using server = await serve((_, response) => void response.write('first'));
    const client = new HttpClient();
    const { body } = await client.download(request(server.url), never);
    const reading = expect(read(body)).rejects.toMatchObject({ reason: 'Unreachable' });
    await client[Symbol.asyncDispose]();
    await reading;
    await expect(client.download(request(server.url), never)).rejects.toMatchObject({ reason: 'Unreachable' });
  });

  test('is not even begun when the signal is aborted already', async () => {
    let connections = 0;
    await using server = await serveSocket(() => connections++);
    await using client = new HttpClient();
    const aborted = AbortSignal.abort(new Error('gone'));
    await expect(client.download(request(server.url), aborted)).rejects.toThrow('gone');
    expect(connections).toBe(0);
  });
});
