import { resolve } from 'node:path';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { createLogger } from '../base/log.ts';
import { randomName } from '../base/random-name.ts';
import { nodeFileSystem } from '../disk/node-file-system.ts';
import { acquirePidLock } from '../disk/pid-lock.ts';
import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import { formatLsn } from '../domain/lsn.ts';
import { HttpClient } from '../http/client.ts';
import type { RemoteStorageLocation } from '../remote-storage/location.ts';
import { openRemoteStorage } from '../remote-storage/open-remote-storage.ts';
import { PeerClient } from '../safekeeper/peer-client.ts';
import { segmentCount } from '../safekeeper/wal-segment.ts';
import { writeArchiveFile } from '../transfer/archive-file.ts';
import { ArchivePipe } from '../transfer/archive-pipe.ts';
import { type ArchiveSink, passArchive, type PassedArchive } from '../transfer/pass-archive.ts';
import { openDirectorySnapshot, requestSnapshot, type SnapshotSource } from '../transfer/snapshot-source.ts';
import { TransferMemory } from '../transfer/transfer-memory.ts';
import { addOutgoingOptions, openOutgoing, type OutgoingFlags } from './agent-credentials.ts';
import { canRedraw } from './terminal/output.ts';
import { asRefusal, interrupted } from './refusals.ts';
import { remoteStorageOption } from './remote-storage.ts';
import { resolveDataDirectory } from './resolve-data-directory.ts';
import { parseSafekeeperIdArgument } from './safekeeper-id-argument.ts';
import { stopSignal } from './stop-signal.ts';
import { parseTimelineArgument } from './timeline-argument.ts';
import { createTransferView } from './transfer-view.ts';
import { badUsage } from './errors.ts';

interface SnapshotFlags extends OutgoingFlags {
  readonly from: string;
  readonly to: string;
  readonly for: SafekeeperId;
  readonly force?: boolean;
  readonly remoteStorage?: RemoteStorageLocation;
}

const PIPE = '-';

/** Whoever runs on the directory would go on writing. */
const REFUSALS: ReadonlySet<string> = new Set(['DataDirectoryLocked']);

/**
 * `safekeeper-operator snapshot`: one timeline of a safekeeper, an agent or a data directory as a tar file, which is there
 * whole or not at all. Throws what keeps it from being written.
 */
export function snapshotCommand(): Command {
  const command = new Command('snapshot')
    .description('write one timeline of a safekeeper or a data directory to a tar file')
    .argument('<tenant/timeline>', 'ids of the tenant and the timeline, 32 hex digits each', parseTimelineArgument)
    .requiredOption(
      '--from <url or directory>',
      'safekeeper or agent (http://host:port), or data directory of a safekeeper that is not running',
    )
    .requiredOption('--to <file>', `tar file to write; ${PIPE} writes to standard output`)
    .requiredOption(
      '--for <number>',
      'id of the safekeeper that it is for: what the timeline has in remote storage is copied to that one',
      parseSafekeeperIdArgument,
    )
    .option('--force', 'replace the file when it exists')
    .addOption(remoteStorageOption());
  return addOutgoingOptions(command).addHelpText('after', EXAMPLES).action(snapshot);
}

const EXAMPLES = `
Examples:
  $ safekeeper-operator snapshot TENANT/TIMELINE --from http://safekeeper-1:7676 --for 3 --to timeline.tar
  $ safekeeper-operator snapshot TENANT/TIMELINE --from /data --for 3 --to - | ssh safekeeper-3 \\
      safekeeper-operator install - --data-dir /data --peer http://safekeeper-1:7676 --peer http://safekeeper-2:7676

The file is complete and checked as soon as it is there. Exit code 0: written, 1: failed, 2: bad usage or no data directory, 3: refused, because a safekeeper runs on the directory.`;

async function snapshot(id: TenantTimelineId, flags: SnapshotFlags): Promise<void> {
  if (flags.to === PIPE && process.stdout.isTTY) {
    throw badUsage('an archive is not written to a terminal: give a file with --to, or a pipe');
  }
  const stop = stopSignal();
  try {
    await run(id, flags, stop);
  } catch (error) {
    throw asRefusal(stop.aborted ? interrupted(stop, 'written') : error, REFUSALS);
  }
}

async function run(id: TenantTimelineId, flags: SnapshotFlags, signal: AbortSignal): Promise<void> {
  const log = createLogger(canRedraw(process.stderr, process.env) ? 'silent' : 'info');
  const memory = new TransferMemory();
  await using remoteStorage = flags.remoteStorage && openRemoteStorage(flags.remoteStorage, randomName);
  await using http = new HttpClient(await openOutgoing(flags, process.env, log));
  using view = createTransferView(process.stderr, process.env, systemClock, log);
  const pass = async (source: SnapshotSource, sink: ArchiveSink) => {
    view.meter.expect(source.sizeBytes);
    const options = {
      meter: view.meter,
      recipient: flags.for,
      remoteStorage,
      stallTimeoutMs: limits.snapshotStallTimeoutMs,
      explain: source.explain,
    };
    return await passArchive(source.body, sink, source.claims, options, signal);
  };
  const produce = async (sink: ArchiveSink) => {
    if (isUrl(flags.from)) {
      const client = new PeerClient({ http, url: flags.from });
      return await pass(await requestSnapshot(client, id, flags.for, { memory, log }, signal), sink);
    }
    const dataDirectory = await resolveDataDirectory(flags.from);
    await using _lock = await acquirePidLock(dataDirectory);
    const options = { files: nodeFileSystem, memory, remoteStorage };
    return await pass(await openDirectorySnapshot(dataDirectory, id, flags.for, options, signal), sink);
  };
  const written = await (flags.to === PIPE
    ? writeToPipe(produce, signal)
    : writeArchiveFile(
        resolve(flags.to),
        { files: nodeFileSystem, memory, random: randomName, replace: flags.force === true },
        produce,
      ));
  const { sentence, fields } = summarize(id, written, flags.to);
  view.done(sentence, 'snapshot written', fields);
}

async function writeToPipe(
  produce: (sink: ArchiveSink) => Promise<PassedArchive>,
  signal: AbortSignal,
): Promise<PassedArchive> {
  const pipe = new ArchivePipe(process.stdout, signal);
  const passed = await produce(pipe);
  await pipe.finish();
  return passed;
}

/** Everything else is a directory, but another scheme is a mistake. */
function isUrl(from: string): boolean {
  if (/^https?:\/\/./.test(from)) return true;
  if (!from.includes('://')) return false;
  throw new Failure('BadUsage', `--from ${from}: it must be http://host:port, https://host:port or a directory`);
}

function summarize(id: TenantTimelineId, { controlFile, segments, flushLsn }: PassedArchive, file: string) {
  const count = segments === undefined ? 0n : segmentCount(segments);
  const flush = formatLsn(flushLsn);
  const where = file === PIPE ? 'standard output' : file;
  return {
    sentence: `${formatTenantTimelineId(id)} is in ${where}: ${count} segments, WAL up to ${flush}, term ${controlFile.term}`,
    fields: {
      tenant: id.tenantId,
      timeline: id.timelineId,
      file: where,
      segments: Number(count),
      flushLsn: flush,
      term: controlFile.term.toString(),
    },
  };
}
