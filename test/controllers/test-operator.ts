import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type RunningAgent, startAgent } from '../../src/agent/agent.ts';
import { customResourceDefinitions } from '../../src/api/crd.ts';
import { API_VERSION, CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../../src/api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../src/api/resources.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { LogLevel } from '../../src/base/log.ts';
import { runControllers } from '../../src/controllers/run-controllers.ts';
import { type DevCluster, startDevCluster } from '../../src/dev-cluster/dev-cluster.ts';
import { HttpClient } from '../../src/http/client.ts';
import { EVENTS, EventRecorder, type KubeEvent } from '../../src/kube/events.ts';
import { fixedAccess } from '../../src/kube/kube-access.ts';
import { KubeClient } from '../../src/kube/kube-client.ts';
import type { KubeObject, ResourceType } from '../../src/kube/object.ts';
import { createRegistry, createRuntimeMetrics } from '../../src/observability/metrics.ts';
import { agentOptions, safekeeperId } from '../agent/test-agent.ts';
import { fastClock } from '../support/fast-clock.ts';

export const NAMESPACE = 'default';
/** Time runs so many times as fast for the operator: a grace period of 15 s takes 0.6 s. */
const SPEED = 25;
const WAIT_MS = 15_000;

const CRDS: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
};

/** A safekeeper whose process and disk a test can take away. */
export interface TestSafekeeper {
  readonly id: number;
  readonly dataDirectory: string;
  url: string;
  stop(): Promise<void>;
  /** On the same port as before. */
  start(): Promise<void>;
  wipe(): void;
}

/** The embedded API, a KubeClient, and as many agents as asked for; no operator yet. */
export class TestWorld implements AsyncDisposable {
  readonly api: DevCluster;
  readonly client: KubeClient;
  readonly http = new HttpClient();
  readonly clock: Clock = fastClock(SPEED);
  readonly safekeepers: TestSafekeeper[] = [];
  private readonly never = new AbortController().signal;
  private readonly disposals: Array<() => Promise<void> | void> = [];

  static async start(
    safekeeperCount: number,
    prepare: (dataDirectory: string, id: number) => Promise<void>,
  ): Promise<TestWorld> {
    const log = pino({ level: 'silent' });
    const api = await startDevCluster({ clock: fastClock(1), log });
    const world = new TestWorld(api);
    for (const definition of customResourceDefinitions()) {
      await world.client.create(CRDS, definition as unknown as KubeObject, world.never);
    }
    for (let id = 1; id <= safekeeperCount; id++) {
      const dataDirectory = mkdtempSync(join(tmpdir(), `safekeeper-${id}-`));
      await prepare(dataDirectory, id);
      const safekeeper = await startSafekeeper(id, dataDirectory);
      world.safekeepers.push(safekeeper);
      world.disposals.push(async () => {
        await safekeeper.stop();
        rmSync(dataDirectory, { recursive: true, force: true });
      });
    }
    return world;
  }

  private constructor(api: DevCluster) {
    this.api = api;
    const runtime = this.runtime('silent');
    const access = { server: api.url, headers: {}, tls: { verify: true }, namespace: undefined };
    this.client = new KubeClient(fixedAccess(access), runtime);
  }

  private runtime(level: LogLevel) {
    const metrics = createRuntimeMetrics(createRegistry());
    return { clock: this.clock, random: Math.random, log: pino({ level }, pino.destination(2)), metrics };
  }

  /** Starts the controllers in this process; disposing the world, or what is returned, stops them. */
  startOperator(level: LogLevel = 'silent'): { stop(): Promise<void> } {
    const runtime = this.runtime(level);
    const drain = new AbortController();
    const events = new EventRecorder({
      client: this.client,
      runtime,
      component: 'safekeeper-operator',
      instance: 'test',
    });
    const sending = events.run(drain.signal);
    const options = { client: this.client, events, runtime, http: this.http, namespace: NAMESPACE };
    const running = runControllers(options, drain.signal, this.never);
    const stop = async () => {
      drain.abort();
      await Promise.all([running, sending]);
    };
    this.disposals.unshift(stop);
    return { stop };
  }

  /** A cluster of all safekeepers with the shortest grace period there is. */
  async createCluster(spec: Record<string, unknown> = {}): Promise<void> {
    const recovery = { gracePeriod: '15s', ...(spec.recovery as object | undefined) };
    const inventory = { interval: '1s', ...(spec.inventory as object | undefined) };
    const safekeepers = this.safekeepers.map(({ id, url }) => ({ id, url }));
    const object = {
      apiVersion: API_VERSION,
      kind: CLUSTER_RESOURCE.kind,
      metadata: { name: 'main', namespace: NAMESPACE },
      spec: { safekeepers, ...spec, recovery, inventory },
    };
    await this.client.create(CLUSTER_RESOURCE, object as unknown as SafekeeperCluster, this.never);
  }

  async cluster(): Promise<SafekeeperCluster> {
    return await this.client.get(CLUSTER_RESOURCE, { namespace: NAMESPACE, name: 'main' }, this.never);
  }

  async timelines(): Promise<readonly SafekeeperTimeline[]> {
    const { items } = await this.client.list<SafekeeperTimeline>(
      TIMELINE_RESOURCE,
      { namespace: NAMESPACE },
      undefined,
      this.never,
    );
    return items;
  }

  async events(): Promise<readonly KubeEvent[]> {
    const { items } = await this.client.list(EVENTS, { namespace: NAMESPACE }, undefined, this.never);
    return items;
  }

  /** Waits until every timeline, and at least `countMin` of them, fits. */
  async untilTimelines(
    what: string,
    countMin: number,
    fits: (timeline: SafekeeperTimeline) => boolean,
  ): Promise<readonly SafekeeperTimeline[]> {
    const deadlineMs = performance.now() + WAIT_MS;
    for (;;) {
      const timelines = await this.timelines();
      if (timelines.length >= countMin && timelines.every(fits)) return timelines;
      if (performance.now() > deadlineMs) {
        throw new Error(`never happened: ${what}\n${timelines.map(({ status }) => JSON.stringify(status)).join('\n')}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const dispose of this.disposals) await dispose();
    await this.client[Symbol.asyncDispose]();
    await this.http[Symbol.asyncDispose]();
    await this.api.close();
  }
}

export function conditionOf({ status }: SafekeeperTimeline | SafekeeperCluster, type: string) {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function isReady(object: SafekeeperTimeline | SafekeeperCluster): boolean {
  return conditionOf(object, 'Ready')?.status === 'True';
}

async function startSafekeeper(id: number, dataDirectory: string): Promise<TestSafekeeper> {
  const port = await freePort();
  let agent: RunningAgent | undefined;
  const http = new HttpClient();
  const safekeeper: TestSafekeeper = {
    id,
    dataDirectory,
    url: `http://127.0.0.1:${port}`,
    async start() {
      const options = { ...agentOptions(dataDirectory), http, port, safekeeperId: safekeeperId(id) };
      agent = await startAgent(options, new AbortController().signal);
    },
    async stop() {
      await agent?.[Symbol.asyncDispose]();
      agent = undefined;
    },
    wipe() {
      rmSync(dataDirectory, { recursive: true, force: true });
      mkdirSync(dataDirectory);
    },
  };
  await safekeeper.start();
  return safekeeper;
}

/** The system picks it; it stays this safekeeper's over restarts. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
