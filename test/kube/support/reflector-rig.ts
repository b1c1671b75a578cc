import { Reflector, type ReflectorOptions } from '../../../src/kube/reflector.ts';
import type { Change } from '../../../src/kube/store.ts';
import { eventually } from '../../support/eventually.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { testClient, testRuntime, WIDGETS, type Widget } from './runtime.ts';
import { type ScriptedApi, type Step, startScriptedApi } from './scripted-api.ts';

/** A reflector that runs against scripted answers. Its pauses pass at once and are noted. */
export class ReflectorRig implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly runtime = testRuntime(this.clock);
  readonly api: ScriptedApi;
  readonly reflector: Reflector<Widget>;
  readonly changes: string[] = [];
  readonly pausesMs: number[] = [];
  private readonly stop = new AbortController();
  private readonly client;
  private readonly running: Promise<void>;

  static async start(
    steps: readonly Step[],
    options: Partial<ReflectorOptions<Widget, string>> = {},
  ): Promise<ReflectorRig> {
    return new ReflectorRig(await startScriptedApi(steps), options);
  }

  private constructor(api: ScriptedApi, options: Partial<ReflectorOptions<Widget, string>>) {
    this.api = api;
    this.client = testClient(api.url, this.runtime);
    const common = { client: this.client, runtime: this.runtime, type: WIDGETS };
    this.reflector = new Reflector<Widget>({ ...common, ...options });
    this.reflector.store.subscribe((change) => this.changes.push(describeChange(change)));
    this.running = this.reflector.run(this.stop.signal);
  }

  names(): string[] {
    return [...this.reflector.store.values()].map((object) => object.metadata.name).sort();
  }

  /** Waits for so many requests in all. */
  async requests(count: number): Promise<void> {
    await this.until(`${count} requests`, () => this.api.seen.length >= count);
  }

  async until(what: string, condition: () => boolean): Promise<void> {
    while (!condition()) {
      await eventually(what, () => condition() || this.clock.pendingSleepsMs().length > 0);
      const [pauseMs] = this.clock.pendingSleepsMs();
      if (pauseMs === undefined) continue;
      this.pausesMs.push(pauseMs);
      await this.clock.advance(pauseMs);
    }
  }

  async restarts(): Promise<Record<string, number>> {
    const { values } = await this.runtime.metrics.watchRestarts.get();
    return Object.fromEntries(values.map(({ labels, value }) => [String(labels.reason), value]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort(new Error('the test is over'));
    await this.running;
    await this.client[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
  }
}

function describeChange(change: Change<Widget>): string {
  const listed = change.kind !== 'Deleted' && change.listed ? ' listed' : '';
  return `${change.kind} ${change.object.metadata.name}@${change.object.metadata.resourceVersion}${listed}`;
}
