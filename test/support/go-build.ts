import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Where it was built, or in one line why it could not be. */
export type GoBuild = { readonly path: string } | { readonly missing: string };

/** What a build that was killed left in the cache is swept by a later one, once no build can still be at work there. */
const ABANDONED_AFTER_MS = 24 * 3_600_000;

/**
 * A file or directory that takes long to build, kept outside the clone in
 * `${XDG_CACHE_HOME:-~/.cache}/safekeeper-operator/<name>`: the name must tell apart what must not be mistaken for each
 * other. It appears there whole or not at all, also when several processes build it at once.
 */
export async function buildOnce(name: string, build: (path: string) => Promise<void>): Promise<GoBuild> {
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'safekeeper-operator');
  const path = join(cache, name);
  if (existsSync(path)) return { path };
  await mkdir(cache, { recursive: true });
  await sweep(cache);
  // In the cache itself: a rename works only within a file system.
  const building = await mkdtemp(join(cache, `.building-${name}-`));
  try {
    await build(join(building, name));
    await rename(join(building, name), path).catch((error: unknown) => {
      // A directory that another process finished meanwhile is as good as ours.
      if (!existsSync(path)) throw error;
    });
    return { path };
  } catch (error) {
    return { missing: `${name} cannot be built: ${firstLine(error)}` };
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

/** Runs `go` and returns what it printed. Throws with its last words when it is not there or fails. */
export async function go(args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
  const { stdout } = await promisify(execFile)('go', [...args], { ...options, maxBuffer: 16 * 1024 * 1024 });
  return stdout;
}

async function sweep(cache: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith('.building-')) continue;
    const age = Date.now() - (await stat(join(cache, name)).then(({ mtimeMs }) => mtimeMs, Date.now));
    if (age > ABANDONED_AFTER_MS) await rm(join(cache, name), { recursive: true, force: true });
  }
}

function firstLine(error: unknown): string {
  const { code, stderr } = error as { code?: unknown; stderr?: string };
  if (code === 'ENOENT') return 'there is no Go on the PATH';
  const words = stderr?.trim() || (error instanceof Error ? error.message : String(error));
  return words.split('\n').at(-1) ?? words;
}
