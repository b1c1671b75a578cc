import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { version } from '../../package.json';
import { type BuiltImage, buildImage } from './image.ts';

const DEPLOY = resolve(import.meta.dirname, '../../deploy');
const documents = (file: string) =>
  parseAllDocuments(readFileSync(join(DEPLOY, file), 'utf8')).map((document) => document.toJS() as Manifest);

interface Manifest {
  readonly images?: ReadonlyArray<{ readonly name: string; readonly newTag: string }>;
  readonly spec: {
    readonly replicas: number;
    readonly template: { readonly spec: PodSpec };
  };
}

interface PodSpec {
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number };
  readonly containers: ReadonlyArray<{ readonly args: readonly string[]; readonly securityContext: object }>;
}

let image: BuiltImage;
beforeAll(async () => {
  image = await buildImage();
}, 120_000);
afterAll(() => image[Symbol.dispose]());

test('what the Dockerfile builds runs as nobody on a read-only root', () => {
  if (image.lacks !== undefined) console.warn(`SKIPPED in part: the image was run without ${image.lacks}`);
  const [program = '', ...args] = image.program;
  const run = (...more: string[]) => execFileSync(program, [...args, ...more], { encoding: 'utf8' });
  expect(run('--version').trim()).toBe(version);
  expect(run('crds')).toContain('kind: CustomResourceDefinition');
  // The agent needs the packages with machine code.
  expect(run('agent', '--help')).toContain('--data-dir');
  const denied = spawnSync(program, [...args.slice(0, -1), '-e', 'fs.writeFileSync("/tmp/x", "")'], {
    encoding: 'utf8',
  });
  if (image.lacks === undefined) expect(denied.stderr).toContain('EROFS');
});

test('native packages are in the image', () => {
  const [program = '', ...args] = image.program;
  const script = args.at(-1)!;
  const from = `require('node:module').createRequire(${JSON.stringify(script)})`;
  const load = `const load = ${from}; load('koffi'); console.log(load('@node-rs/crc32').crc32c('a'))`;
  expect(execFileSync(program, [...args.slice(0, -1), '-e', load], { encoding: 'utf8' }).trim()).toBe('3251651376');
});

test('the Deployment starts the image as it starts itself, as the user that it is made for', () => {
  const [deployment] = documents('deployment.yaml');
  const pod = deployment!.spec.template.spec;
  expect(pod.containers[0]?.args).toEqual(image.command);
  expect(`${pod.securityContext.runAsUser}:${pod.securityContext.runAsGroup}`).toBe('65532:65532');
  expect(pod.containers[0]?.securityContext).toMatchObject({ readOnlyRootFilesystem: true });
  expect(deployment!.spec.replicas).toBe(2);
  expect(documents('kustomization.yaml')[0]?.images?.[0]?.newTag).toBe(version);
});
