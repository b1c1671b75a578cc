import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../support/free-port.ts';
import { buildOnce, type GoBuild, go } from '../support/go-build.ts';

const VERSION = 'v1.8.0';
const MODULE = `github.com/versity/versitygw/cmd/versitygw@${VERSION}`;
export const BUCKET = 'safekeepers';
export const CREDENTIALS = { accessKeyId: 'test-access', secretAccessKey: 'test-secret' };

/**
 * versitygw, an S3 server that comes as a Go module. It is built once, which takes a minute or two. Without Go, or
 * without a module proxy, the caller skips its tests.
 */
export async function findVersitygw(): Promise<GoBuild> {
  return await buildOnce(`versitygw-${VERSION}`, async (path) => {
    console.warn(`building ${MODULE} once, for the tests of S3`);
    const directory = dirname(path);
    await go(['install', MODULE], { env: { ...process.env, GOBIN: directory } });
    await rename(join(directory, 'versitygw'), path);
  });
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
