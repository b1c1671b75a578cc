import { describe, expect, test } from 'vitest';
import { EventRecorder, type KubeEvent } from '../../src/kube/events.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { startObjectApi } from './support/object-api.ts';
import { testClient, testRuntime, widget } from './support/runtime.ts';

const NOTE = { type: 'Warning', reason: 'ReplicaLost', message: 'safekeeper 2 lost its replica' } as const;

class Rig implements AsyncDisposable {
  readonly clock = new FakeClock();
  private draws = 0;
  /** Another number each time: event names must differ. */
  readonly runtime = { ...testRuntime(this.clock), random: () => (this.draws++ % 1_000) / 1_000 };
  readonly recorder: EventRecorder;
  private readonly stop = new AbortController();
  private readonly api;
  private readonly client;
  private readonly running: Promise<void>;

  static async start(): Promise<Rig> {
    return new Rig(await startObjectApi());
  }

  private constructor(api: Awaited<ReturnType<typeof startObjectApi>>) {
    this.api = api;
    this.client = testClient(api.url, this.runtime);
    const { runtime, client } = this;
    this.recorder = new EventRecorder({ client, runtime, component: 'widget-controller', instance: 'pod-1' });
    this.running = this.recorder.run(this.stop.signal);
  }

  get server() {
    return this.api;
  }

  events(): KubeEvent[] {
    return [...this.api.objects.values()] as unknown as KubeEvent[];
  }

  /** After everything was sent or given up. */
  async outcomes(): Promise<Record<string, number>> {
    if (!this.api.frozen) await this.recorder.flush(new AbortController().signal);
    const { values } = await this.runtime.metrics.eventsSent.get();
    return Object.fromEntries(values.map(({ labels, value }) => [String(labels.outcome), value]));
  }

  /** Waits for so many successful writes in all. */
  async writes(count: number): Promise<void> {
    await eventually(`${count} writes`, () => this.api.writes.length >= count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort(new Error('the test is over'));
    await this.running;
    await this.client[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
  }
}

test('an event names its object, its reason and who says it, as kubectl describe shows them', async () => {
  await using rig = await Rig.start();
  rig.recorder.record(widget('a', '7'), NOTE);
  await rig.writes(1);
  const [event] = rig.events();
  expect(event).toMatchObject({
    kind: 'Event',
    apiVersion: 'v1',
    metadata: { namespace: 'ns' },
    involvedObject: {
      apiVersion: 'example.dev/v1',
      kind: 'Widget',
      namespace: 'ns',
      name: 'a',
      uid: 'uid-a',
      resourceVersion: '7',
    },
    ...NOTE,
    source: { component: 'widget-controller' },
    reportingComponent: 'widget-controller',
    reportingInstance: 'pod-1',
    firstTimestamp: '2026-01-01T00:00:00Z',
    lastTimestamp: '2026-01-01T00:00:00Z',
    count: 1,
  });
  expect(event?.metadata.name).toMatch(/^a\.[0-9a-f]+$/);
});

test('a cluster-scoped object has its events in the default namespace', async () => {
  await using rig = await Rig.start();
  rig.recorder.record({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'n' } }, NOTE);
  await rig.writes(1);
  expect(rig.server.writes).toEqual(['POST /api/v1/namespaces/default/events']);
});

describe('repeats', () => {
  test('raise the count of the event that is there', async () => {
    await using rig = await Rig.start();
    rig.recorder.record(widget('a', '7'), NOTE);
    await rig.writes(1);
    await rig.clock.advance(60_000);
    rig.recorder.record(widget('a', '8'), NOTE);
    rig.recorder.record(widget('a', '8'), NOTE);
    rig.recorder.record(widget('b', '9'), NOTE);
    await rig.writes(3);
    expect(
      rig.events().map(({ count, lastTimestamp, involvedObject }) => [involvedObject.name, count, lastTimestamp]),
    ).toEqual([
      ['a', 3, '2026-01-01T00:01:00Z'],
      ['b', 1, '2026-01-01T00:01:00Z'],
    ]);
  });

  test('begin a new event when the old one has expired', async () => {
    await using rig = await Rig.start();
    rig.recorder.record(widget('a', '7'), NOTE);
    await rig.writes(1);
    rig.server.objects.clear();
    rig.recorder.record(widget('a', '7'), NOTE);
    await rig.writes(2);
    expect(rig.events().map(({ count }) => count)).toEqual([1]);
    rig.recorder.record(widget('a', '7'), NOTE);
    await rig.writes(3);
    expect(rig.events().map(({ count }) => count)).toEqual([2]);
  });
});

describe('limits', () => {
  test('an object may have 25 events at once, then one in five minutes; others are not affected', async () => {
    await using rig = await Rig.start();
    const burst = () => {
      for (let n = 0; n < 30; n++) rig.recorder.record(widget('a', '7'), { ...NOTE, message: `${NOTE.message} ${n}` });
    };
    burst();
    rig.recorder.record(widget('b', '7'), NOTE);
    await rig.writes(26);
    expect((await rig.outcomes()).dropped).toBe(5);
    await rig.clock.advance(300_000);
    rig.recorder.record(widget('a', '7'), NOTE);
    rig.recorder.record(widget('a', '7'), { ...NOTE, message: 'one too many' });
    await rig.writes(27);
    expect((await rig.outcomes()).dropped).toBe(6);
  });

  test('the backlog is bounded while the API server hangs', async () => {
    await using rig = await Rig.start();
    rig.server.frozen = true;
    for (let n = 0; n < 1_200; n++) rig.recorder.record(widget(`w${n}`, '7'), NOTE);
    expect((await rig.outcomes()).dropped).toBe(200);
  });

  test('a long message is cut to what the API server takes', async () => {
    await using rig = await Rig.start();
    rig.recorder.record(widget('a', '7'), { ...NOTE, message: 'x'.repeat(5_000) });
    await rig.writes(1);
    expect(rig.events()[0]?.message).toHaveLength(1_024);
  });
});

describe('a refusal', () => {
  test('is tried again a few times, then the event is dropped and the next one goes out', async () => {
    await using rig = await Rig.start();
    rig.server.failWith = { code: 500, reason: 'InternalError' };
    rig.recorder.record(widget('a', '7'), NOTE);
    for (const pauseMs of [1_000, 2_000]) {
      await eventually('the pause', () => rig.clock.pendingSleepsMs()[0] === pauseMs);
      await rig.clock.advance(pauseMs);
    }
    await rig.recorder.flush(new AbortController().signal);
    rig.server.failWith = undefined;
    rig.recorder.record(widget('b', '7'), NOTE);
    await rig.writes(1);
    expect(rig.events().map(({ involvedObject }) => involvedObject.name)).toEqual(['b']);
    expect(await rig.outcomes()).toEqual({ failed: 1, sent: 1 });
  });

  test('that will not change is not tried again', async () => {
    await using rig = await Rig.start();
    rig.server.failWith = { code: 403, reason: 'Forbidden' };
    rig.recorder.record(widget('a', '7'), NOTE);
    await rig.recorder.flush(new AbortController().signal);
    rig.server.failWith = undefined;
    rig.recorder.record(widget('b', '7'), NOTE);
    await rig.writes(1);
    expect(rig.clock.pendingSleepsMs()).toEqual([]);
  });
});
