import { readdirSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

// The layers: what a folder may import of the others, and of which packages. Change this table only together with
// docs/architecture.md. `src/cli` wires everything and is free.
const LAYERS: Record<string, { folders: string[]; packages: string[] }> = {
  base: { folders: [], packages: ['pino'] },
  observability: { folders: ['base'], packages: ['prom-client'] },
  http: { folders: ['base'], packages: ['undici', 'jose', 'json-custom-numbers'] },
  domain: { folders: ['base'], packages: [] },
  safekeeper: { folders: ['base', 'http', 'domain'], packages: ['zod', '@node-rs/crc32'] },
  recovery: { folders: ['base', 'http', 'domain', 'safekeeper'], packages: [] },
  disk: { folders: ['base'], packages: ['koffi'] },
  'remote-storage': { folders: ['base'], packages: ['@aws-sdk/client-s3', '@aws-sdk/lib-storage'] },
  transfer: {
    folders: ['base', 'http', 'domain', 'safekeeper', 'disk', 'remote-storage'],
    packages: ['tar-stream', 'zod'],
  },
  inspect: { folders: ['base', 'http', 'domain', 'safekeeper', 'disk', 'remote-storage'], packages: [] },
  restore: {
    folders: ['base', 'http', 'domain', 'safekeeper', 'recovery', 'disk', 'remote-storage', 'transfer'],
    packages: [],
  },
  agent: {
    folders: ['base', 'observability', 'http', 'domain', 'safekeeper', 'disk', 'remote-storage', 'transfer'],
    packages: ['zod'],
  },
  api: { folders: ['base', 'domain'], packages: ['zod'] },
  kube: { folders: ['base', 'observability', 'http'], packages: ['@kubernetes/client-node', 'undici'] },
  controllers: {
    folders: ['base', 'observability', 'http', 'domain', 'safekeeper', 'recovery', 'api', 'kube'],
    packages: [],
  },
  'dev-cluster': { folders: ['base', 'http', 'api'], packages: ['@marcbachmann/cel-js', 'yaml'] },
};

const SRC = resolve(import.meta.dirname, '../src');
const IMPORT = /^\s*(?:import|export)\b[^'"]*?from\s+'([^']+)'|^\s*import\s+'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/gm;

interface Import {
  file: string;
  folder: string;
  specifier: string;
}

function imports(): Import[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  return files.flatMap((file) => {
    const text = readFileSync(join(SRC, file), 'utf8');
    const folder = file.split(sep)[0] ?? '';
    return [...text.matchAll(IMPORT)].map((match) => ({
      file,
      folder,
      specifier: match[1] ?? match[2] ?? match[3] ?? '',
    }));
  });
}

function violation({ file, folder, specifier }: Import): string | undefined {
  const layer = LAYERS[folder];
  if (layer === undefined) return folder === 'cli' ? undefined : `${file}: folder ${folder} is not in the table`;
  if (specifier.startsWith('.')) {
    const target = relative(SRC, resolve(SRC, dirname(file), specifier)).split(sep)[0] ?? '';
    return target === folder || layer.folders.includes(target) ? undefined : `${file} imports ${target}`;
  }
  const name = specifier.replace(/^node:/, '');
  if (specifier.startsWith('node:') || builtinModules.includes(name)) return undefined;
  const packageName = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  return layer.packages.includes(packageName) ? undefined : `${file} imports package ${packageName}`;
}

describe('architecture', () => {
  test('every folder imports only what its layer allows', () => {
    const all = imports();
    expect(all.length).toBeGreaterThan(50);
    expect(all.map(violation).filter((line) => line !== undefined)).toEqual([]);
  });

  test('the domain does no I/O and has no clock', () => {
    const impure = imports().filter(
      ({ folder, specifier }) => folder === 'domain' && specifier.startsWith('node:') && specifier !== 'node:crypto',
    );
    expect(impure).toEqual([]);
    const clocks = readdirSync(join(SRC, 'domain')).filter((file) =>
      /Date\.now|performance\.now|new Date|setTimeout|Math\.random/.test(
        readFileSync(join(SRC, 'domain', file), 'utf8'),
      ),
    );
    expect(clocks).toEqual([]);
  });
});
