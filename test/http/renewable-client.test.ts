import { expect, test } from 'vitest';
import { HttpClient, type HttpRequest } from '../../src/http/client.ts';
import { RenewableHttpClient } from '../../src/http/renewable-client.ts';
import { listen } from '../../src/http/server.ts';
import { fixedToken } from '../../src/http/token-file.ts';
import { eventually } from '../support/eventually.ts';

const never = new AbortController().signal;
const get = (url: string): HttpRequest => ({ method: 'GET', url, timeoutMs: 5_000 });

/** Answers with the token it was shown: at `/slow` when it is told to, at `/half` the first half at once. */
async function serve() {
  let release: () => void = () => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const sockets = new Set<unknown>();
  const server = await listen(
    (request, response) => {
      sockets.add(request.socket);
      request.socket.once('close', () => sockets.delete(request.socket));
      const token = request.headers.authorization ?? '';
      if (request.url === '/half') response.write(token);
      if (request.url === '/') response.end(token);
      else void released.then(() => response.end(token));
    },
    { host: '127.0.0.1', port: 0 },
  );
  return { server, sockets, release };
}

test('new requests go over new connections, those under way end on the old ones, which are closed then', async () => {
  const { server, sockets, release } = await serve();
  await using _server = server;
  await using client = new RenewableHttpClient((options) => new HttpClient(options));
  await expect(client.request(get(server.url), never)).rejects.toMatchObject({ reason: 'Unreachable' });
  client.renew({ token: fixedToken('old') });
  const slow = client.request(get(`${server.url}/slow`), never);
  const half = await client.stream(get(`${server.url}/half`), never);
  await eventually('both are under way', () => sockets.size === 2);
  client.renew({ token: fixedToken('new') });
  expect((await client.request(get(server.url), never)).text).toBe('Bearer new');
  expect(sockets.size).toBe(3);
  release();
  expect((await slow).text).toBe('Bearer old');
  let body = '';
  for await (const chunk of half.body) body += chunk.toString();
  expect(body).toBe('Bearer oldBearer old');
  await eventually('the old ones are closed', () => sockets.size === 1);
  client.close();
  await eventually('all are closed', () => sockets.size === 0);
  await expect(client.request(get(server.url), never)).rejects.toMatchObject({ reason: 'Unreachable' });
});

test('disposing ends what is under way, on old connections as on new ones', async () => {
  const { server, sockets } = await serve();
  await using _server = server;
  const client = new RenewableHttpClient((options) => new HttpClient(options));
  client.renew({});
  const slow = client.request(get(`${server.url}/slow`), never);
  const half = await client.stream(get(`${server.url}/half`), never);
  await eventually('both are under way', () => sockets.size === 2);
  client.renew({});
  const later = client.request(get(`${server.url}/slow`), never);
  await eventually('all are under way', () => sockets.size === 3);
  const ended = Promise.allSettled([slow, later]);
  await client[Symbol.asyncDispose]();
  expect((await ended).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  half.body.destroy();
  await eventually('all are closed', () => sockets.size === 0);
});
