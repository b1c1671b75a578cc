import { realpath } from 'node:fs/promises';
import { describeError } from '../base/failure.ts';
import { nodeFileSystem } from '../disk/node-file-system.ts';
import { badUsage } from './errors.ts';

/** The data directory that a command was given, with links resolved. Throws a Failure `BadUsage` when there is none. */
export async function resolveDataDirectory(path: string): Promise<string> {
  try {
    const directory = await realpath(path);
    await nodeFileSystem.list(directory);
    return directory;
  } catch (error) {
    throw badUsage(`the data directory ${path} must exist and be readable: ${describeError(error)}`);
  }
}
