import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { buildOnce, type GoBuild, go } from '../support/go-build.ts';

const PROGRAM = 'envtest';
const SOURCES = ['go.mod', 'go.sum', 'main.go'];

/**
 * A directory with the programs `kube-apiserver` and `etcd`: the one that `KUBEBUILDER_ASSETS` names when it holds
 * both, else the one that is built from the Go module beside this file, at the first call in ten minutes or so.
 */
export async function findEnvtest(): Promise<GoBuild> {
  const assets = process.env['KUBEBUILDER_ASSETS'];
  if (assets !== undefined && assets !== '') {
    if (existsSync(join(assets, 'kube-apiserver')) && existsSync(join(assets, 'etcd'))) return { path: assets };
    console.warn(`KUBEBUILDER_ASSETS (${assets}) does not hold kube-apiserver and etcd, so it is not used`);
  }
  const texts = await Promise.all(SOURCES.map((name) => readFile(join(import.meta.dirname, name), 'utf8')));
  const version = /k8s\.io\/kubernetes (v\S+)/.exec(texts[0] ?? '')?.[1] ?? 'unknown';
  // Without its version an API server says v0.0.0, which kubectl does not accept.
  const link = `-s -w -X k8s.io/component-base/version.gitVersion=${version}`;
  const flags = ['-trimpath', '-buildvcs=false', '-mod=readonly', '-ldflags', link];
  const goVersion = await go(['env', 'GOVERSION'], { cwd: import.meta.dirname }).catch(() => undefined);
  if (goVersion === undefined)
    return { missing: 'kube-apiserver and etcd cannot be built: there is no Go on the PATH' };
  const key = createHash('sha256')
    .update([...texts, ...flags, goVersion].join('\0'))
    .digest('hex')
    .slice(0, 16);
  return await buildOnce(`envtest-${version}-${key}`, async (directory) => {
    console.warn(`building kube-apiserver ${version} and etcd once; this takes about ten minutes`);
    await mkdir(directory);
    await go(['build', ...flags, '-o', join(directory, PROGRAM), '.'], { cwd: import.meta.dirname });
    for (const name of ['kube-apiserver', 'etcd']) await symlink(PROGRAM, join(directory, name));
  });
}
