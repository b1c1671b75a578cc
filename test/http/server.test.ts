import { once } from 'node:events';
import { request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { listen } from '../../src/http/server.ts';

const LOCAL = { host: '127.0.0.1', port: 0 };

describe('a slow client does not hold the server', () => {
  test.each([
    ['says nothing', '', 'headersTimeoutMs'],
    ['does not finish its headers', 'GET / HTTP/1.1\r\nhost: a\r\n', 'headersTimeoutMs'],
    ['does not finish its body', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab', 'requestTimeoutMs'],
  ])('one that %s', async (_what, sent, bound) => {
    const limits = { headersTimeoutMs: 60_000, requestTimeoutMs: 60_000, [bound]: 100 };
    const options = bound === 'headersTimeoutMs' ? limits : { ...limits, headersTimeoutMs: 100 };
    await using server = await listen((incoming) => incoming.resume(), { ...LOCAL, ...options });
    const socket = connect(server.port, server.host);
    socket.write(sent);
    expect(await text(socket)).toMatch(/^$|^HTTP\/1\.1 408 /);
  });

  test('one that keeps its connection for a next request', async () => {
    await using server = await listen((_request, response) => response.end('ok'), { ...LOCAL, idleTimeoutMs: 50 });
    const socket = connect(server.port, server.host);
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(await text(socket)).toMatch(/ok$/);
  });
});

describe('close', () => {
  test('waits for a running request, but not for its idle connection', async () => {
    const arrived = new AbortController();
    const answer = new AbortController();
    const server = await listen(
      (_request, response) => {
        answer.signal.addEventListener('abort', () => response.end('done'));
        arrived.abort();
      },
      { ...LOCAL, idleTimeoutMs: 60_000 },
    );
    const socket = connect(server.port, server.host);
    const arrival = once(arrived.signal, 'abort');
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await arrival;
    const closed = server.close(60_000);
    answer.abort();
    expect(await text(socket)).toMatch(/done$/);
    await closed;
  });

  test('breaks off what is left after the grace', async () => {
    const arrived = new AbortController();
    const server = await listen(() => arrived.abort(), LOCAL);
    const arrival = once(arrived.signal, 'abort');
    const client = request(server.url);
    const failed = once(client, 'error');
    client.end();
    await arrival;
    await server.close(10);
    expect((await failed)[0]).toMatchObject({ code: 'ECONNRESET' });
  });
});

test('an occupied port is an error', async () => {
  await using server = await listen(() => {}, LOCAL);
  await expect(listen(() => {}, { ...LOCAL, port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
