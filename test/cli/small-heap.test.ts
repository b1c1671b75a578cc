import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';

test("the heap's part for new objects grows to 8 MiB, again when it has shrunk, and one thread collects it", async () => {
  const child = fork(join(import.meta.dirname, 'young-generation.ts'), {
    execArgv: ['--no-warnings', '--import', 'tsx'],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const [[sizesMiB], trace] = await Promise.all([once(child, 'message') as Promise<[number[]]>, text(child.stdout!)]);
  expect(sizesMiB).toHaveLength(2);
  for (const sizeMiB of sizesMiB) {
    // One half of it may just be given back.
    expect(sizeMiB).toBeGreaterThanOrEqual(4);
    expect(sizeMiB).toBeLessThanOrEqual(8);
  }
  // Every thread that takes part writes a line of its own; where there is one processor there is one anyway.
  const linesOf = (pattern: RegExp) => trace.match(pattern)?.length ?? 0;
  expect(Math.round(linesOf(/scavenge\[/g) / linesOf(/Scavenge /g))).toBe(1);
});
