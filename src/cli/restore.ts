import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { describeError, Failure } from '../base/failure.ts';
import { createLogger, type Logger } from '../base/log.ts';
import { randomName } from '../base/random-name.ts';
import { nodeDiskUsage } from '../disk/disk-usage.ts';
import { nodeFileSystem } from '../disk/node-file-system.ts';
import { HttpClient } from '../http/client.ts';
import { openRemoteStorage } from '../remote-storage/open-remote-storage.ts';
import { restore, type RestoreOptions, type RestoreResult } from '../restore/restore.ts';
import { StorageControllerClient } from '../safekeeper/storage-controller.ts';
import { TransferRegistry } from '../transfer/transfer-progress.ts';
import { openOutgoing } from './agent-credentials.ts';
import { canRedraw } from './terminal/output.ts';
import { badUsage, EXIT, exitCodeOf as exitCodeOfError, finalText } from './errors.ts';
import { asRefusal } from './refusals.ts';
import { resolveDataDirectory } from './resolve-data-directory.ts';
import { addRestoreOptions, peerUrlsOf, type RestoreFlags } from './restore/options.ts';
import { exitCodeOf, summaryJson, summaryLines } from './restore/summary.ts';
import { startTextfile } from './restore/textfile.ts';
import { readTimelinesFile } from './restore/timelines-file.ts';
import { createRestoreView, type RestoreView } from './restore/view.ts';
import { keepHeapSmall } from './small-heap.ts';
import { stopSignal } from './stop-signal.ts';

/** The safekeeper that would be restored runs, or the directory is somebody else's. */
const REFUSALS: ReadonlySet<string> = new Set(['DataDirectoryLocked', 'DirectoryNotEmpty', 'SafekeeperIdConflict']);

/** Requests beside those of timelines: lists, and ids of peers. */
const SPARE_CONNECTIONS = 4;

/** `restore`: refills a data directory from its peers before its safekeeper starts. */
export function restoreCommand(): Command {
  const command = new Command('restore').description(
    'refill the data directory of a safekeeper that does not run from the other safekeepers, as init container or by hand',
  );
  return addRestoreOptions(command).action(async (flags: RestoreFlags, self: Command) => {
    process.exitCode = await run(flags, self.optsWithGlobals<{ debug?: boolean }>().debug === true);
  });
}

async function run(flags: RestoreFlags, isDebug: boolean): Promise<number> {
  const peerUrls = peerUrlsOf(flags);
  if (flags.storageControllerTokenPath !== undefined && flags.storageController === undefined)
    throw badUsage('--storage-controller-token-path is the token for --storage-controller, which is not given');
  // Lines of the log would tear the picture.
  const tearsPicture = canRedraw(process.stdout, process.env) && process.stderr.isTTY;
  const log = createLogger(tearsPicture ? 'silent' : flags.logLevel);
  const stop = stopSignal();
  const transfers = new TransferRegistry(systemClock);
  const dataDirectory = await resolveDataDirectory(flags.dataDir);
  keepHeapSmall();
  const { storageController: controllerUrl, timelinesFile } = flags;
  const common = { transfers, clock: systemClock, log };
  const view = createRestoreView({ output: process.stdout, environment: process.env, dataDirectory, ...common });
  const { tally } = view;
  const textfile =
    flags.textfile === undefined
      ? undefined
      : startTextfile({ path: flags.textfile, files: nodeFileSystem, tally, ...common });
  const work = async (): Promise<RestoreResult> => {
    const outgoing = await openOutgoing(flags, process.env, log);
    await using http = new HttpClient({ ...outgoing, connectionsPerHostMax: flags.concurrency + SPARE_CONNECTIONS });
    await using controllerHttp = await openControllerHttp(flags, log);
    await using remoteStorage = flags.remoteStorage && openRemoteStorage(flags.remoteStorage, randomName);
    const options: RestoreOptions = {
      dataDirectory,
      safekeeperId: flags.id,
      mode: flags.missing === true || flags.replaceHollow === true ? 'Missing' : 'OnlyIfEmpty',
      replaceHollow: flags.replaceHollow === true,
      peerUrls,
      storageController:
        controllerHttp && new StorageControllerClient({ http: controllerHttp, url: controllerUrl ?? '' }),
      readList: timelinesFile === undefined ? undefined : () => readTimelinesFile(nodeFileSystem, timelinesFile),
      declared: flags.members,
      concurrencyMax: flags.concurrency,
      perDonorMax: flags.perDonor,
      attemptsMax: flags.attempts,
      timeoutMs: flags.timeout,
      unknownTimeoutMs: flags.unknownTimeout,
      stallTimeoutMs: flags.stallTimeout,
      files: nodeFileSystem,
      diskUsage: nodeDiskUsage,
      http,
      remoteStorage,
      tally,
      random: randomName,
      ...common,
    };
    return await restore(options, stop);
  };
  const exitCode = await tell(view, flags, isDebug, work);
  await textfile?.finish(exitCode);
  return exitCode;
}

/** Runs it and says how it ended: in text on a terminal, as one JSON line anywhere else. */
async function tell(
  view: RestoreView,
  flags: RestoreFlags,
  isDebug: boolean,
  work: () => Promise<RestoreResult>,
): Promise<number> {
  let result: RestoreResult;
  try {
    result = await work().finally(() => view[Symbol.dispose]());
  } catch (error) {
    const refusal = asRefusal(error, REFUSALS);
    if (exitCodeOfError(refusal) === EXIT.usage) throw refusal;
    if (view.isTerminal || isDebug) process.stderr.write(`${finalText(refusal, isDebug)}\n`);
    const exitCode = exitCodeOfError(refusal);
    if (!view.isTerminal) {
      const reason = error instanceof Failure ? error.reason : 'Failed';
      const result = exitCode === EXIT.refused ? 'Refused' : 'Nothing';
      printJson({ result, reason, message: describeError(error) });
    }
    return exitCode;
  }
  if (result.kind === 'NotNeeded') {
    const text = `There are ${result.timelines} timelines already: nothing was looked for (--missing does).`;
    if (view.isTerminal) process.stdout.write(`${text}\n`);
    else printJson({ result: 'NotNeeded', timelines: result.timelines });
    return EXIT.done;
  }
  const { summary } = result;
  if (view.isTerminal) process.stdout.write(`${summaryLines(summary).join('\n')}\n`);
  else process.stdout.write(`${summaryJson(summary)}\n`);
  return exitCodeOf(summary, flags.onPartial);
}

function printJson(fields: Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(fields)}\n`);
}

/** Its token is another one than the safekeepers'. */
async function openControllerHttp(flags: RestoreFlags, log: Logger): Promise<HttpClient | undefined> {
  if (flags.storageController === undefined) return undefined;
  const { STORAGE_CONTROLLER_TOKEN: token } = process.env;
  const { storageControllerTokenPath: authTokenPath, sslCaFile } = flags;
  const options = await openOutgoing(
    { ...(authTokenPath === undefined ? {} : { authTokenPath }), ...(sslCaFile === undefined ? {} : { sslCaFile }) },
    token === undefined ? {} : { SAFEKEEPER_AUTH_TOKEN: token },
    log,
  );
  return new HttpClient(options);
}
