import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';

/**
 * The text of a file, or of every file directly in a directory in the order of their names. Symbolic links are followed,
 * as the volumes of Kubernetes need it. Throws the system's error, or a Failure `CredentialFileInvalid` beyond
 * `limits.credentialFileBytesMax` or `limits.credentialFilesMax`.
 */
export async function readTexts(path: string): Promise<readonly string[]> {
  if (!(await stat(path)).isDirectory()) return [await readText(path)];
  const names = (await readdir(path)).sort();
  if (names.length > limits.credentialFilesMax) throw invalid(path, `more than ${limits.credentialFilesMax} files`);
  const texts: string[] = [];
  for (const file of names.map((name) => join(path, name))) {
    if ((await stat(file)).isFile()) texts.push(await readText(file));
  }
  return texts;
}

async function readText(path: string): Promise<string> {
  const status = await stat(path);
  // A pipe would keep its reader waiting.
  if (!status.isFile()) throw invalid(path, 'something that is not a file');
  if (status.size > limits.credentialFileBytesMax)
    throw invalid(path, `more than ${limits.credentialFileBytesMax} bytes`);
  return await readFile(path, 'utf8');
}

function invalid(path: string, found: string): Failure {
  return new Failure('CredentialFileInvalid', `${path} holds ${found}`, { retry: 'after-change' });
}
