import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const VERSION = 'v1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@${VERSION}`;
export const BUCKET = 'safekeepers';
export const CREDENTIALS = { accessKeyId: 'test-access', secretAccessKey: 'test-secret' };

/** The S3 server's program, or why there is none. */
export type Versitygw = { readonly path: string } | { readonly missing: string };

/**
 * versitygw, an S3 server that comes as a Go module. It is built once, which takes a minute or two, and kept in
 * `${XDG_CACHE_HOME:-~/.cache}/safekeeper-operator`. Without Go, or without a module proxy, the caller skips its tests.
 */
export async function findVersitygw(): Promise<Versitygw> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'safekeeper-operator');
  const path = join(cache, `versitygw-${VERSION}`);
  if (existsSync(path)) return { path };
  const building = await mkdtemp(join(tmpdir(), 'versitygw-'));
  try {
    console.warn(`building ${MODULE} once, for the tests of S3`);
    await promisify(execFile)('go', ['install', MODULE], { env: { ...process.env, GOBIN: building } });
    await mkdir(cache, { recursive: true });
    // Next to its place first: the cache may be another file system, and another run may look at the same moment.
    const copied = `${path}.${process.pid}`;
    await writeFile(copied, await readFile(join(building, 'versitygw')), { mode: 0o755 });
    await rename(copied, path);
    return { path };
  } catch (error) {
    const missing = error instanceof Error ? error.message.split('\n')[0] : String(error);
    return { missing: `versitygw cannot be built with Go: ${missing}` };
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

/** A running server with an empty bucket; disposing it ends the process and removes its files. */
export interface S3Server extends AsyncDisposable {
  readonly endpoint: string;
  put(key: string, content: Uint8Array): Promise<void>;
  /** Undefined when there is no such object. */
  get(key: string): Promise<Buffer | undefined>;
}

export async function startVersitygw(program: string): Promise<S3Server> {
  const directory = await mkdtemp(join(tmpdir(), 'versitygw-'));
  await mkdir(join(directory, BUCKET));
  const address = `127.0.0.1:${await freePort()}`;
  const { accessKeyId, secretAccessKey } = CREDENTIALS;
  const options = ['--port', address, '--access', accessKeyId, '--secret', secretAccessKey, '--quiet'];
  const server = spawn(program, [...options, '--health', '/health', 'posix', '--nometa', directory], {
    stdio: 'ignore',
  });
  const endpoint = `http://${address}`;
  await untilHealthy(server, endpoint);
  // An object is the file of the same name in the bucket's directory.
  const file = (key: string) => join(directory, BUCKET, key);
  return {
    endpoint,
    put: async (key, content) => {
      await mkdir(dirname(file(key)), { recursive: true });
      await writeFile(file(key), content);
    },
    get: async (key) => ((await stat(file(key)).catch(() => undefined)) ? await readFile(file(key)) : undefined),
    [Symbol.asyncDispose]: async () => {
      if (server.exitCode === null) {
        server.kill('SIGKILL');
        await once(server, 'exit');
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function untilHealthy(server: ChildProcess, endpoint: string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.exitCode !== null) throw new Error(`versitygw ended with ${server.exitCode}`);
    const answer = await fetch(`${endpoint}/health`).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  server.kill('SIGKILL');
  throw new Error('versitygw does not answer');
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
