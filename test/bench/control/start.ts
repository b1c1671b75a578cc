import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import type { TenantTimelineId } from '../../../src/domain/ids.ts';
import { compareInPairs, median, type Run } from '../pairs.ts';
import { type ServerProcess, startAgentProcess } from '../processes.ts';
import { layUninitialized } from '../timelines.ts';
import { type BenchCluster, createObjects, deleteTimelines, type SafekeeperAddress } from './cluster.ts';
import { OperatorProcess } from './operator.ts';

/** As many at once as the operator has workers. */
const BARE_CONCURRENCY = 32;
const START_TIMEOUT_MS = 600_000;
const SETTLE_MS = 20_000;
const STEADY_MS = 60_000;
const PAIRS = 3;

/** Three agents that all have all timelines, whose objects are there: the operator from its start until every status is
 * written, against a bare loop; then the operator at rest. */
export async function benchStart(cluster: BenchCluster, root: string, ids: readonly TenantTimelineId[]) {
  await using one = await startFullAgent(root, 1, ids);
  await using two = await startFullAgent(root, 2, ids);
  await using three = await startFullAgent(root, 3, ids);
  const safekeepers = [one, two, three].map(({ url }, at) => ({ id: at + 1, url }));
  const runs = { seconds: [] as number[], cpuSeconds: [] as number[], peakMib: [] as number[] };
  const ours = inFreshNamespace(cluster, safekeepers, ids, async (namespace) => {
    const startMs = performance.now();
    await using operator = await OperatorProcess.start(cluster.kubeconfigPath, namespace);
    await operator.untilTimelines('AllReplicasPresent', ids.length, START_TIMEOUT_MS);
    console.log(`start: ${((await operator.writes()) / ids.length).toFixed(2)} writes a timeline`);
    runs.seconds.push((performance.now() - startMs) / 1_000);
    runs.cpuSeconds.push(await operator.cpuSeconds());
    runs.peakMib.push(await operator.peakMib());
  });
  const program = await bundleBareLoop(root);
  const bare = inFreshNamespace(cluster, safekeepers, ids, async (namespace) => {
    const child = fork(program, { execArgv: [] });
    child.send({ address: plain(cluster), namespace, safekeepers, concurrency: BARE_CONCURRENCY });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the bare loop ended with ${code}`);
  });
  const ratio = await compareInPairs('start', ours, bare, PAIRS);
  const steady = await atRest(cluster, safekeepers, ids);
  return {
    start_10k_vs_bare: ratio,
    start_10k_s: median(runs.seconds),
    cpu_s_10k: median(runs.cpuSeconds),
    rss_mib_10k: Math.max(...runs.peakMib, steady.peakMib),
    steady_writes: steady.writes,
    steady_core_fraction: steady.coreFraction,
  };
}

async function startFullAgent(root: string, id: number, ids: readonly TenantTimelineId[]): Promise<ServerProcess> {
  const dataDirectory = join(root, `start-${id}`);
  await mkdir(dataDirectory);
  for (const timeline of ids) await layUninitialized(dataDirectory, timeline);
  return await startAgentProcess(dataDirectory, id);
}

async function atRest(
  cluster: BenchCluster,
  safekeepers: readonly SafekeeperAddress[],
  ids: readonly TenantTimelineId[],
): Promise<{ writes: number; coreFraction: number; peakMib: number }> {
  const namespace = 'steady';
  await createObjects(cluster.client, namespace, safekeepers, {}, ids);
  await using operator = await OperatorProcess.start(cluster.kubeconfigPath, namespace);
  await operator.untilTimelines('AllReplicasPresent', ids.length, START_TIMEOUT_MS);
  await pause(SETTLE_MS);
  const before = { writes: await operator.writes(), cpu: await operator.cpuSeconds() };
  await pause(STEADY_MS);
  const result = {
    writes: (await operator.writes()) - before.writes,
    coreFraction: ((await operator.cpuSeconds()) - before.cpu) / (STEADY_MS / 1_000),
    peakMib: await operator.peakMib(),
  };
  await deleteTimelines(cluster.client, namespace);
  return result;
}

/** Only `work` is timed. */
function inFreshNamespace(
  { client }: BenchCluster,
  safekeepers: readonly SafekeeperAddress[],
  ids: readonly TenantTimelineId[],
  work: (namespace: string) => Promise<void>,
): Run {
  let namespace = '';
  return {
    prepare: async () => {
      namespace = `run-${crypto.randomUUID()}`;
      await createObjects(client, namespace, safekeepers, {}, ids);
    },
    run: () => work(namespace),
    cleanUp: () => deleteTimelines(client, namespace),
  };
}

/** One file, as the operator is: loading many would count against it. */
async function bundleBareLoop(root: string): Promise<string> {
  const outfile = join(root, 'bare-loop.mjs');
  const banner =
    "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";
  await build({
    entryPoints: [join(import.meta.dirname, 'bare-loop.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    banner: { js: banner },
    outfile,
  });
  return outfile;
}

function plain({ address: { url, ca, token } }: BenchCluster) {
  return { url, ca, token };
}

export async function pause(ms: number): Promise<void> {
  await new Promise((wake) => setTimeout(wake, ms));
}
