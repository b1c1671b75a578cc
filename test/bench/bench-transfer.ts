import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTenantId, parseTimelineId, type TenantTimelineId } from '../../src/domain/ids.ts';
import { compareInPairs, median, type Run } from './pairs.ts';
import {
  missingCommands,
  peakMemoryMib,
  runShell,
  type ServerProcess,
  startAgentProcess,
  startStaticServer,
  writtenBytes,
} from './processes.ts';
import { forget, pullAll, timelinePath } from './pull.ts';
import { readScale } from './scale.ts';
import { activeWalBytes, layTimeline, SEGMENT_BYTES } from './timelines.ts';

const RECIPIENT_ID = 2;
const PULLS_AT_ONCE = 16;

/** Two agents on one disk: everything that the donor has is `large` and `idle`. */
interface Bench {
  readonly root: string;
  readonly donorData: string;
  readonly recipientData: string;
  readonly donor: ServerProcess;
  readonly recipient: ServerProcess;
  readonly large: TenantTimelineId;
  readonly idle: readonly TenantTimelineId[];
}

/**
 * Pulls and snapshots against curl, tar and a plain file server, see docs/decisions/0006. Everything goes over plain HTTP as
 * the archive that safekeepers send, whole: no byte of it is left out between agents. The last line is the result.
 */
async function main(): Promise<void> {
  const scale = readScale();
  const missing = missingCommands(['curl', 'tar', 'sync', 'diff']);
  if (missing.length > 0) {
    console.error(`there is nothing to compare with: this machine has no ${missing.join(', ')}`);
    process.exitCode = 1;
    return;
  }
  const root = await mkdtemp(join(tmpdir(), 'bench-transfer-'));
  try {
    console.log(
      JSON.stringify(await bench(root, Math.max(2, Math.round(64 * scale)), Math.max(2, Math.round(300 * scale)))),
    );
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function bench(root: string, segmentCount: number, idleCount: number) {
  const donorData = join(root, 'donor');
  const recipientData = join(root, 'recipient');
  await mkdir(recipientData);
  const large = timelineIdOf(0);
  const idle = Array.from({ length: idleCount }, (_, index) => timelineIdOf(index + 1));
  console.log(`${segmentCount} segments in one timeline, ${idleCount} idle timelines, in ${root}`);
  console.log(
    `agents over plain HTTP, which leave runs of zeros out; curl gets them; ${PULLS_AT_ONCE} idle timelines at once`,
  );
  await layTimeline(donorData, large, activeWalBytes(segmentCount));
  for (const id of idle) await layTimeline(donorData, id);
  await runShell(`sync -f ${root}`);
  await using donor = await startAgentProcess(donorData, 1);
  await using recipient = await startAgentProcess(recipientData, RECIPIENT_ID);
  const setting: Bench = { root, donorData, recipientData, donor, recipient, large, idle };
  const pullLarge = await compareInPairs('large', pullRun(setting, [large]), curlAndTarRun(setting, [large]));
  const written: number[] = [];
  const pullIdle = await compareInPairs(
    'idle',
    countWritten(recipient, pullRun(setting, idle), written),
    curlAndTarRun(setting, idle),
  );
  const donate = await compareDonor(setting);
  return {
    bench: 'transfer',
    pull_large_vs_curl_tar: round(pullLarge),
    pull_idle_vs_curl_tar: round(pullIdle),
    written_vs_streamed_idle: round(median(written) / (idleCount * SEGMENT_BYTES)),
    donor_vs_static: round(donate),
    rss_mib_recipient: round(await peakMemoryMib(recipient)),
    rss_mib_donor: round(await peakMemoryMib(donor)),
  };
}

/** Ours: the recipient's API, which answers when everything is durable and checked. */
function pullRun(setting: Bench, ids: readonly TenantTimelineId[]): Run {
  const { root, donor, recipient, recipientData } = setting;
  return {
    run: () => pullAll(recipient, donor, ids, PULLS_AT_ONCE),
    cleanUp: async () => {
      await requireCopies(setting, ids, (id) => join(recipientData, id.tenantId, id.timelineId));
      for (const id of ids) await forget(recipient, id);
      await runShell(`sync -f ${root}`);
    },
  };
}

/** The baseline: the same archives from the same donor, unpacked one after another, then synced. */
function curlAndTarRun(setting: Bench, ids: readonly TenantTimelineId[]): Run {
  const { root, donor } = setting;
  const target = join(root, 'untarred');
  const directoryOf = (id: TenantTimelineId) => join(target, id.timelineId);
  const steps = ids.map((id) => `curl -sSf ${snapshotUrl(donor, id)} | tar -x -C ${directoryOf(id)}`);
  return {
    prepare: async () => {
      for (const id of ids) await mkdir(directoryOf(id), { recursive: true });
    },
    run: () => runShell([...steps, `sync ${target}/*/*`].join('\n')),
    cleanUp: async () => {
      await requireCopies(setting, ids, directoryOf);
      await runShell(`rm -r ${target}\nsync -f ${root}`);
    },
  };
}

async function compareDonor({ root, donor, large }: Bench): Promise<number> {
  const archive = join(root, 'archive.tar');
  await runShell(`curl -sSf -o ${archive} ${snapshotUrl(donor, large)}\nsync ${archive}`);
  await using server = await startStaticServer(archive);
  const drain = (url: string): Run => ({ run: () => runShell(`curl -sSf -o /dev/null ${url}`) });
  return await compareInPairs('donor', drain(snapshotUrl(donor, large)), drain(server.url));
}

function countWritten(process: ServerProcess, { run, ...rest }: Run, written: number[]): Run {
  return {
    ...rest,
    run: async () => {
      const before = await writtenBytes(process);
      await run();
      written.push((await writtenBytes(process)) - before);
    },
  };
}

/** A fast copy of anything else would be worth nothing. */
async function requireCopies(
  { donorData }: Bench,
  ids: readonly TenantTimelineId[],
  directoryOf: (id: TenantTimelineId) => string,
): Promise<void> {
  await runShell(
    ids.map((id) => `diff -rq ${join(donorData, id.tenantId, id.timelineId)} ${directoryOf(id)} >&2`).join('\n'),
  );
}

function snapshotUrl(donor: ServerProcess, id: TenantTimelineId): string {
  return `${donor.url}${timelinePath(id)}/snapshot/${RECIPIENT_ID}`;
}

function timelineIdOf(index: number): TenantTimelineId {
  const tenantId = parseTenantId('a'.repeat(32));
  const timelineId = parseTimelineId(index.toString(16).padStart(32, '0'));
  if (tenantId === undefined || timelineId === undefined) throw new Error('these are ids');
  return { tenantId, timelineId };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

await main();
