import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { TenantTimelineId } from '../../../src/domain/ids.ts';
import { type ServerProcess, startAgentProcess } from '../processes.ts';
import { layTimeline } from '../timelines.ts';
import { type BenchCluster, createObjects } from './cluster.ts';
import { OperatorProcess, sum } from './operator.ts';
import { PullMeter, unionMs } from './pull-meter.ts';
import { pause } from './start.ts';

const TIMEOUT_MS = 900_000;
const POLL_MS = 100;
/** The shortest there is. */
const SPEC = { recovery: { gracePeriod: '15s' }, inventory: { interval: '5s' } };

/**
 * An agent with idle timelines loses its disk: from its return until the last one is Ready, and which part of the time
 * since the first pull no pull was running.
 */
export async function benchHeal(cluster: BenchCluster, root: string, ids: readonly TenantTimelineId[]) {
  const namespace = 'heal';
  const dataOf = (id: number) => join(root, `heal-${id}`);
  const lay = async (id: number): Promise<ServerProcess> => {
    await mkdir(dataOf(id));
    for (const timeline of ids) await layTimeline(dataOf(id), timeline);
    return await startAgentProcess(dataOf(id), id);
  };
  await using one = await lay(1);
  await using three = await lay(3);
  const first = await lay(2);
  const safekeepers = [
    { id: 1, url: one.url },
    { id: 2, url: first.url },
    { id: 3, url: three.url },
  ];
  await createObjects(cluster.client, namespace, safekeepers, SPEC, ids);
  await using operator = await OperatorProcess.start(cluster.kubeconfigPath, namespace);
  await operator.untilTimelines('AllReplicasPresent', ids.length, TIMEOUT_MS);
  // No pull starts in the grace period after its start anyway.
  await pause(20_000);

  await first[Symbol.asyncDispose]();
  await rm(dataOf(2), { recursive: true });
  await mkdir(dataOf(2));
  const meter = new PullMeter();
  await using _second = await startAgentProcess(dataOf(2), 2, {
    port: Number(new URL(first.url).port),
    onLogLine: (line) => meter.readLine(line),
  });
  const returnedMs = Date.now();
  // Questions to the operator would take it time.
  const arePulled = () => meter.pulls.length >= ids.length;
  const areRecovered = async () => {
    const text = await operator.metrics();
    return sum(text, 'safekeeper_operator_recoveries_total', 'result="Recovered"') >= ids.length;
  };
  while (!arePulled() || !(await areRecovered())) {
    if (Date.now() - returnedMs > TIMEOUT_MS) throw new Error('the timelines do not come back');
    await pause(POLL_MS);
  }
  await operator.untilTimelines('AllReplicasPresent', ids.length, TIMEOUT_MS);
  const readyMs = Date.now();
  const firstPullMs = Math.min(...meter.pulls.map(([start]) => start));
  console.log(`heal: ${((firstPullMs - returnedMs) / 1_000).toFixed(1)} s until the first pull, grace period included`);
  return {
    heal_1000_s: (readyMs - returnedMs) / 1_000,
    heal_overhead_fraction: 1 - unionMs(meter.pulls) / (readyMs - firstPullMs),
  };
}
