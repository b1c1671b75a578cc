import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, resolve } from 'node:path';
// By itself, so that a bundler can drop the rest of the library.
import { KubeConfig, loadYaml, type User } from '@kubernetes/client-node';
import { isRecord } from './is-record.ts';

type Options = Parameters<KubeConfig['loadFromFile']>[1];

/**
 * The library's, which passes over the `tokenFile` of a user in silence, and merges the files of $KUBECONFIG in another way
 * than kubectl.
 */
export class FileKubeConfig extends KubeConfig {
  override loadFromFile(file: string, options?: Options): void {
    super.loadFromFile(file, options);
    this.users = withTokenFiles(this.users, loadYaml(readFileSync(file, 'utf8')), dirname(file));
  }

  override loadFromDefault(options?: Options): void {
    const files = (process.env.KUBECONFIG ?? '').split(delimiter).filter((file) => file !== '');
    const [first, ...others] = files.some(existsSync) ? files.filter(existsSync) : files;
    if (first === undefined) return super.loadFromDefault(options);
    this.loadFromFile(first, options);
    for (const file of others) this.addMissing(file, options);
  }

  /** What earlier files name stands. */
  private addMissing(file: string, options: Options): void {
    const other = new FileKubeConfig();
    other.loadFromFile(file, options);
    this.clusters = withMissing(this.clusters, other.clusters);
    this.users = withMissing(this.users, other.users);
    this.contexts = withMissing(this.contexts, other.contexts);
    this.currentContext ||= other.currentContext;
  }
}

function withMissing<Named extends { readonly name: string }>(own: readonly Named[], more: readonly Named[]): Named[] {
  const names = new Set(own.map(({ name }) => name));
  return [...own, ...more.filter(({ name }) => !names.has(name))];
}

/** As the provider that the library has for such files. Paths are relative to the kubeconfig. */
function withTokenFiles(users: readonly User[], kubeconfig: unknown, directory: string): User[] {
  const { users: entries = [] } = kubeconfig as { users?: ReadonlyArray<{ name?: string; user?: unknown }> };
  const files = new Map(entries.map(({ name, user }) => [name, isRecord(user) ? user.tokenFile : undefined]));
  return users.map((user) => {
    const file = files.get(user.name);
    if (typeof file !== 'string' || user.token) return user;
    return { ...user, authProvider: { name: 'tokenFile', config: { tokenFile: resolve(directory, file) } } };
  });
}
