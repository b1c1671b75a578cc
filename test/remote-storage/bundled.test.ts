import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { afterAll, expect, test } from 'vitest';

const DIRECTORY = fileURLToPath(new URL(`../../node_modules/.cache/bundled-s3-${process.pid}`, import.meta.url));
const SOURCE = `
  import { S3Storage } from './src/remote-storage/s3-storage.ts';
  import { parseRemoteStorageLocation } from './src/remote-storage/location.ts';
  const storage = new S3Storage(parseRemoteStorageLocation('s3://bucket?endpoint=http://127.0.0.1:9'));
  storage.exists('key', new AbortController().signal).catch((error) => console.log(error.reason, error.message));
`;

afterAll(() => rmSync(DIRECTORY, { recursive: true, force: true }));

// The SDK's modules are of two kinds, and a bundler chooses others than Node does.
test('the SDK can be loaded late from a bundle too', async () => {
  await build({
    stdin: { contents: SOURCE, resolveDir: fileURLToPath(new URL('../..', import.meta.url)), loader: 'ts' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    outdir: DIRECTORY,
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
  });
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'a', AWS_SECRET_ACCESS_KEY: 'b' };
  const { stdout } = await promisify(execFile)(process.execPath, [`${DIRECTORY}/stdin.js`], { env });
  expect(stdout).toMatch(
    /^RemoteStorageUnreachable bucket bucket at http:\/\/127\.0\.0\.1:9 does not answer: .*ECONNREFUSED/,
  );
});
