import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTenantId, parseTimelineId, type TenantTimelineId } from '../../src/domain/ids.ts';
import { startBenchCluster } from './control/cluster.ts';
import { benchHeal } from './control/heal.ts';
import { benchScan } from './control/scan.ts';
import { benchStart } from './control/start.ts';
import { readScale } from './scale.ts';

/** The operator on a real kube-apiserver, see docs/benchmarks.md. The last line is the result. Arguments choose parts. */
async function main(): Promise<void> {
  const scale = readScale();
  const root = await mkdtemp(join(tmpdir(), 'bench-control-'));
  try {
    await using cluster = await startBenchCluster();
    const count = (full: number) => Math.max(10, Math.round(full * scale));
    console.log(`${count(10_000)} timelines to start with, ${count(1_000)} to heal, ${count(100_000)} to scan`);
    const parts: Readonly<Record<string, () => Promise<Record<string, number>>>> = {
      start: () => benchStart(cluster, root, ids(count(10_000))),
      heal: () => benchHeal(cluster, root, ids(count(1_000))),
      scan: () => benchScan(cluster, count(100_000)),
    };
    const wanted = process.argv.slice(2);
    const results: Record<string, number> = {};
    for (const [name, run] of Object.entries(parts)) {
      if (wanted.length === 0 || wanted.includes(name)) Object.assign(results, await run());
    }
    const rounded = Object.entries(results).map(([name, value]) => [name, Number(value.toPrecision(3))]);
    console.log(JSON.stringify({ bench: 'control', ...Object.fromEntries(rounded) }));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

function ids(count: number): TenantTimelineId[] {
  const tenantId = parseTenantId('a'.repeat(32));
  return Array.from({ length: count }, (_, index) => {
    const timelineId = parseTimelineId(index.toString(16).padStart(32, '0'));
    if (tenantId === undefined || timelineId === undefined) throw new Error('these are ids');
    return { tenantId, timelineId };
  });
}

await main();
