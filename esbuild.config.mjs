import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { build } from 'esbuild';

/**
 * The Kubernetes library declares thousands of classes whose static fields keep a bundler from dropping the unused: 14 MB
 * of source, and some 60 MiB of memory. Its modules do nothing else when they are loaded.
 */
const dropUnusedKubernetesModels = {
  name: 'drop-unused-kubernetes-models',
  setup({ onResolve, resolve }) {
    onResolve({ filter: /./ }, async ({ path, importer, resolveDir, kind, pluginData }) => {
      const isLibrary = path === '@kubernetes/client-node' || importer.includes('@kubernetes/client-node/dist/');
      if (!isLibrary || pluginData === 'resolved') return undefined;
      const resolved = await resolve(path, { importer, resolveDir, kind, pluginData: 'resolved' });
      return resolved.path.includes('@kubernetes/client-node/dist/') ? { ...resolved, sideEffects: false } : resolved;
    });
  },
};

await rm('dist', { recursive: true, force: true });
const { outputFiles } = await build({
  entryPoints: [
    'src/cli/safekeeper-operator.ts',
    'src/cli/kubectl-safekeepers.ts',
    'src/cli/kubectl_complete-safekeepers.ts',
    'src/cli/inspect-worker.ts',
  ],
  outdir: 'dist',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  // Native code stays where npm has put it.
  external: ['koffi', '@node-rs/crc32'],
  banner: {
    js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
  },
  plugins: [dropUnusedKubernetesModels],
  logLevel: 'warning',
  write: false,
});
await mkdir('dist');
for (const { path, text } of outputFiles) {
  // One other letter, in a comment even, doubles the memory that a file takes while it runs; an escape means the same.
  const ascii = text.replace(/[^\0-\x7f]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);
  await writeFile(path, ascii, { mode: ascii.startsWith('#!') ? 0o755 : 0o644 });
}
// Those that a shell, or kubectl, starts.
for (const name of Object.values(JSON.parse(await readFile('package.json', 'utf8')).bin)) await chmod(name, 0o755);
