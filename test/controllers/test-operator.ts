import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { type AgentOptions, type RunningAgent, startAgent } from '../../src/agent/agent.ts';
import { API_VERSION, CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../../src/api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../src/api/resources.ts';
import type { Clock } from '../../src/base/clock.ts';
import type { LogLevel } from '../../src/base/log.ts';
import { runControllers } from '../../src/controllers/run-controllers.ts';
import { HttpClient, type HttpClientOptions } from '../../src/http/client.ts';
import type { OpenHttp } from '../../src/http/renewable-client.ts';
import { EVENTS, EventRecorder, type KubeEvent } from '../../src/kube/events.ts';
import { fixedAccess } from '../../src/kube/kube-access.ts';
import { KubeClient } from '../../src/kube/kube-client.ts';
import { createRegistry, createRuntimeMetrics } from '../../src/observability/metrics.ts';
import { type ApiServer, openApi } from '../api-server/api-server.ts';
import { agentOptions, placeTimeline, safekeeperId, TENANT } from '../agent/test-agent.ts';
import { fastClock } from '../support/fast-clock.ts';
import { type Proxy, startProxy } from './proxy.ts';
import { TimelineHistory } from './timeline-history.ts';

/** Time runs so many times as fast for the operator: a grace period of 15 s takes 0.6 s. */
const SPEED = 25;
const WAIT_MS = 15_000;

/** A safekeeper whose process and disk a test can take away. */
export interface TestSafekeeper {
  readonly id: number;
  readonly dataDirectory: string;
  /** What everybody talks to. */
  readonly proxy: Proxy;
  /** Behind the proxy. */
  readonly url: string;
  stop(): Promise<void>;
  start(): Promise<void>;
  wipe(): void;
}

export interface OperatorOptions {
  readonly level?: LogLevel;
  /** Takes every log line, of any level, in place of standard error. */
  readonly logTo?: { write(line: string): void };
  /** How safekeepers are reached. */
  readonly openHttp?: OpenHttp;
  /** How much later than the timelines the clusters are listed. */
  readonly slowClusterListMs?: number;
  /** Always, unless told otherwise. */
  readonly isLeading?: () => boolean;
}

/** A Kubernetes API, a KubeClient, and as many agents as asked for; no operator yet. */
export class TestWorld implements AsyncDisposable {
  readonly api: ApiServer;
  readonly client: KubeClient;
  readonly http = new HttpClient();
  readonly clock: Clock = fastClock(SPEED);
  readonly safekeepers: TestSafekeeper[] = [];
  /** The metrics of the operator that was started last. */
  registry = createRegistry();
  private readonly never = new AbortController().signal;
  private readonly watching = new AbortController();
  private readonly history: TimelineHistory;
  private readonly logged: Array<{ readonly msg: string }> = [];
  private readonly disposals: Array<() => Promise<void> | void> = [];

  static async start(
    safekeeperCount: number,
    prepare: (dataDirectory: string, id: number) => Promise<void>,
    { ownApi = false, ...changes }: Partial<AgentOptions> & { readonly ownApi?: boolean } = {},
  ): Promise<TestWorld> {
    const world = new TestWorld(await openApi({ own: ownApi }));
    for (let id = 1; id <= safekeeperCount; id++) {
      const dataDirectory = mkdtempSync(join(tmpdir(), `safekeeper-${id}-`));
      await prepare(dataDirectory, id);
      const safekeeper = await startSafekeeper(id, dataDirectory, changes);
      world.safekeepers.push(safekeeper);
      world.disposals.push(async () => {
        await safekeeper.proxy[Symbol.asyncDispose]();
        await safekeeper.stop();
        rmSync(dataDirectory, { recursive: true, force: true });
      });
    }
    return world;
  }

  private constructor(api: ApiServer) {
    this.api = api;
    const runtime = this.runtime('silent');
    const access = { server: api.url, headers: {}, tls: { verify: true }, namespace: undefined };
    this.client = new KubeClient(fixedAccess(access), runtime);
    this.history = new TimelineHistory(this.client, this.api.namespace, this.watching.signal);
  }

  private runtime(level: LogLevel, logTo: OperatorOptions['logTo'] = pino.destination(2)) {
    const metrics = createRuntimeMetrics(createRegistry());
    const kept = { write: (line: string) => void this.logged.push(JSON.parse(line) as { msg: string }) };
    const log = level === 'silent' ? pino({ level: 'warn' }, kept) : pino({ level }, logTo);
    return { clock: this.clock, random: Math.random, log, metrics };
  }

  /** Starts the controllers in this process; disposing the world, or what is returned, stops them. */
  startOperator(operator: OperatorOptions = {}): { stop(): Promise<void> } {
    const { level = 'silent', logTo, slowClusterListMs = 0 } = operator;
    const openHttp = operator.openHttp ?? ((http: HttpClientOptions) => new HttpClient(http));
    this.registry = createRegistry();
    const runtime = this.runtime(logTo === undefined ? level : 'trace', logTo);
    const client = withSlowClusterList(this.client, slowClusterListMs);
    const drain = new AbortController();
    const events = new EventRecorder({
      client: this.client,
      runtime,
      component: 'safekeeper-operator',
      instance: 'test',
    });
    const sending = events.run(drain.signal);
    const options = {
      client,
      events,
      runtime,
      openHttp,
      isLeading: operator.isLeading ?? (() => true),
      registry: this.registry,
      namespace: this.api.namespace,
    };
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
    const inventory = { interval: '3s', ...(spec.inventory as object | undefined) };
    const safekeepers = this.safekeepers.map(({ id, proxy }) => ({ id, url: proxy.url }));
    const object = {
      apiVersion: API_VERSION,
      kind: CLUSTER_RESOURCE.kind,
      metadata: { name: 'main', namespace: this.api.namespace },
      spec: { safekeepers, ...spec, recovery, inventory },
    };
    await this.client.create(CLUSTER_RESOURCE, object as unknown as SafekeeperCluster, this.never);
  }

  /** A timeline object that a person makes; `name` is also its timeline's digit, repeated. */
  async createTimeline(name: string, spec: Record<string, unknown> = {}): Promise<void> {
    const object = {
      apiVersion: API_VERSION,
      kind: TIMELINE_RESOURCE.kind,
      metadata: { name: `timeline-${name}`, namespace: this.api.namespace },
      spec: { clusterRef: { name: 'main' }, tenantId: TENANT, timelineId: timelineId(name), ...spec },
    };
    await this.client.create(TIMELINE_RESOURCE, object as unknown as SafekeeperTimeline, this.never);
  }

  /** Merge-patches `cluster`, or the object of the timeline of this digit. */
  async patch(what: string, patch: Record<string, unknown>): Promise<void> {
    if (what === 'cluster') {
      await this.client.mergePatch(
        CLUSTER_RESOURCE,
        { namespace: this.api.namespace, name: 'main' },
        patch,
        this.never,
      );
      return;
    }
    const { name } = (await this.timeline(what)).metadata;
    await this.client.mergePatch(TIMELINE_RESOURCE, { namespace: this.api.namespace, name }, patch, this.never);
  }

  /** Writes into a timeline's status, as another operator may. */
  async writeStatus(digit: string, status: Record<string, unknown>): Promise<void> {
    const { name } = (await this.timeline(digit)).metadata;
    await this.client.patchStatus(TIMELINE_RESOURCE, { namespace: this.api.namespace, name }, { status }, this.never);
  }

  async annotate(what: string, annotations: Record<string, string | null>): Promise<void> {
    await this.patch(what, { metadata: { annotations } });
  }

  async deleteCluster(): Promise<void> {
    await this.client.delete(CLUSTER_RESOURCE, { namespace: this.api.namespace, name: 'main' }, {}, this.never);
  }

  async deleteTimeline(digit: string): Promise<void> {
    const { name } = (await this.timeline(digit)).metadata;
    await this.client.delete(TIMELINE_RESOURCE, { namespace: this.api.namespace, name }, {}, this.never);
  }

  async timeline(digit: string): Promise<SafekeeperTimeline> {
    const found = (await this.timelines()).find(({ spec }) => spec.timelineId === timelineId(digit));
    if (found === undefined) throw new Error(`timeline ${digit} has no object`);
    return found;
  }

  /** Stops the safekeeper, takes its disk away, and starts it again. */
  async wipe(id: number): Promise<void> {
    const safekeeper = this.safekeeper(id);
    await safekeeper.stop();
    safekeeper.wipe();
    await safekeeper.start();
  }

  safekeeper(id: number): TestSafekeeper {
    const found = this.safekeepers[id - 1];
    if (found === undefined) throw new Error(`there is no safekeeper ${id}`);
    return found;
  }

  /** The bodies of all pulls that any safekeeper was asked for. */
  pulls(): Array<{ readonly timeline_id: string; readonly http_hosts: readonly string[]; readonly mconf?: unknown }> {
    const requests = this.safekeepers.flatMap(({ proxy }) => proxy.requests);
    return requests.filter(({ path }) => path === '/v1/pull_timeline').map(({ body }) => JSON.parse(body));
  }

  /** How often the safekeeper was asked for anything that matches `METHOD path`. */
  askedFor(id: number, pattern: RegExp): number {
    return this.safekeeper(id).proxy.requests.filter(({ method, path }) => pattern.test(`${method} ${path}`)).length;
  }

  /** Lets operator time go by: so many seconds of it. */
  async pass(seconds: number): Promise<void> {
    await this.clock.sleep(seconds * 1_000, this.never);
  }

  /** The messages of everything that the operator logged as a warning or worse, each once. */
  complaints(): string[] {
    return [...new Set(this.logged.map(({ msg }) => msg))].sort();
  }

  /** Waits until nothing is written any more: for 30 seconds of operator time. */
  async settles(): Promise<void> {
    const versions = async () =>
      [await this.cluster(), ...(await this.timelines())].map(({ metadata }) => metadata.resourceVersion).join();
    let before: string;
    let tries = 0;
    do {
      if (++tries > 10) throw new Error('resourceVersions do not stay still');
      before = await versions();
      await this.pass(30);
    } while (before !== (await versions()));
  }

  async eventReasons(): Promise<string[]> {
    return (await this.events()).map(({ reason }) => reason);
  }

  /** Events are sent beside the status writes, and a little later. */
  async untilEvents(...reasons: string[]): Promise<void> {
    const deadlineMs = performance.now() + WAIT_MS;
    for (;;) {
      const seen = await this.eventReasons();
      if (reasons.every((reason) => seen.includes(reason))) return;
      if (performance.now() > deadlineMs) throw new Error(`no event ${reasons.join(', ')}, only ${seen.join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  async cluster(): Promise<SafekeeperCluster> {
    return await this.client.get(CLUSTER_RESOURCE, { namespace: this.api.namespace, name: 'main' }, this.never);
  }

  async timelines(): Promise<readonly SafekeeperTimeline[]> {
    const { items } = await this.client.list<SafekeeperTimeline>(
      TIMELINE_RESOURCE,
      { namespace: this.api.namespace },
      undefined,
      this.never,
    );
    return items;
  }

  async events(): Promise<readonly KubeEvent[]> {
    const { items } = await this.client.list(EVENTS, { namespace: this.api.namespace }, undefined, this.never);
    return items;
  }

  /** Waits until every timeline, and at least `countMin` of them, fits. */
  async untilTimelines(
    what: string,
    countMin: number,
    fits: (timeline: SafekeeperTimeline) => boolean,
    waitMs = WAIT_MS,
  ): Promise<readonly SafekeeperTimeline[]> {
    const found = await poll(
      what,
      () => this.timelines(),
      (all) => all.length >= countMin && all.every(fits),
      waitMs,
    );
    for (const timeline of found) this.history.forgetUntil(timeline);
    return found;
  }

  /** Waits until the timeline `digit` fits, or finds that it did so since it was last waited for. */
  async untilTimeline(
    digit: string,
    what: string,
    fits: (timeline: SafekeeperTimeline) => boolean,
    waitMs = WAIT_MS,
  ): Promise<SafekeeperTimeline> {
    const isIt = (timeline: SafekeeperTimeline) => timeline.spec.timelineId === timelineId(digit) && fits(timeline);
    const read = async () => {
      const timelines = await this.timelines();
      return { timelines, found: timelines.find(isIt) ?? this.history.find(isIt) };
    };
    const { found } = await poll(what, read, (seen) => seen.found !== undefined, waitMs);
    if (found === undefined) throw new Error('poll returns what fits');
    this.history.forgetUntil(found);
    return found;
  }

  async untilCluster(
    what: string,
    fits: (cluster: SafekeeperCluster) => boolean,
    waitMs = WAIT_MS,
  ): Promise<SafekeeperCluster> {
    return await poll(what, () => this.cluster(), fits, waitMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.watching.abort();
    for (const dispose of this.disposals) await dispose();
    await this.client[Symbol.asyncDispose]();
    await this.http[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
  }
}

export function conditionOf({ status }: SafekeeperTimeline | SafekeeperCluster, type: string) {
  return status?.conditions?.find((condition) => condition.type === type);
}

export function isReady(object: SafekeeperTimeline | SafekeeperCluster): boolean {
  return conditionOf(object, 'Ready')?.status === 'True';
}

/** `Ready/Reconciling/Stalled` reasons, each only where the condition is not at rest. */
export function reasonsOf(object: SafekeeperTimeline | SafekeeperCluster): string {
  const shown = (type: string) => {
    const condition = conditionOf(object, type);
    return condition?.status === 'True' || type === 'Ready' ? (condition?.reason ?? '') : '-';
  };
  return ['Ready', 'Reconciling', 'Stalled'].map(shown).join('/');
}

export function stateOf({ status }: SafekeeperTimeline, id: number): string | undefined {
  return status?.replicas?.find(({ safekeeperId: replica }) => replica === id)?.state;
}

export function timelineId(digit: string): string {
  return digit.repeat(32);
}

/** Puts timelines 1, 2, … into every data directory, as recorded with generation 0 unless another snapshot is named. */
export function place(count: number, snapshot = 'gen0_v9'): (dataDirectory: string) => Promise<void> {
  return async (dataDirectory) => {
    for (let digit = 1; digit <= count; digit++) {
      await placeTimeline(dataDirectory, { snapshot, tenantId: TENANT, timelineId: timelineId(String(digit)) });
    }
  };
}

function withSlowClusterList(client: KubeClient, delayMs: number): KubeClient {
  const slow: KubeClient = Object.create(client) as KubeClient;
  slow.list = async (type, ...rest) => {
    if (type.plural === CLUSTER_RESOURCE.plural) await new Promise((resolve) => setTimeout(resolve, delayMs));
    return await client.list(type, ...rest);
  };
  return slow;
}

async function poll<Value>(
  what: string,
  read: () => Promise<Value>,
  fits: (value: Value) => boolean,
  waitMs = WAIT_MS,
): Promise<Value> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const value = await read();
    if (fits(value)) return value;
    if (performance.now() > deadlineMs)
      throw new Error(`never happened: ${what}\n${JSON.stringify(value, undefined, 1)}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

async function startSafekeeper(
  id: number,
  dataDirectory: string,
  changes: Partial<AgentOptions>,
): Promise<TestSafekeeper> {
  const proxy = await startProxy();
  const http = new HttpClient();
  let agent: RunningAgent | undefined;
  const safekeeper: TestSafekeeper = {
    id,
    dataDirectory,
    proxy,
    get url() {
      return agent?.url ?? '';
    },
    async start() {
      const options = { ...agentOptions(dataDirectory), http, safekeeperId: safekeeperId(id), ...changes };
      agent = await startAgent(options, new AbortController().signal);
      proxy.target = agent.url;
    },
    async stop() {
      proxy.target = undefined;
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
