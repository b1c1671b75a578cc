import { type Command, InvalidArgumentError, Option } from 'commander';
import { limits } from '../../base/limits.ts';
import type { LogLevel } from '../../base/log.ts';
import { parseSafekeeperId, type SafekeeperId } from '../../domain/ids.ts';
import type { RemoteStorageLocation } from '../../remote-storage/location.ts';
import { addOutgoingOptions, type OutgoingFlags } from '../agent-credentials.ts';
import { durationOption } from '../duration-option.ts';
import { remoteStorageOption } from '../remote-storage.ts';
import { parseSafekeeperIdArgument } from '../safekeeper-id-argument.ts';
import type { OnPartial } from './summary.ts';
import { badUsage } from '../errors.ts';

export interface RestoreFlags extends OutgoingFlags {
  readonly dataDir: string;
  readonly id?: SafekeeperId;
  readonly peer: readonly string[];
  readonly ownUrl?: string;
  readonly members?: readonly SafekeeperId[];
  readonly storageController?: string;
  readonly storageControllerTokenPath?: string;
  readonly timelinesFile?: string;
  readonly onlyIfEmpty?: boolean;
  readonly missing?: boolean;
  readonly replaceHollow?: boolean;
  readonly onPartial: OnPartial;
  readonly concurrency: number;
  readonly perDonor: number;
  readonly attempts: number;
  /** Times are milliseconds. */
  readonly timeout: number;
  readonly unknownTimeout: number;
  readonly stallTimeout: number;
  readonly remoteStorage?: RemoteStorageLocation;
  readonly textfile?: string;
  readonly logLevel: LogLevel;
}

const CONCURRENCY_DEFAULT = 16;
const PER_DONOR_DEFAULT = 8;
const ATTEMPTS_DEFAULT = 5;
const TIMEOUT_DEFAULT_MS = 60 * 60_000;
const UNKNOWN_TIMEOUT_DEFAULT_MS = 5 * 60_000;

const EXAMPLES = `
Examples:
  # an empty disk, from the two other safekeepers
  $ safekeeper-operator restore --data-dir /data --id 3 --peer http://sk-1:7676 --peer http://sk-2:7676

  # in every pod of a StatefulSet: the same peers for all, without the one that it is itself
  $ safekeeper-operator restore --data-dir /data --id $INDEX --peer http://sk-0.sk:7676,http://sk-1.sk:7676,http://sk-2.sk:7676 \\
      --own-url http://sk-$INDEX.sk:7676 --on-partial continue

  # what lacks on a disk that is not empty, and what a compute has created anew without its WAL
  $ safekeeper-operator restore --data-dir /data --missing --replace-hollow --peer http://sk-1:7676,http://sk-2:7676

Exit codes: 0 everything is there, 1 nothing was restored, 2 bad usage or no data directory, 3 nothing was restored for safety, 4 only a part is there.`;

/** Adds the flags of `restore`. */
export function addRestoreOptions(command: Command): Command {
  command
    .requiredOption('--data-dir <directory>', 'data directory of one safekeeper, which must not run; must exist')
    .option(
      '--id <number>',
      'safekeeper id, needed while the directory has no safekeeper.id',
      parseSafekeeperIdArgument,
    )
    .option('--peer <url...>', 'the other safekeepers: repeated, or separated by commas', collectUrls, [])
    .option('--own-url <url>', 'left out of --peer, so that all safekeepers may be given the same list', parseUrl)
    .option(
      '--members <ids>',
      'who holds the timelines that have no membership configuration, separated by commas; otherwise all, if three',
      parseIds,
    )
    .option('--storage-controller <url>', 'takes the list of timelines from there, and restores nothing else', parseUrl)
    .option(
      '--storage-controller-token-path <file>',
      'token for the storage controller; otherwise $STORAGE_CONTROLLER_TOKEN',
    )
    .option(
      '--timelines-file <file>',
      'takes the list of timelines from there: lines <tenant id>/<timeline id>; a storage controller is then only asked which of them still belong here',
    )
    .addOption(
      new Option('--only-if-empty', 'do nothing where timelines are already (the default)').conflicts([
        'missing',
        'replaceHollow',
      ]),
    )
    .option('--missing', 'restore what lacks, also where timelines are already')
    .option(
      '--replace-hollow',
      'move replicas without their WAL to <data-dir>/quarantine and restore them; implies --missing',
    );
  return addBounds(addOutgoingOptions(command))
    .addOption(remoteStorageOption())
    .option('--textfile <file>', 'write Prometheus metrics there, for the textfile collector')
    .addOption(
      new Option('--log-level <level>', 'least severe log lines to write to standard error')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .addHelpText('after', EXAMPLES);
}

function addBounds(command: Command): Command {
  return command
    .addOption(
      new Option('--on-partial <what>', 'whether a part is a failure (exit code 4) or enough to go on with (0)')
        .choices(['fail', 'continue'])
        .default('fail'),
    )
    .option('--concurrency <number>', 'timelines at once', parseCount, CONCURRENCY_DEFAULT)
    .option('--per-donor <number>', 'of them from one donor', parseCount, PER_DONOR_DEFAULT)
    .option('--attempts <number>', 'to copy one timeline', parseCount, ATTEMPTS_DEFAULT)
    .addOption(durationOption('--timeout', 'for everything', TIMEOUT_DEFAULT_MS))
    .addOption(durationOption('--unknown-timeout', 'for peers that do not answer', UNKNOWN_TIMEOUT_DEFAULT_MS))
    .addOption(durationOption('--stall-timeout', "for a donor's next byte", limits.snapshotStallTimeoutMs));
}

/** The peers without ourselves, each once. Throws a Failure `BadUsage` when nobody is left. */
export function peerUrlsOf({ peer, ownUrl }: Pick<RestoreFlags, 'peer' | 'ownUrl'>): string[] {
  const urls = [...new Set(peer)].filter((url) => url !== ownUrl);
  if (urls.length === 0) {
    const message = 'no peers: name the other safekeepers with --peer, for example --peer http://safekeeper-1:7676';
    throw badUsage(message);
  }
  if (urls.length > limits.pullHostsMax) {
    throw badUsage(`--peer names more than ${limits.pullHostsMax} safekeepers`);
  }
  return urls;
}

export function collectUrls(text: string, before: readonly string[]): string[] {
  return [...before, ...text.split(',').map((part) => parseUrl(part.trim()))];
}

function parseUrl(text: string): string {
  const isUrl = URL.canParse(text) && /^https?:\/\/[^/?#]+[^?#]*$/i.test(text);
  if (isUrl) return text.replace(/\/+$/, '');
  throw new InvalidArgumentError('It must be a URL such as http://safekeeper-1:7676.');
}

export function parseIds(text: string): SafekeeperId[] {
  const ids = text.split(',').map((part) => parseSafekeeperId(part.trim()));
  const known = ids.filter((id) => id !== undefined);
  if (known.length === ids.length && new Set(known).size === ids.length) return known;
  throw new InvalidArgumentError('It must be different safekeeper ids, for example 1,2,3.');
}

function parseCount(text: string): number {
  const count = Number(text);
  if (/^[1-9][0-9]*$/.test(text) && count <= limits.transfersMax) return count;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${limits.transfersMax}.`);
}
