import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { followDockerfile } from './dockerfile.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');

/** What the image would hold, and how to run it as its container would. */
export interface BuiltImage extends Disposable {
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  /** The program as the image's user on a file system that cannot be written to, as far as this machine lets us. */
  readonly program: readonly string[];
  /** What `program` cannot keep from the process here; undefined when it keeps everything. */
  readonly lacks: string | undefined;
}

export async function buildImage(): Promise<BuiltImage> {
  const scratch = mkdtempSync(join(tmpdir(), 'image-'));
  chmodSync(scratch, 0o755);
  const dockerfile = readFileSync(join(REPOSITORY, 'deploy/Dockerfile'), 'utf8');
  const { root, user = '', entrypoint, command } = await followDockerfile(dockerfile, REPOSITORY, scratch);
  const [uid = '', gid = ''] = user.split(':');
  const readOnly = ['unshare', '--mount', 'sh', '-ec', 'mount -o remount,ro,bind /; exec "$@"', 'sh'];
  const nobody = ['setpriv', '--reuid', uid, '--regid', gid, '--clear-groups', '--bounding-set=-all', '--no-new-privs'];
  const confined = [...readOnly, ...nobody];
  const [prefix = '', ...rest] = confined;
  const canConfine = spawnSync(prefix, [...rest, 'true']).status === 0;
  const [node = '', ...program] = entrypoint;
  return {
    entrypoint,
    command,
    program: [...(canConfine ? confined : []), node, ...program.map((path) => join(root, path))],
    lacks: canConfine ? undefined : 'a read-only root and another user, which only root can give',
    [Symbol.dispose]: () => rmSync(scratch, { recursive: true, force: true }),
  };
}
