import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { customResourceDefinitions } from '../../api/crd.ts';
import { assert } from '../../base/assert.ts';
import { systemClock } from '../../base/clock.ts';
import { mapBounded } from '../../base/concurrency.ts';
import { Failure } from '../../base/failure.ts';
import { startDevCluster } from '../../dev-cluster/dev-cluster.ts';
import { toSafekeeperId } from '../../api/fields.ts';
import { HttpClient } from '../../http/client.ts';
import { fixedAccess } from '../../kube/kube-access.ts';
import { KubeClient } from '../../kube/kube-client.ts';
import type { ResourceType } from '../../kube/object.ts';
import type { Runtime } from '../../kube/runtime.ts';
import { SafekeeperClient } from '../../safekeeper/client.ts';
import { type RunningChild, startChild } from './child-process.ts';
import type { DataDirectory } from './wal-data.ts';

/** Exactly three: the members of timelines without a membership generation are then known. */
const SAFEKEEPER_IDS = [1, 2, 3];
/** Who applies what a person would. */
export const FIELD_MANAGER = 'safekeeper-demo';
export const OPERATOR_TITLE = 'the operator';
const START_TIMEOUT_MS = 30_000;
/** The port of an agent that was killed may be held for a moment by a connection that was being made to it. */
const RESTART_ATTEMPTS = 5;
const RESTART_PAUSE_MS = 500;

const DEFINITIONS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** A safekeeper of the demo: an agent process over a directory of its own. */
export interface DemoSafekeeper extends DataDirectory {
  /** Stays the same over restarts. */
  readonly url: string;
  readonly client: SafekeeperClient;
}

/**
 * Everything that runs for the demo, all on 127.0.0.1 and below one temporary directory: data directories, an embedded
 * Kubernetes API in this process, and one process each for three safekeepers and the operator. Disposing it ends the
 * processes and removes the directory.
 */
export class Stage implements AsyncDisposable {
  readonly directory: string;
  readonly directories: readonly DataDirectory[];
  readonly kubeconfigPath: string;
  private readonly logDirectory: string;
  /** Set when something failed: the logs then outlive the stage. */
  private logsAreKept = false;
  /** Told when a process ended though nobody here asked for it. */
  onUnexpectedEnd: (title: string, how: string) => void;
  private readonly failed = new AbortController();
  private readonly children = new Set<RunningChild>();
  private readonly cleanups: Array<() => Promise<void>> = [];

  private constructor(directory: string) {
    this.directory = directory;
    this.directories = SAFEKEEPER_IDS.map((id) => ({
      safekeeperId: toSafekeeperId(id),
      path: join(directory, `safekeeper-${id}`),
    }));
    this.kubeconfigPath = join(directory, 'kubeconfig');
    this.logDirectory = join(directory, 'logs');
    this.onUnexpectedEnd = (title, how) =>
      this.failed.abort(new Failure('ChildFailed', `${title} ended unexpectedly with ${how}`));
  }

  /** Takes a temporary directory and nothing else yet. */
  static async create(): Promise<Stage> {
    return new Stage(await mkdtemp(join(tmpdir(), 'safekeeper-demo-')));
  }

  /** Aborted when a process ended unexpectedly. */
  get broken(): AbortSignal {
    return this.failed.signal;
  }

  async prepareDirectories(): Promise<void> {
    for (const path of [this.logDirectory, ...this.directories.map((directory) => directory.path)]) await mkdir(path);
  }

  /** Starts the Kubernetes API, writes its kubeconfig, and creates both kinds. */
  async startApi(runtime: Runtime, signal: AbortSignal): Promise<KubeClient> {
    const cluster = await startDevCluster({ clock: runtime.clock, log: runtime.log });
    this.cleanups.push(() => cluster.close());
    await writeFile(this.kubeconfigPath, cluster.kubeconfig(), { mode: 0o600 });
    const access = { server: cluster.url, headers: {}, tls: { verify: false }, namespace: undefined };
    const client = new KubeClient(fixedAccess(access), runtime);
    this.cleanups.push(() => client[Symbol.asyncDispose]());
    for (const { apiVersion: _, kind: __, ...definition } of customResourceDefinitions()) {
      await client.apply(DEFINITIONS, definition, { fieldManager: FIELD_MANAGER }, signal);
    }
    return client;
  }

  async startSafekeepers(signal: AbortSignal): Promise<DemoSafekeeper[]> {
    const http = new HttpClient();
    this.cleanups.push(() => http[Symbol.asyncDispose]());
    // After a failure nothing may go on in the background: the directory is about to be removed.
    return await mapBounded(this.directories, SAFEKEEPER_IDS.length, async (directory) => {
      const { url } = (await this.startAgent(directory, 0, signal)).ready;
      assert(typeof url === 'string', 'an agent tells its url');
      return { ...directory, url, client: new SafekeeperClient({ http, url }) };
    });
  }

  /** Starts it again where it was, on whatever its data directory now holds. */
  async restart(safekeeper: DemoSafekeeper, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await this.startAgent(safekeeper, Number(new URL(safekeeper.url).port), signal);
        return;
      } catch (error) {
        if (signal.aborted || attempt === RESTART_ATTEMPTS) throw error;
        await systemClock.sleep(RESTART_PAUSE_MS, signal);
      }
    }
  }

  /** What a broken disk does: the process is gone at once, and so is everything that it had written. */
  async loseDisk(safekeeper: DemoSafekeeper): Promise<void> {
    const child = [...this.children].find(({ title }) => title === titleOf(safekeeper));
    if (child !== undefined) {
      this.children.delete(child);
      await child.kill();
    }
    await rm(safekeeper.path, { recursive: true });
  }

  async startOperator(signal: AbortSignal): Promise<void> {
    const flags = ['--kubeconfig', this.kubeconfigPath, '--health-listen', '127.0.0.1:0'];
    await this.start(OPERATOR_TITLE, 'operator', ['operator', ...flags], 'running', signal);
  }

  /** Lets the logs outlive the stage, if there are any yet; returns their paths. */
  async keepLogs(): Promise<string[]> {
    const names = await readdir(this.logDirectory).catch(() => []);
    this.logsAreKept = names.length > 0;
    return names.map((name) => join(this.logDirectory, name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const children = [...this.children];
    this.children.clear();
    await Promise.all(children.map((child) => child.stop()));
    for (const cleanUp of this.cleanups.toReversed()) await cleanUp();
    const gone = this.logsAreKept ? this.directories.map(({ path }) => path) : [this.directory];
    for (const path of gone) await rm(path, { recursive: true, force: true, maxRetries: 3 });
  }

  /** An empty data directory when there is none. */
  private async startAgent(directory: DataDirectory, port: number, signal: AbortSignal): Promise<RunningChild> {
    const { safekeeperId, path } = directory;
    await mkdir(path, { recursive: true });
    const flags = ['--data-dir', path, '--id', String(safekeeperId), '--listen', `127.0.0.1:${port}`];
    return await this.start(titleOf(directory), `safekeeper-${safekeeperId}`, ['agent', ...flags], 'listening', signal);
  }

  private async start(
    title: string,
    logName: string,
    args: readonly string[],
    readyKind: string,
    signal: AbortSignal,
  ): Promise<RunningChild> {
    const logPath = join(this.logDirectory, `${logName}.log`);
    const child = await startChild({ title, args, logPath, readyKind, startTimeoutMs: START_TIMEOUT_MS }, signal);
    this.children.add(child);
    void child.ended.then((how) => {
      if (this.children.delete(child)) this.onUnexpectedEnd(title, how);
    });
    return child;
  }
}

export function titleOf({ safekeeperId }: Pick<DataDirectory, 'safekeeperId'>): string {
  return `safekeeper ${safekeeperId}`;
}
