import { describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { KubeApiError } from '../../src/kube/api-error.ts';
import { Controller, type ControllerOptions, type Reconcile } from '../../src/kube/controller.ts';
import { keyOf, nameOf, type ObjectKey, objectKey } from '../../src/kube/object.ts';
import { intentChanged, watches } from '../../src/kube/source.ts';
import { Store } from '../../src/kube/store.ts';
import { eventually } from '../support/eventually.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { testRuntime, type Widget, widget } from './support/runtime.ts';

const A = objectKey({ namespace: 'ns', name: 'a' });
const B = objectKey({ namespace: 'ns', name: 'b' });

/** A controller over a store that the test fills itself. */
class Rig implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly runtime = testRuntime(this.clock);
  readonly store = new Store<Widget>({});
  readonly drain = new AbortController();
  readonly stop = new AbortController();
  readonly controller: Controller;
  readonly calls: ObjectKey[] = [];
  readonly running: Promise<void>;

  constructor(reconcile: Reconcile, options: Partial<ControllerOptions> = {}) {
    this.controller = new Controller({
      name: 'widget',
      runtime: this.runtime,
      sources: [watches({ store: this.store }, (object) => [keyOf(object)], { when: intentChanged })],
      workerCount: 2,
      reconcileTimeoutMs: 5_000,
      reconcile: (key, signal) => {
        this.calls.push(key);
        return reconcile(key, signal);
      },
      ...options,
    });
    this.running = this.controller.run(this.drain.signal, this.stop.signal);
  }

  async callCount(count: number): Promise<void> {
    await eventually(`${count} reconciles`, () => this.calls.length >= count);
    await this.clock.advance(0);
  }

  async results(): Promise<Record<string, number>> {
    const { values } = await this.runtime.metrics.reconciles.get();
    return Object.fromEntries(values.map(({ labels, value }) => [String(labels.result), value]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stop.abort(new Error('the test is over'));
    await this.running;
  }
}

const done: Reconcile = () => Promise.resolve({ kind: 'Done' });

/** Hangs until its signal is aborted. */
const hang: Reconcile = (_key, signal) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

describe('start', () => {
  test('waits for the first list, then reconciles what is there and what changes', async () => {
    await using rig = new Rig(done);
    rig.store.put(widget('a', '1'), true);
    await rig.clock.advance(0);
    expect(rig.calls).toEqual([]);
    rig.store.replace([widget('a', '1')], '1');
    await rig.callCount(1);
    rig.store.put(widget('b', '2'), false);
    await rig.callCount(2);
    expect(rig.calls).toEqual([A, B]);
  });

  test('gives up when the first list does not come', async () => {
    const rig = new Rig(done, { syncTimeoutMs: 20 });
    await expect(rig.running).rejects.toMatchObject({ reason: 'CacheSyncTimeout' });
  });

  test('that is stopped before the first list ends quietly', async () => {
    const rig = new Rig(done);
    rig.drain.abort(new Error('stop'));
    await rig.running;
    expect(rig.calls).toEqual([]);
  });
});

test('a status that was written is no reason to reconcile, a changed spec or annotation is', async () => {
  await using rig = new Rig(done);
  const first = { ...widget('a', '1'), metadata: { ...widget('a', '1').metadata, generation: 1 } };
  const next = (resourceVersion: string, changed: object) => ({
    ...first,
    metadata: { ...first.metadata, resourceVersion, ...changed },
  });
  rig.store.replace([first], '1');
  await rig.callCount(1);
  rig.store.put({ ...next('2', {}), status: { painted: 'red' } }, false);
  await rig.clock.advance(0);
  expect(rig.calls).toHaveLength(1);
  rig.store.put(next('3', { generation: 2 }), false);
  await rig.callCount(2);
  rig.store.put(next('4', { generation: 2, annotations: { now: '1' } }), false);
  await rig.callCount(3);
  rig.store.remove(next('5', {}));
  await rig.callCount(4);
});

test('an update counts for the keys of the old and the new object', async () => {
  const store = new Store<Widget>({});
  const source = watches({ store }, (object) => [objectKey({ name: object.spec?.color ?? '' })]);
  const heard: string[] = [];
  using _started = source.start((key, priority) => heard.push(`${nameOf(key).name} ${priority}`));
  store.replace([widget('a', '1', 'red')], '1');
  store.put(widget('a', '2', 'blue'), false);
  store.put(widget('a', '3', 'blue'), true);
  expect(heard).toEqual(['red routine', 'blue user', 'red user', 'blue routine']);
});

describe('results', () => {
  test('RequeueAfter comes back after its delay, Done does not', async () => {
    const delays = [30_000];
    await using rig = new Rig(() => {
      const delayMs = delays.shift();
      return Promise.resolve(delayMs === undefined ? { kind: 'Done' } : { kind: 'RequeueAfter', delayMs });
    });
    rig.store.replace([widget('a', '1')], '1');
    await rig.callCount(1);
    await rig.clock.advance(29_999);
    expect(rig.calls).toHaveLength(1);
    await rig.clock.advance(1);
    await rig.callCount(2);
    await rig.clock.advance(1_000_000);
    expect(rig.calls).toHaveLength(2);
    expect(await rig.results()).toEqual({ requeue_after: 1, done: 1 });
  });

  test('what is thrown comes back with growing delays, as long as the API server asked for at least', async () => {
    const errors = [
      new Failure('Broken', 'broken'),
      new TypeError('oops'),
      new KubeApiError(409, 'Conflict', 'stale'),
      new KubeApiError(429, 'TooManyRequests', 'busy', 9_000),
    ];
    await using rig = new Rig(() => {
      const error = errors.shift();
      return error === undefined ? Promise.resolve({ kind: 'Done' }) : Promise.reject(error);
    });
    rig.store.replace([widget('a', '1')], '1');
    for (const [index, delayMs] of [5, 10, 20, 9_000].entries()) {
      await rig.callCount(index + 1);
      expect(rig.clock.pendingSleepsMs()).toEqual([delayMs]);
      await rig.clock.advance(delayMs);
    }
    await rig.callCount(5);
    expect(await rig.results()).toEqual({ error: 3, conflict: 1, done: 1 });
  });

  test('a reconcile that hangs runs into its deadline and fails', async () => {
    const works = [hang, done];
    await using rig = new Rig((key, signal) => (works.shift() ?? done)(key, signal), { reconcileTimeoutMs: 20 });
    rig.store.replace([widget('a', '1')], '1');
    await eventually('the failure', () => rig.clock.pendingSleepsMs()[0] === 5);
    await rig.clock.advance(5);
    await rig.callCount(2);
    expect(await rig.results()).toEqual({ error: 1, done: 1 });
  });
});

describe('stop', () => {
  test('lets running reconciles finish and begins no others', async () => {
    let finish = () => {};
    const running = new Promise<void>((resolve) => (finish = resolve));
    const rig = new Rig(() => running.then(() => ({ kind: 'Done' })), { workerCount: 1 });
    rig.store.replace([widget('a', '1'), widget('b', '2')], '2');
    await rig.callCount(1);
    rig.drain.abort(new Error('stop'));
    await rig.clock.advance(0);
    finish();
    await rig.running;
    expect([rig.calls, await rig.results()]).toEqual([[A], { done: 1 }]);
  });

  test('aborts what does not finish in time', async () => {
    const rig = new Rig(hang, { drainTimeoutMs: 20 });
    rig.store.replace([widget('a', '1')], '1');
    await rig.callCount(1);
    rig.drain.abort(new Error('stop'));
    await rig.running;
    expect(await rig.results()).toEqual({ aborted: 1 });
  });

  test('by its second signal, a lost lease, aborts at once', async () => {
    const rig = new Rig(hang);
    rig.store.replace([widget('a', '1'), widget('b', '2')], '2');
    await rig.callCount(2);
    rig.stop.abort(new Failure('LeadershipLost', 'lost'));
    await rig.running;
    expect(await rig.results()).toEqual({ aborted: 2 });
  });
});
