import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { describeError } from '../../src/base/failure.ts';
import { HttpClient, type HttpRequest } from '../../src/http/client.ts';
import { listen, readRequestBody } from '../../src/http/server.ts';
import { eventually } from '../support/eventually.ts';

const never = new AbortController().signal;
const LOCAL = { host: '127.0.0.1', port: 0 };
const post = (url: string, body: string): HttpRequest => ({ method: 'POST', url, body, timeoutMs: 5_000 });

test('a body up to the limit is read; a longer one is refused with an answer that arrives', async () => {
  const sockets = new Set<unknown>();
  await using server = await listen((request, response) => {
    sockets.add(request.socket);
    readRequestBody(request, 10).then(
      (text) => response.end(text),
      (error: unknown) => response.writeHead(413).end(describeError(error)),
    );
  }, LOCAL);
  await using client = new HttpClient({ connectionsPerHostMax: 1 });
  expect((await client.request(post(server.url, '0123456789'), never)).text).toBe('0123456789');
  const refused = await client.request(post(server.url, 'x'.repeat(1_000_000)), never);
  expect([refused.status, refused.text]).toEqual([413, 'the request body is larger than 10 bytes']);
  expect((await client.request(post(server.url, 'after'), never)).text).toBe('after');
  expect(sockets.size).toBe(1);
});

test('a multi-byte character on the border of two chunks stays whole', async () => {
  await using server = await listen((request, response) => {
    void readRequestBody(request, 1_000_000).then((text) => response.end(String(text === 'é'.repeat(200_001))));
  }, LOCAL);
  await using client = new HttpClient();
  expect((await client.request(post(server.url, 'é'.repeat(200_001)), never)).text).toBe('true');
});

test('closing lets running requests finish for a while, then ends them', async () => {
  const finish: Array<() => void> = [];
  const server = await listen((_, response) => void finish.push(() => response.end('done')), LOCAL);
  await using client = new HttpClient();
  const answers = [1, 2].map(() => client.request(post(server.url, ''), never));
  const stuck = expect(answers[1]).rejects.toMatchObject({ reason: 'Unreachable' });
  await eventually('both are running', () => finish.length === 2);
  const closing = server.close(200);
  finish[0]?.();
  expect((await answers[0])?.text).toBe('done');
  await closing;
  await stuck;
  await expect(client.request(post(server.url, ''), never)).rejects.toMatchObject({ reason: 'Unreachable' });
});

test('a port that is taken is an error of listen', async () => {
  await using server = await listen(() => {}, LOCAL);
  await expect(listen(() => {}, { ...LOCAL, port: server.port })).rejects.toThrow(/EADDRINUSE/);
});

describe.concurrent('a client cannot hold the server', () => {
  /** Sends the text and waits until the server closes the connection; what it said. */
  async function untilClosed(port: number, text: string): Promise<string> {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(text);
    let answer = '';
    socket.on('data', (chunk) => (answer += String(chunk)));
    await once(socket, 'close');
    return answer;
  }

  test.each([
    ['with silence', '', { headersTimeoutMs: 100 }],
    ['with half a header', 'GET / HTTP/1.1\r\nhost: ', { headersTimeoutMs: 100 }],
    ['with half a body', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab', { requestTimeoutMs: 100 }],
  ])('%s', async (_, text, bounds) => {
    await using server = await listen((request) => void request.resume(), { ...LOCAL, ...bounds });
    expect(await untilClosed(server.port, text)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test('with an idle connection', async () => {
    await using server = await listen((_, response) => void response.end('done'), { ...LOCAL, idleTimeoutMs: 50 });
    expect(await untilClosed(server.port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 [^]*done$/);
  });

  test('with more connections than it takes', async () => {
    await using server = await listen((_, response) => void response.end('done'), { ...LOCAL, connectionsMax: 1 });
    const first = connect(server.port, '127.0.0.1');
    await once(first, 'connect');
    expect(await untilClosed(server.port, 'GET / HTTP/1.1\r\nhost: a\r\n\r\n')).toBe('');
    first.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    expect(String((await once(first, 'data'))[0])).toMatch(/^HTTP\/1\.1 200 /);
    first.destroy();
  });
});
