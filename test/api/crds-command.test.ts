import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { customResourceDefinitions } from '../../src/api/crd.ts';
import { crdFiles, crdsCommand } from '../../src/cli/crds.ts';

const CRDS = resolve(import.meta.dirname, '../../crds');

test('the manifests in crds/ are what the schemas say; if not: safekeeper-operator crds --output-dir crds', async () => {
  const names = crdFiles().map(({ fileName }) => fileName);
  expect((await readdir(CRDS)).toSorted()).toEqual(['kustomization.yaml', ...names]);
  const listed = parse(await readFile(join(CRDS, 'kustomization.yaml'), 'utf8')) as { resources: string[] };
  expect(listed.resources).toEqual(names);
  for (const { fileName, text } of crdFiles()) expect(await readFile(join(CRDS, fileName), 'utf8')).toBe(text);
});

test('the YAML reads back as the manifests', () => {
  expect(crdFiles().map(({ text }) => parse(text) as unknown)).toEqual(customResourceDefinitions());
});

test('--output-dir writes one file per kind, and what takes them all', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'crds-'));
  try {
    await crdsCommand().parseAsync(['--output-dir', join(directory, 'new')], { from: 'user' });
    expect((await readdir(join(directory, 'new'))).toSorted()).toEqual([
      'kustomization.yaml',
      'safekeeper.dev_safekeeperclusters.yaml',
      'safekeeper.dev_safekeepertimelines.yaml',
    ]);
  } finally {
    await rm(directory, { recursive: true });
  }
});
