import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

/** Where a command says what it does, and asks. */
export interface Console {
  /** Results, for people and scripts. */
  print(line: string): void;
  /** What people should read before they answer, and warnings. */
  warn(line: string): void;
  /** Undefined where nobody can be asked. */
  readonly ask: ((question: string) => Promise<string | undefined>) | undefined;
}

interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** Asks on standard error, and only when standard input is a terminal: an answer must be typed. */
export function processConsole({ stdin, stdout, stderr }: Streams): Console {
  return {
    print: (line) => void stdout.write(`${line}\n`),
    warn: (line) => void stderr.write(`${line}\n`),
    ask: stdin.isTTY === true ? (question) => ask(stdin, stderr, question) : undefined,
  };
}

/** Undefined when the input ended, or was interrupted, before an answer was complete. */
function ask(input: Readable, output: Writable, question: string): Promise<string | undefined> {
  const prompt = createInterface({ input, output, terminal: true });
  return new Promise((resolve) => {
    prompt.on('SIGINT', () => prompt.close());
    prompt.on('close', () => {
      output.write('\n');
      resolve(undefined);
    });
    prompt.question(question, (answer) => {
      resolve(answer.trim());
      prompt.removeAllListeners('close');
      prompt.close();
    });
  });
}
