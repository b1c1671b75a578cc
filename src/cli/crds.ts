import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { stringify } from 'yaml';
import { customResourceDefinitions } from '../api/crd.ts';
import { withExamples } from './help.ts';

/** One manifest as YAML, with the name of its file in `crds/`. */
export interface CrdFile {
  readonly fileName: string;
  readonly text: string;
}

/** The manifests of all custom resources; the text of each is the same on every run. */
export function crdFiles(): CrdFile[] {
  return customResourceDefinitions().map((definition) => ({
    fileName: `${definition.spec.group}_${definition.spec.names.plural}.yaml`,
    text: `---\n${stringify(definition, { sortMapEntries: true, lineWidth: 120, aliasDuplicateObjects: false })}`,
  }));
}

/** Lets `kubectl apply -k` take the directory, and deploy/ include it. */
function kustomization(files: readonly CrdFile[]): CrdFile {
  const content = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    resources: files.map(({ fileName }) => fileName),
  };
  return { fileName: 'kustomization.yaml', text: `---\n${stringify(content)}` };
}

/** `crds`: prints the manifests, ready for `kubectl apply -f -`, or writes one file each. */
export function crdsCommand(): Command {
  const command = new Command('crds')
    .description('print the custom resource definitions')
    .option('-o, --output-dir <dir>', 'write one file per kind and a kustomization there, in place of printing')
    .action(async ({ outputDir }: { outputDir?: string }) => {
      const files = crdFiles();
      if (outputDir === undefined) {
        process.stdout.write(files.map(({ text }) => text).join(''));
        return;
      }
      await mkdir(outputDir, { recursive: true });
      for (const { fileName, text } of [...files, kustomization(files)])
        await writeFile(join(outputDir, fileName), text);
    });
  return withExamples(command, [
    ['safekeeper-operator crds | kubectl apply -f -', 'installs or updates the kinds'],
    ['safekeeper-operator crds --output-dir crds', 'files for a Git repository'],
  ]);
}
