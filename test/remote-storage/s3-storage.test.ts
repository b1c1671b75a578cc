import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { parseRemoteStorageLocation } from '../../src/remote-storage/location.ts';
import { openRemoteStorage } from '../../src/remote-storage/open-remote-storage.ts';
import type { RemoteStorage } from '../../src/remote-storage/remote-storage.ts';
import { pullOffloaded, uploadedKey } from '../agent/offloaded.ts';
import { BUCKET, CREDENTIALS, findVersitygw, type S3Server, startVersitygw } from './versitygw.ts';

const never = new AbortController().signal;
const FROM = 'tenant/timeline/segment_sk1.partial';
const TO = 'tenant/timeline/segment_sk4.partial';

const versitygw = await findVersitygw();
if ('missing' in versitygw) console.warn(`SKIPPED: S3 against a real server: ${versitygw.missing}`);

beforeAll(() => useCredentials(CREDENTIALS.accessKeyId, CREDENTIALS.secretAccessKey));
afterAll(() => void vi.unstubAllEnvs());

/** The way that people do it: the SDK looks at the environment first. */
function useCredentials(accessKeyId: string, secretAccessKey: string): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', secretAccessKey);
}

function open(endpoint: string, path = BUCKET): RemoteStorage {
  return openRemoteStorage(parseRemoteStorageLocation(`s3://${path}?endpoint=${endpoint}`), () => '');
}

describe.skipIf('missing' in versitygw)('S3, on versitygw', () => {
  let server: S3Server;

  beforeAll(async () => {
    if ('path' in versitygw) server = await startVersitygw(versitygw.path);
  });
  afterAll(() => server[Symbol.asyncDispose]());
  afterEach(() => useCredentials(CREDENTIALS.accessKeyId, CREDENTIALS.secretAccessKey));

  test('copies an object on the server', async () => {
    await using storage = open(server.endpoint);
    const content = randomBytes(3 * 1024 * 1024 + 7);
    await server.put(FROM, content);
    expect(await storage.exists(TO, never)).toBe(false);
    await storage.copy(FROM, TO, never);
    expect(await storage.exists(TO, never)).toBe(true);
    expect((await server.get(TO))?.equals(content)).toBe(true);
    expect((await server.get(FROM))?.equals(content)).toBe(true);
  });

  test('replaces an older copy', async () => {
    await using storage = open(server.endpoint);
    await server.put('a', Buffer.from('new'));
    await server.put('b', Buffer.from('older and longer'));
    await storage.copy('a', 'b', never);
    expect((await server.get('b'))?.toString()).toBe('new');
  });

  test('puts a prefix before every key, whatever characters it has', async () => {
    await using storage = open(server.endpoint, `${BUCKET}/eu west/100%25+ü/`);
    await server.put(`eu west/100%+ü/${FROM}`, Buffer.from('content'));
    await storage.copy(FROM, TO, never);
    expect((await server.get(`eu west/100%+ü/${TO}`))?.toString()).toBe('content');
    expect(await storage.exists(TO, never)).toBe(true);
  });

  test('an object that is missing is no copy', async () => {
    await using storage = open(server.endpoint);
    await expect(storage.copy('nothing', 'here', never)).rejects.toMatchObject({
      reason: 'RemoteObjectMissing',
      message: `there is no object nothing in bucket ${BUCKET} at ${server.endpoint}`,
    });
    expect(await server.get('here')).toBeUndefined();
  });

  test('a bucket that is missing is no missing object', async () => {
    await using storage = open(server.endpoint, 'no-such-bucket');
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject({
      reason: 'RemoteStorageFailed',
      retry: 'after-change',
      message: expect.stringContaining('NoSuchBucket') as unknown,
    });
  });

  test('agents hand over an offloaded timeline through it', async () => {
    await server.put(`wal/${uploadedKey(1)}`, Buffer.from('the last bytes of the WAL'));
    await pullOffloaded(`s3://${BUCKET}/wal?endpoint=${server.endpoint}`);
    expect((await server.get(`wal/${uploadedKey(4)}`))?.toString()).toBe('the last bytes of the WAL');
  });

  test('wrong credentials are refused', async () => {
    useCredentials(CREDENTIALS.accessKeyId, 'another secret');
    await using storage = open(server.endpoint);
    const problem = { reason: 'RemoteStorageAccessDenied', retry: 'after-change' };
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject(problem);
    await expect(storage.exists(FROM, never)).rejects.toMatchObject(problem);
  });
});

/** A server that answers as a test says, for what a real one cannot be made to do. */
async function startStub(answer: (request: IncomingMessage, response: ServerResponse, attempt: number) => void) {
  let attempts = 0;
  const server = createServer((request, response) => answer(request, response, ++attempts));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    attempts: () => attempts,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const error = (code: string) => `<?xml version="1.0"?><Error><Code>${code}</Code><Message>told so</Message></Error>`;
const COPIED = '<?xml version="1.0"?><CopyObjectResult><ETag>"1"</ETag></CopyObjectResult>';

describe('S3 that does not answer as it should', () => {
  test('is asked again, and what is asked for is this copy', async () => {
    const asked: unknown[] = [];
    await using stub = await startStub((request, response, attempt) => {
      asked.push([request.method, request.url?.split('?')[0], request.headers['x-amz-copy-source']]);
      if (attempt < 3) response.writeHead(503).end(error('SlowDown'));
      else response.end(COPIED);
    });
    await using storage = open(stub.endpoint);
    await storage.copy(FROM, TO, never);
    expect(asked).toEqual(Array.from({ length: 3 }, () => ['PUT', `/${BUCKET}/${TO}`, `${BUCKET}/${FROM}`]));
  });

  test('is given up after a few times', async () => {
    await using stub = await startStub(
      (_request, response) => void response.writeHead(500).end(error('InternalError')),
    );
    await using storage = open(stub.endpoint);
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject({
      reason: 'RemoteStorageUnreachable',
      retry: 'backoff',
    });
    expect(stub.attempts()).toBe(4);
  });

  test('an error inside of a success is an error', async () => {
    await using stub = await startStub(
      (_request, response) => void response.writeHead(200).end(error('InternalError')),
    );
    await using storage = open(stub.endpoint);
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject({ reason: 'RemoteStorageUnreachable' });
  });

  test('one that nobody listens for is unreachable', async () => {
    const gone = await startStub(() => undefined);
    await gone[Symbol.asyncDispose]();
    await using storage = open(gone.endpoint);
    await expect(storage.exists(FROM, never)).rejects.toMatchObject({
      reason: 'RemoteStorageUnreachable',
      message: expect.stringContaining('ECONNREFUSED') as unknown,
    });
  });

  test('one that stays silent is left when the caller has had enough', async () => {
    const abort = new AbortController();
    await using stub = await startStub(() => abort.abort(new Error('enough')));
    await using storage = open(stub.endpoint);
    await expect(storage.copy(FROM, TO, abort.signal)).rejects.toThrow('enough');
  });

  test('without a region it says so', async () => {
    for (const name of ['AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
    await using storage = openRemoteStorage(parseRemoteStorageLocation(`s3://${BUCKET}`), () => '');
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject({
      reason: 'RemoteStorageFailed',
      message: expect.stringContaining('Region is missing') as unknown,
    });
  });

  test('without any credentials it says so', async () => {
    for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE']) vi.stubEnv(name, undefined);
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
    vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
    await using storage = open('http://127.0.0.1:9');
    await expect(storage.copy(FROM, TO, never)).rejects.toMatchObject({
      reason: 'RemoteStorageAccessDenied',
      message: expect.stringContaining('no credentials were found') as unknown,
    });
  });
});
