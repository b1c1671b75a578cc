import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { findEnvtest } from './find.ts';

let assets: string;
beforeEach(() => {
  assets = mkdtempSync(join(tmpdir(), 'assets-'));
  vi.stubEnv('KUBEBUILDER_ASSETS', assets);
  // Nothing can be built here.
  vi.stubEnv('PATH', assets);
  vi.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  rmSync(assets, { recursive: true });
});

test('programs that KUBEBUILDER_ASSETS holds are used', async () => {
  for (const name of ['kube-apiserver', 'etcd']) writeFileSync(join(assets, name), '');
  expect(await findEnvtest()).toEqual({ path: assets });
  expect(console.warn).not.toHaveBeenCalled();
});

test('a directory that lacks one of them is not, and somebody is told', async () => {
  writeFileSync(join(assets, 'etcd'), '');
  expect(await findEnvtest()).toEqual({
    missing: 'kube-apiserver and etcd cannot be built: there is no Go on the PATH',
  });
  expect(console.warn).toHaveBeenCalledWith(expect.stringContaining('KUBEBUILDER_ASSETS'));
});
