import { Counter } from 'prom-client';
import { expect, test } from 'vitest';
import { listen } from '../../src/http/server.ts';
import { createHealthHandler } from '../../src/observability/health-server.ts';
import { createRegistry, createRuntimeMetrics, registerProcessMetrics } from '../../src/observability/metrics.ts';

async function setUp() {
  const registry = createRegistry();
  const state: { problem: string | undefined } = { problem: 'the caches are not filled yet' };
  const handler = createHealthHandler({
    registry,
    liveness: { process: () => undefined },
    readiness: { process: () => undefined, caches: () => state.problem },
  });
  const server = await listen(handler, { host: '127.0.0.1', port: 0 });
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(server.url + path, { method });
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  };
  return { registry, state, get, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

test('/healthz and /readyz list their checks and fail apart from each other', async () => {
  await using rig = await setUp();
  expect(await rig.get('/healthz')).toMatchObject({ status: 200, text: '[+]process ok\nok\n' });
  expect(await rig.get('/readyz')).toMatchObject({
    status: 503,
    text: '[+]process ok\n[-]caches failed: the caches are not filled yet\nnot ok\n',
  });
  rig.state.problem = undefined;
  expect(await rig.get('/readyz?verbose')).toMatchObject({ status: 200, text: '[+]process ok\n[+]caches ok\nok\n' });
});

test('/metrics has the metrics of its own registry', async () => {
  await using rig = await setUp();
  const { queueAdds } = createRuntimeMetrics(rig.registry);
  queueAdds.inc({ name: 'timeline' }, 3);
  registerProcessMetrics(rig.registry);
  const { status, type, text } = await rig.get('/metrics');
  expect([status, type]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  expect(text).toContain('workqueue_adds_total{name="timeline"} 3\n');
  expect(text).toContain('process_cpu_seconds_total');
});

test('a metric that cannot be collected is an error, not a crash', async () => {
  await using rig = await setUp();
  const collect = () => {
    throw new Error('broken');
  };
  rig.registry.registerMetric(new Counter({ name: 'broken_total', help: 'Broken.', registers: [], collect }));
  expect((await rig.get('/metrics')).status).toBe(500);
});

test('other paths and methods are refused', async () => {
  await using rig = await setUp();
  expect((await rig.get('/')).status).toBe(404);
  expect((await rig.get('/__proto__')).status).toBe(404);
  expect((await rig.get('/healthz', 'POST')).status).toBe(405);
  expect(await rig.get('/healthz', 'HEAD')).toMatchObject({ status: 200, text: '' });
});

test('two registries do not share anything', () => {
  const metrics = [createRegistry(), createRegistry()].map(createRuntimeMetrics);
  metrics[0]?.leader.set({ name: 'x' }, 1);
  return expect(metrics[1]?.leader.get()).resolves.toMatchObject({ values: [] });
});
