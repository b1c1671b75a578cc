import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTenantId, parseTimelineId, type TenantTimelineId } from '../../src/domain/ids.ts';
import { inspectVsCrc } from './inspect-vs-crc.ts';
import { compareInPairs, type Run } from './pairs.ts';
import { missingCommands, runProgram, runShell, type ServerProcess, startAgentProcess } from './processes.ts';
import { pullFromAny, timelinePath } from './pull.ts';
import { readScale } from './scale.ts';
import { activeWalBytes, layTimeline } from './timelines.ts';

const RECIPIENT_ID = 3;
const LARGE_COUNT = 3;
const LARGE_SEGMENTS = 8;
const PAIRS = 3;
/** The sequential loop: the same engine and the same rules, one timeline after another. */
const ONE_AT_ONCE = ['--concurrency', '1', '--per-donor', '1'];
/** What one donor has less than the other, so that both are the most advanced one of some timelines. */
const BEHIND_BYTES = 8 * 1024;
const IDLE_BYTES = 24 * 1024;

interface LaidTimeline {
  readonly id: TenantTimelineId;
  /** Which of the donors has more of it. */
  readonly donor: number;
}

/** Two agents with the same timelines on one disk, and an empty directory beside them. */
interface Bench {
  readonly root: string;
  readonly target: string;
  readonly donors: readonly ServerProcess[];
  readonly timelines: readonly LaidTimeline[];
  peakRssMib: number;
}

/**
 * `restore` of an empty disk, from its start to its end, fsync on: against the same one timeline after another, against bare
 * pulls one after another, which fence nothing and look at no disk, and against a script of curl and tar. All are durable at
 * the end. No compute is connected, so that fences are by terms: a grace period, which is a constant, is no part of it.
 */
async function main(): Promise<void> {
  const scale = readScale();
  const missing = missingCommands(['curl', 'tar', 'sync', 'diff']);
  if (missing.length > 0) {
    console.error(`there is nothing to compare with: this machine has no ${missing.join(', ')}`);
    process.exitCode = 1;
    return;
  }
  const root = await mkdtemp(join(tmpdir(), 'bench-restore-'));
  try {
    const restored = await bench(root, Math.max(10, Math.round(300 * scale)));
    const inspected = round(await inspectVsCrc(root, scale));
    console.log(JSON.stringify({ bench: 'restore', ...restored, inspect_vs_crc: inspected }));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

async function bench(root: string, count: number) {
  const timelines = Array.from({ length: count }, (_, index) => ({ id: timelineIdOf(index), donor: index % 2 }));
  console.log(`${count} timelines, ${LARGE_COUNT} of them of ${LARGE_SEGMENTS} segments, in ${root}`);
  for (const [index, { id, donor }] of timelines.entries()) {
    const bytes = index < LARGE_COUNT ? activeWalBytes(LARGE_SEGMENTS) : IDLE_BYTES;
    for (const at of [0, 1]) {
      await layTimeline(join(root, `donor-${at}`), id, at === donor ? bytes : bytes - BEHIND_BYTES);
    }
  }
  await runShell(`sync -f ${root}`);
  await using first = await startAgentProcess(join(root, 'donor-0'), 1);
  await using second = await startAgentProcess(join(root, 'donor-1'), 2);
  const setting: Bench = { root, target: join(root, 'target'), donors: [first, second], timelines, peakRssMib: 0 };
  const sequential = await compareInPairs('sequential', restoreRun(setting), restoreRun(setting, ONE_AT_ONCE), PAIRS);
  const bare = await compareInPairs('bare pulls', restoreRun(setting), barePullsRun(setting), PAIRS);
  const curlAndTar = await compareInPairs('curl and tar', restoreRun(setting), curlAndTarRun(setting), PAIRS);
  return {
    vs_sequential: round(sequential),
    vs_bare_pulls: round(bare),
    vs_curl_tar: round(curlAndTar),
    rss_mib: round(setting.peakRssMib),
  };
}

function restoreRun(setting: Bench, flags: readonly string[] = []): Run {
  const { target, donors } = setting;
  const peers = donors.flatMap(({ url }) => ['--peer', url]);
  const args = [
    'restore',
    '--data-dir',
    target,
    '--id',
    String(RECIPIENT_ID),
    ...peers,
    '--log-level',
    'warn',
    ...flags,
  ];
  return {
    prepare: () => emptyTarget(setting),
    run: async () => {
      const peakMib = await runProgram(args);
      if (flags.length === 0) setting.peakRssMib = Math.max(setting.peakRssMib, peakMib);
    },
    cleanUp: () => requireCopies(setting),
  };
}

/** One pull request after another to an agent: nothing is fenced, listed or looked at before. */
function barePullsRun(setting: Bench): Run {
  const { target, donors, timelines } = setting;
  let agent: ServerProcess | undefined;
  return {
    prepare: async () => {
      await emptyTarget(setting);
      agent = await startAgentProcess(target, RECIPIENT_ID);
    },
    run: async () => {
      for (const { id } of timelines) if (agent !== undefined) await pullFromAny(agent, donors, id);
    },
    cleanUp: async () => {
      await agent?.[Symbol.asyncDispose]();
      await requireCopies(setting);
    },
  };
}

/** What somebody would write by hand who knows which donor to ask: unpacked one after another, then synced. */
function curlAndTarRun(setting: Bench): Run {
  const { target, donors, timelines } = setting;
  const steps = timelines.map(({ id, donor }) => {
    const url = `${donors[donor]?.url}${timelinePath(id)}/snapshot/${RECIPIENT_ID}`;
    return `mkdir ${directoryOf(target, id)}\ncurl -sSf ${url} | tar -x -C ${directoryOf(target, id)}`;
  });
  return {
    prepare: async () => {
      await emptyTarget(setting);
      await mkdir(join(target, timelines[0]?.id.tenantId ?? ''));
    },
    run: () => runShell([...steps, `sync ${target}/*/*/* ${target}/*/* ${target}/* ${target}`].join('\n')),
    cleanUp: () => requireCopies(setting),
  };
}

async function emptyTarget({ target, root }: Bench): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await mkdir(target);
  await runShell(`sync -f ${root}`);
}

/** A fast copy of anything else would be worth nothing. The term in the control file is restore's own. */
async function requireCopies({ root, target, timelines }: Bench): Promise<void> {
  const compare = ({ id, donor }: LaidTimeline) =>
    `diff -rq -x safekeeper.control ${directoryOf(join(root, `donor-${donor}`), id)} ${directoryOf(target, id)} >&2\n` +
    `test -s ${directoryOf(target, id)}/safekeeper.control`;
  await runShell(timelines.map(compare).join('\n'));
}

function directoryOf(dataDirectory: string, id: TenantTimelineId): string {
  return join(dataDirectory, id.tenantId, id.timelineId);
}

function timelineIdOf(index: number): TenantTimelineId {
  const tenantId = parseTenantId('a'.repeat(32));
  const timelineId = parseTimelineId((index + 1).toString(16).padStart(32, '0'));
  if (tenantId === undefined || timelineId === undefined) throw new Error('these are ids');
  return { tenantId, timelineId };
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}

await main();
