import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const SOURCE = fileURLToPath(new URL('program-process.ts', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program from source, bundled once because each start would compile everything again. Disposing it removes the file. */
export interface BuiltProgram extends Disposable {
  run(args: readonly string[], environment?: Readonly<Record<string, string>>): Promise<Ended>;
}

export async function buildProgram(name: string): Promise<BuiltProgram> {
  // Beside the packages that it imports.
  const path = fileURLToPath(new URL(`../../node_modules/.cache/${name}-${process.pid}.mjs`, import.meta.url));
  const common = { bundle: true, platform: 'node', format: 'esm', target: 'node20', packages: 'external' } as const;
  await build({ ...common, entryPoints: [SOURCE], outfile: path });
  return {
    run: async (args, environment = {}) => {
      const child = spawn(process.execPath, [path, ...args], {
        env: { ...process.env, ...environment },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const outputs = [text(child.stdout), text(child.stderr)];
      const [code] = (await once(child, 'exit')) as [number | null];
      const [stdout = '', stderr = ''] = await Promise.all(outputs);
      return { code, stdout, stderr };
    },
    [Symbol.dispose]: () => rmSync(path, { force: true }),
  };
}
