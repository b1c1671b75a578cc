import type { Command } from 'commander';
import { complete } from './candidates.ts';
import { objectNames } from './object-names.ts';

/** What follows the candidates: whether names of files may be completed, too (the protocol of kubectl's completion). */
const DIRECTIVES = { files: ':0', nothing: ':4' } as const;

/** Prints what may come next: a candidate a line, its description behind a tab, and a last line for the shell. */
export async function printCandidates(program: Command, words: readonly string[]): Promise<void> {
  const { candidates, files } = await complete(program, words, objectNames);
  const lines = candidates.map(({ value, description }) => (description === '' ? value : `${value}\t${description}`));
  process.stdout.write(`${[...lines, files ? DIRECTIVES.files : DIRECTIVES.nothing].join('\n')}\n`);
}
