import { realpath } from 'node:fs/promises';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { createLogger } from '../base/log.ts';
import { randomName } from '../base/random-name.ts';
import { nodeDiskUsage } from '../disk/disk-usage.ts';
import { nodeFileSystem } from '../disk/node-file-system.ts';
import { acquirePidLock } from '../disk/pid-lock.ts';
import { formatTenantTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import { formatLsn } from '../domain/lsn.ts';
import type { RoomEvidence } from '../domain/observation.ts';
import { INITIAL_TERM } from '../domain/term.ts';
import { HttpClient } from '../http/client.ts';
import { OwnRecovery } from '../recovery/own-recovery.ts';
import { describeSilence, type Peer, Peers } from '../recovery/peers.ts';
import type { RemoteStorageLocation } from '../remote-storage/location.ts';
import { openRemoteStorage } from '../remote-storage/open-remote-storage.ts';
import { installArchive, type InstallOutcome } from '../restore/install-archive.ts';
import { PeerClient } from '../safekeeper/peer-client.ts';
import { openArchiveFile } from '../transfer/archive-file.ts';
import { openArchive, type OpenedArchive } from '../transfer/receive.ts';
import { readSafekeeperId } from '../transfer/safekeeper-identity.ts';
import { TimelineMap } from '../transfer/timeline-map.ts';
import { TransferMemory } from '../transfer/transfer-memory.ts';
import type { BodyWatch, SnapshotBody } from '../transfer/watched-body.ts';
import { addOutgoingOptions, openOutgoing, type OutgoingFlags } from './agent-credentials.ts';
import { durationOption } from './duration-option.ts';
import { canRedraw } from './terminal/output.ts';
import { asRefusal, interrupted } from './refusals.ts';
import { remoteStorageOption } from './remote-storage.ts';
import { collectUrls, parseIds, peerUrlsOf } from './restore/options.ts';
import { parseSafekeeperIdArgument } from './safekeeper-id-argument.ts';
import { resolveDataDirectory } from './resolve-data-directory.ts';
import { stopSignal } from './stop-signal.ts';
import { parseTimelineArgument } from './timeline-argument.ts';
import { createTransferView, type TransferView } from './transfer-view.ts';
import { badUsage } from './errors.ts';

interface InstallFlags extends OutgoingFlags {
  readonly dataDir: string;
  readonly id?: SafekeeperId;
  readonly peer: readonly string[];
  readonly members?: readonly SafekeeperId[];
  readonly timeline?: TenantTimelineId;
  /** Milliseconds. */
  readonly unknownTimeout: number;
  readonly remoteStorage?: RemoteStorageLocation;
}

const PIPE = '-';
const UNKNOWN_TIMEOUT_MS = 5 * 60_000;

/** What is not done for the sake of what is there already, or of what the peers know. */
const REFUSALS: ReadonlySet<string> = new Set([
  'Refused',
  'DataDirectoryLocked',
  'TimelineExists',
  'TimelineNotLoaded',
  'TimelineDeleted',
  'GenerationConflict',
  'SafekeeperIdConflict',
]);

/**
 * `safekeeper-operator install`: an archive becomes a timeline of a data directory whose safekeeper is not running. Exit
 * code 3 when the peers do not show that this is safe, or something is there already; nothing is changed then.
 */
export function installCommand(): Command {
  const command = new Command('install')
    .description('put a timeline from a tar file into a data directory, if the peers show that it is safe')
    .argument('<file>', `tar file of snapshot; ${PIPE} reads standard input`)
    .requiredOption('--data-dir <directory>', 'data directory of a safekeeper that is not running')
    .option('--peer <url...>', 'the other safekeepers: repeated, or separated by commas', collectUrls, [])
    .option(
      '--id <number>',
      'safekeeper id, needed while the directory has no safekeeper.id',
      parseSafekeeperIdArgument,
    )
    .option(
      '--members <ids>',
      'ids of the safekeepers that have the timeline, such as 1,2,3; needed when it has no configuration of its own and ' +
        'the peers and this one are not three',
      parseIds,
    )
    .option('--timeline <tenant/timeline>', 'refuse an archive of any other timeline', parseTimelineArgument)
    .addOption(durationOption('--unknown-timeout', 'longest wait for peers that do not answer', UNKNOWN_TIMEOUT_MS))
    .addOption(remoteStorageOption());
  return addOutgoingOptions(command).addHelpText('after', EXAMPLES).action(install);
}

const EXAMPLES = `
Example:
  $ safekeeper-operator install timeline.tar --data-dir /data \\
      --peer http://safekeeper-1:7676 --peer http://safekeeper-2:7676

Exit code 0: installed, 1: failed, 2: bad usage or no data directory, 3: refused for safety.`;

async function install(file: string, flags: InstallFlags): Promise<void> {
  const stop = stopSignal();
  try {
    await run(file, flags, stop);
  } catch (thrown) {
    throw asRefusal(stop.aborted ? interrupted(stop, 'installed') : thrown, REFUSALS);
  }
}

async function run(file: string, flags: InstallFlags, signal: AbortSignal): Promise<void> {
  const urls = peerUrlsOf(flags);
  const log = createLogger(canRedraw(process.stderr, process.env) ? 'silent' : 'info');
  const dataDirectory = await resolveDataDirectory(flags.dataDir);
  const memory = new TransferMemory();
  using view = createTransferView(process.stderr, process.env, systemClock, log);
  const { watch, ...archive } = await openInput(file, memory);
  if (archive.sizeBytes !== undefined) view.meter.expect(archive.sizeBytes);
  await using _lock = await acquirePidLock(dataDirectory);
  const sinceMs = systemClock.monotonicMs();
  const ownId = await readSafekeeperId(nodeFileSystem, dataDirectory, flags.id);
  const map = await TimelineMap.open(
    { files: nodeFileSystem, dataDirectory, safekeeperId: ownId, clock: systemClock, random: randomName, log },
    signal,
  );
  using opened = await openArchive(archive.body, watch, signal);
  requireTimeline(opened, flags.timeline);
  await using http = new HttpClient(await openOutgoing(flags, process.env, log));
  await using remoteStorage = flags.remoteStorage && openRemoteStorage(flags.remoteStorage, randomName);
  const peers = new Peers({ urls, ownId, clock: systemClock, connect: (url) => new PeerClient({ http, url }) });
  const recovery = await openRecovery(opened, flags, { peers, ownId, sinceMs, dataDirectory });
  const outcome = await installArchive(
    map,
    opened,
    {
      ...watch,
      meter: view.meter,
      recovery,
      beforeRound: introduceTo(peers),
      onWait: (message) => view.waiting(message),
      remoteStorage,
      clock: systemClock,
    },
    signal,
  );
  report(outcome, peers, view);
}

interface Input {
  readonly body: SnapshotBody;
  readonly watch: BodyWatch;
  readonly sizeBytes: number | undefined;
}

async function openInput(file: string, memory: TransferMemory): Promise<Input> {
  const isPipe = file === PIPE;
  if (isPipe && process.stdin.isTTY) {
    throw badUsage('an archive is not read from a terminal: give a file, or a pipe');
  }
  const watch: BodyWatch = {
    stallTimeoutMs: limits.snapshotStallTimeoutMs,
    sender: isPipe ? 'standard input' : file,
    explain: (cause) =>
      cause instanceof Failure
        ? cause
        : new Failure('ArchiveUnreadable', `standard input cannot be read: ${describeError(cause)}`, { cause }),
  };
  if (isPipe) return { body: process.stdin, watch, sizeBytes: undefined };
  // An archive that cannot be resolved is refused by its own name.
  const path = await realpath(file).catch(() => resolve(file));
  return { ...(await openArchiveFile(nodeFileSystem, path, memory)), watch };
}

function requireTimeline({ controlFile }: OpenedArchive, wanted: TenantTimelineId | undefined): void {
  if (wanted === undefined || formatTenantTimelineId(controlFile) === formatTenantTimelineId(wanted)) return;
  const problem = `the archive is of timeline ${formatTenantTimelineId(controlFile)}, not ${formatTenantTimelineId(wanted)}`;
  throw new Failure('WrongTimeline', problem, { retry: 'never' });
}

async function openRecovery(
  { controlFile: { tenantId, timelineId } }: OpenedArchive,
  { members, unknownTimeout }: InstallFlags,
  own: {
    readonly peers: Peers;
    readonly ownId: SafekeeperId;
    readonly sinceMs: number;
    readonly dataDirectory: string;
  },
): Promise<OwnRecovery> {
  // Before anything is unpacked there.
  const { capacityBytes, usedBytes } = await nodeDiskUsage(own.dataDirectory);
  const room: RoomEvidence = {
    kind: 'Measured',
    capacityBytes: Number(capacityBytes),
    usedBytes: Number(usedBytes),
  };
  return new OwnRecovery({
    timeline: { tenantId, timelineId },
    ...own,
    declared: members,
    unknownTimeoutMs: unknownTimeout,
    ownTerm: INITIAL_TERM,
    measureRoom: () => Promise.resolve(room),
    readOwnership: () => Promise.resolve('NotConfigured'),
    clock: systemClock,
  });
}

/**
 * Asks who the peers are, until all have told; each is asked once for something that needs the token for all timelines: a
 * token that is refused does not get better by waiting. Throws a Failure `CredentialsInvalid` or `SafekeeperIdConflict`.
 */
function introduceTo(peers: Peers): (signal: AbortSignal) => Promise<void> {
  const trusted = new Set<SafekeeperId>();
  return async (signal) => {
    if (peers.silent.length > 0) await peers.identify(signal);
    const strangers = peers.known.filter(({ id }) => !trusted.has(id));
    const present = async ({ id, client }: Peer) => {
      const refused = await client.utilization(signal).then(
        () => undefined,
        (error: unknown) => (error instanceof Failure && error.reason === 'CredentialsInvalid' ? error : undefined),
      );
      if (refused !== undefined) throw refused;
      trusted.add(id);
    };
    await Promise.all(strangers.map(present));
    signal.throwIfAborted();
  };
}

function report(outcome: InstallOutcome, { silent }: Peers, view: TransferView): void {
  if (outcome.kind === 'Refused') {
    const unanswered = silent.length === 0 ? '' : ` No answer: ${silent.map(describeSilence).join('; ')}.`;
    throw new Failure('Refused', `refused: ${outcome.message}${unanswered}`, { retry: 'after-change' });
  }
  const { id, flushLsn, controlFile } = outcome.timeline;
  const flush = formatLsn(flushLsn);
  view.done(
    `${formatTenantTimelineId(id)} is installed: WAL up to ${flush}, term ${controlFile.term}; the safekeeper may be started`,
    'timeline installed',
    {
      tenant: id.tenantId,
      timeline: id.timelineId,
      flushLsn: flush,
      term: controlFile.term.toString(),
      generation: controlFile.membership.generation,
      fencing: outcome.fencing,
    },
  );
}
