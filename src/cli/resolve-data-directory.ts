import { readlink, realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describeError, errorCode } from '../base/failure.ts';
import { nodeFileSystem } from '../disk/node-file-system.ts';
import { badUsage } from './errors.ts';

/** The data directory that a command was given, with links resolved. Throws a Failure `BadUsage` when there is none. */
export async function resolveDataDirectory(path: string): Promise<string> {
  try {
    const directory = await realpath(path);
    await nodeFileSystem.list(directory);
    return directory;
  } catch (error) {
    throw badUsage(`the data directory ${path} must exist and be readable: ${await whyNot(path, error)}`);
  }
}

/** Of a link that leads nowhere the system says that the link does not exist. */
async function whyNot(path: string, error: unknown): Promise<string> {
  // Without a slash at the end, behind which the link would be followed.
  const target = errorCode(error) === 'ENOENT' ? await readlink(resolve(path)).catch(() => undefined) : undefined;
  return target === undefined ? describeError(error) : `it is a symbolic link to ${target}, which does not exist`;
}
