import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Argument, Command, InvalidArgumentError } from 'commander';
import { systemClock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { nodeFileSystem } from '../disk/node-file-system.ts';
import { findPidLockHolder } from '../disk/pid-lock.ts';
import { parseTenantId, parseTimelineId, type TenantId, type TimelineId } from '../domain/ids.ts';
import { severityOf } from '../inspect/finding.ts';
import { inspectDirectory } from '../inspect/inspect-directory.ts';
import { type DirectoryReport, isSound, type TimelineReport } from '../inspect/report.ts';
import { checkInThisThread, StretchThreads } from '../inspect/stretch-threads.ts';
import { InspectJson } from './inspect-json.ts';
import { InspectTable } from './inspect-table.ts';
import type { InspectTotals, InspectView } from './inspect-view.ts';
import { openOutput } from './output.ts';
import { stopSignal } from './stop-signal.ts';
import { badUsage } from './errors.ts';
import { resolveDataDirectory } from './resolve-data-directory.ts';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from './terminal/glyphs.ts';
import { knowsUnicode } from './terminal/output.ts';
import { colorsFor } from './terminal/paint.ts';

interface InspectFlags {
  readonly dataDir?: string;
  readonly deep?: true;
  readonly json?: true;
  readonly verbose?: true;
  readonly tenant?: TenantId;
  readonly timeline?: TimelineId;
  readonly threads: number;
}

const EXAMPLES = `
Examples:
  safekeeper-operator inspect /data                    control files, segments, end of WAL
  safekeeper-operator inspect /data --deep             every record of the WAL as well
  safekeeper-operator inspect --data-dir /data --json | jq '.timelines[] | select(.sound | not)'

Exit code: 0 sound, 1 something is wrong, 2 bad usage or no data directory. Nothing is ever written.`;

/** `safekeeper-operator inspect`: what is wrong in a data directory, also in one that is in use. */
export function inspectCommand(): Command {
  return new Command('inspect')
    .description('check a data directory without writing to it: control files, segments, WAL')
    .addArgument(new Argument('[directory]', 'data directory of one safekeeper; or give it with --data-dir'))
    .option('--data-dir <directory>', 'data directory of one safekeeper')
    .option('--deep', 'read all WAL: the chain of records and its checksums from the first to the last')
    .option('--json', 'one JSON document in place of the table')
    .option('-v, --verbose', 'show all that the control files say in the table, too')
    .option('--tenant <id>', 'only timelines of this tenant', parseId(parseTenantId))
    .option('--timeline <id>', 'only timelines of this id', parseId(parseTimelineId))
    .option(
      '--threads <number>',
      `threads that read WAL with --deep, ${limits.inspectThreadsMax} at most`,
      parseThreads,
      Math.min(availableParallelism(), limits.inspectThreadsMax),
    )
    .addHelpText('after', EXAMPLES)
    .action(async (directory: string | undefined, flags: InspectFlags) => {
      process.exitCode = await inspect(await directoryOf(directory, flags.dataDir), flags);
    });
}

async function inspect(dataDirectory: string, flags: InspectFlags): Promise<number> {
  const output = openOutput(process.stdout);
  const signal = AbortSignal.any([stopSignal(), output.closed]);
  // Whatever is under way listens; how much that can be is bounded elsewhere.
  setMaxListeners(0, signal);
  const write = (text: string) => output.write(text, signal);
  const view = flags.json
    ? new InspectJson(write)
    : new InspectTable(write, flags.verbose === true, {
        colors: colorsFor(process.stdout, process.env),
        glyphs: knowsUnicode(process.env) ? UNICODE_GLYPHS : ASCII_GLYPHS,
      });
  const inUseBy = await findPidLockHolder(dataDirectory);
  const script = workerScript();
  await using threads =
    flags.deep && script !== undefined && flags.threads > 1 ? new StretchThreads(script, flags.threads) : undefined;
  const reports = inspectDirectory(
    {
      files: nodeFileSystem,
      dataDirectory,
      deep: flags.deep === true,
      checker: threads ?? checkInThisThread(nodeFileSystem),
      inUseBy,
      tenantId: flags.tenant,
      timelineId: flags.timeline,
    },
    signal,
  );
  try {
    const totals = await show(reports, view, flags.deep === true);
    return totals.problemCount === 0 ? 0 : 1;
  } catch (error) {
    // As after "| head": nobody is there to be told.
    if (output.closed.aborted) return 1;
    throw error;
  }
}

async function show(
  reports: AsyncGenerator<TimelineReport, DirectoryReport>,
  view: InspectView,
  deep: boolean,
): Promise<InspectTotals> {
  const startMs = systemClock.monotonicMs();
  const totals = { deep, timelineCount: 0, unsoundCount: 0, problemCount: 0, noticeCount: 0, recordCount: 0 };
  let walBytes = 0n;
  const count = ({ findings }: TimelineReport | DirectoryReport) => {
    for (const finding of findings) {
      if (severityOf(finding) === 'Problem') totals.problemCount++;
      else totals.noticeCount++;
    }
  };
  await view.begin();
  for (;;) {
    const { done, value } = await reports.next();
    count(value);
    if (done) {
      const all = { ...totals, walBytes, elapsedMs: systemClock.monotonicMs() - startMs };
      await view.end(value, all);
      return all;
    }
    totals.timelineCount++;
    if (!isSound(value)) totals.unsoundCount++;
    totals.recordCount += value.wal?.checked?.recordCount ?? 0;
    walBytes += value.wal?.checked?.sizeBytes ?? 0n;
    await view.timeline(value);
  }
}

/** What threads run: beside this file in the bundle; in a source tree there is none, and this thread does it all. */
function workerScript(): URL | undefined {
  const script = new URL('inspect-worker.js', import.meta.url);
  return existsSync(fileURLToPath(script)) ? script : undefined;
}

/** Given in either way. Throws a Failure `BadUsage`. */
async function directoryOf(argument: string | undefined, option: string | undefined): Promise<string> {
  if (argument !== undefined && option !== undefined)
    throw badUsage('give the data directory once, with or without --data-dir');
  const path = argument ?? option;
  if (path === undefined) throw badUsage('which data directory? For example: safekeeper-operator inspect /data');
  return await resolveDataDirectory(path);
}

function parseId<Id>(parse: (text: string) => Id | undefined): (text: string) => Id {
  return (text) => {
    const id = parse(text);
    if (id === undefined) throw new InvalidArgumentError('It must be 32 hex digits.');
    return id;
  };
}

function parseThreads(text: string): number {
  const count = Number(text);
  if (/^[1-9][0-9]*$/.test(text) && count <= limits.inspectThreadsMax) return count;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${limits.inspectThreadsMax}.`);
}
