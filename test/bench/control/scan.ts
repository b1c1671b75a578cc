import { join } from 'node:path';
import { startServer } from '../processes.ts';
import { type BenchCluster, createObjects, listTimelines } from './cluster.ts';
import { OperatorProcess, sum } from './operator.ts';
import { pause } from './start.ts';

const PROGRAM = join(import.meta.dirname, 'simulated-safekeepers.ts');
const INTERVAL_MS = 10_000;
const SCANS = 6;
const SPEC = { inventory: { timelines: 'UnderReplicated', interval: `${INTERVAL_MS / 1_000}s` } };
const TIMEOUT_MS = 120_000;

/** Simulated safekeepers with so many timelines, and objects only for those in trouble. */
export async function benchScan(cluster: BenchCluster, count: number) {
  const namespace = 'scan';
  const start = (id: number) => startServer(PROGRAM, [String(id), String(count)]);
  await using one = await start(1);
  await using two = await start(2);
  await using three = await start(3);
  const safekeepers = [one, two, three].map(({ url }, at) => ({ id: at + 1, url }));
  await createObjects(cluster.client, namespace, safekeepers, SPEC, []);
  await using operator = await OperatorProcess.start(cluster.kubeconfigPath, namespace);
  const scans = async () => {
    const text = await operator.metrics().catch(() => '');
    const of = (what: string) => sum(text, `controller_reconcile_duration_seconds_${what}`, 'controller="cluster"');
    return { count: of('count'), seconds: of('sum') };
  };
  while ((await scans()).count < 2) await pause(500);
  const before = { ...(await scans()), cpu: await operator.cpuSeconds() };
  await pause(SCANS * INTERVAL_MS);
  const after = { ...(await scans()), cpu: await operator.cpuSeconds() };
  const made = after.count - before.count;
  if (made === 0 || (await listTimelines(cluster.client, namespace)).length > 0)
    throw new Error('not a settled cluster');

  const lostMs = performance.now();
  await fetch(`${two.url}/lose/${Math.floor(count / 2)}`, { method: 'POST' });
  for (;;) {
    const [timeline] = await listTimelines(cluster.client, namespace);
    if (timeline?.status?.replicas?.some(({ safekeeperId, state }) => safekeeperId === 2 && state === 'Lost')) break;
    if (performance.now() - lostMs > TIMEOUT_MS) throw new Error('the lost replica is not noticed');
    await pause(100);
  }
  return {
    scan_100k_s: (after.seconds - before.seconds) / made,
    scan_100k_cpu_s: (after.cpu - before.cpu) / made,
    rss_mib_100k: await operator.peakMib(),
    detect_intervals_100k: (performance.now() - lostMs) / INTERVAL_MS,
  };
}
