import { CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../../src/api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../src/api/resources.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { type AccessSource, fixedAccess } from '../../src/kube/kube-access.ts';
import { KubeClient } from '../../src/kube/kube-client.ts';
import type { Runtime } from '../../src/kube/runtime.ts';
import { createRegistry, createRuntimeMetrics } from '../../src/observability/metrics.ts';
import type { Console } from '../../src/cli/verbs/console.ts';
import { type ApiServer, openApi } from '../api-server/api-server.ts';

export const NEVER = new AbortController().signal;

/** An API server with a client, whose objects a test writes as if an operator had been there. */
export class ObjectsWorld implements AsyncDisposable {
  readonly api: ApiServer;
  readonly client: KubeClient;
  readonly runtime: Runtime;
  readonly access: AccessSource;

  static async open(): Promise<ObjectsWorld> {
    return new ObjectsWorld(await openApi());
  }

  private constructor(api: ApiServer) {
    this.api = api;
    const metrics = createRuntimeMetrics(createRegistry());
    this.runtime = { clock: systemClock, random: Math.random, log: createLogger('silent'), metrics };
    this.access = fixedAccess({ server: api.url, headers: {}, tls: { verify: true }, namespace: api.namespace });
    this.client = new KubeClient(this.access, this.runtime);
  }

  get namespace(): string {
    return this.api.namespace;
  }

  /** Creates an object in the test's namespace, and its status. */
  async put(object: SafekeeperCluster | SafekeeperTimeline, labels: Record<string, string> = {}): Promise<void> {
    const type = object.kind === 'SafekeeperCluster' ? CLUSTER_RESOURCE : TIMELINE_RESOURCE;
    const { status, ...created } = object;
    const metadata = { name: object.metadata.name, namespace: this.namespace, labels };
    await this.client.create(type, { ...created, metadata }, NEVER);
    if (status !== undefined) await this.client.patchStatus(type, metadata, { status }, NEVER);
  }

  async writeStatus(name: string, status: Record<string, unknown>): Promise<void> {
    await this.client.patchStatus(TIMELINE_RESOURCE, { namespace: this.namespace, name }, { status }, NEVER);
  }

  async timeline(name: string): Promise<SafekeeperTimeline> {
    return await this.client.get<SafekeeperTimeline>(TIMELINE_RESOURCE, { namespace: this.namespace, name }, NEVER);
  }

  async cluster(name: string): Promise<SafekeeperCluster> {
    return await this.client.get<SafekeeperCluster>(CLUSTER_RESOURCE, { namespace: this.namespace, name }, NEVER);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
  }
}

/** Keeps what a command says; `ask` gives its answers. */
export class FakeConsole implements Console {
  readonly printed: string[] = [];
  readonly warned: string[] = [];
  readonly ask: Console['ask'];

  constructor(ask?: Console['ask']) {
    this.ask = ask;
  }

  print(line: string): void {
    this.printed.push(line);
  }

  warn(line: string): void {
    this.warned.push(line);
  }
}
