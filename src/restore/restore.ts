import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Logger } from '../base/log.ts';
import type { DiskUsageProbe } from '../disk/disk-usage.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { acquirePidLock } from '../disk/pid-lock.ts';
import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { HttpClient } from '../http/client.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import type { StorageControllerClient } from '../safekeeper/storage-controller.ts';
import { readSafekeeperId } from '../transfer/safekeeper-identity.ts';
import { TimelineMap } from '../transfer/timeline-map.ts';
import type { TransferRegistry } from '../transfer/transfer-progress.ts';
import { markFinished, markUnfinished, readContents } from './contents.ts';
import { type RestoreSummary, verdictOf } from './outcome.ts';
import { readQuarantinedTerms } from './quarantine.ts';
import { Run } from './run.ts';
import type { Tally } from './tally.ts';

export interface RestoreOptions {
  /** Absolute; must exist. */
  readonly dataDirectory: string;
  /** Needed only while the data directory has no `safekeeper.id`. */
  readonly safekeeperId: SafekeeperId | undefined;
  /** `OnlyIfEmpty`: nothing is done where timelines are, unless an earlier restore left something out. */
  readonly mode: 'OnlyIfEmpty' | 'Missing';
  readonly replaceHollow: boolean;
  /** Of all other safekeepers; with scheme, each once. */
  readonly peerUrls: readonly string[];
  /** Names what belongs here, and nothing else is restored (rule R17). */
  readonly storageController: StorageControllerClient | undefined;
  /** In place of the peers' lists, or the storage controller's. A Failure with `retry: never` ends everything. */
  readonly readList: ((signal: AbortSignal) => Promise<readonly TenantTimelineId[]>) | undefined;
  /** Who the members are of timelines without a configuration (rule R10). */
  readonly declared: readonly SafekeeperId[] | undefined;
  /** Timelines at once, and of them from one donor. */
  readonly concurrencyMax: number;
  readonly perDonorMax: number;
  /** To copy one timeline. */
  readonly attemptsMax: number;
  /** For everything. */
  readonly timeoutMs: number;
  /** For peers that do not answer, and whatever else must change by itself. */
  readonly unknownTimeoutMs: number;
  readonly stallTimeoutMs: number;
  readonly files: FileSystem;
  readonly diskUsage: DiskUsageProbe;
  /** For reaching other safekeepers; stays the caller's. */
  readonly http: HttpClient;
  readonly remoteStorage: RemoteStorage | undefined;
  /** Shows what is being copied. */
  readonly transfers: TransferRegistry;
  readonly tally: Tally;
  readonly clock: Clock;
  /** Letters and digits, different at each call. */
  readonly random: () => string;
  readonly log: Logger;
}

export type RestoreResult =
  | { readonly kind: 'Done'; readonly summary: RestoreSummary }
  /** There are timelines already, and no restore that left something out. */
  | { readonly kind: 'NotNeeded'; readonly timelines: number };

const NAMES_SHOWN = 5;

/**
 * Refills the data directory of a safekeeper that does not run. What could not be restored stands in the summary; a Failure is
 * thrown when nothing could be begun: `DataDirectoryMissing`, `DataDirectoryLocked`, `DirectoryNotEmpty`, `DiskFull`,
 * `DiskFailed`, and those of `safekeeper.id`. Whatever breaks it off, the next run goes on.
 */
export async function restore(options: RestoreOptions, signal: AbortSignal): Promise<RestoreResult> {
  const { files, dataDirectory, mode, clock, random, log } = options;
  await using _lock = await acquirePidLock(dataDirectory);
  const sinceMs = clock.monotonicMs();
  const contents = await readContents(files, dataDirectory);
  if (mode === 'OnlyIfEmpty' && contents.kind === 'Timelines') return { kind: 'NotNeeded', timelines: contents.count };
  if (mode === 'OnlyIfEmpty' && contents.kind === 'Foreign') throw notEmpty(dataDirectory, contents.names);
  const safekeeperId = await readSafekeeperId(files, dataDirectory, options.safekeeperId);
  // With timelines it was asked for by hand: a safekeeper that could start must not be kept from it later.
  if (contents.kind !== 'Timelines') await markUnfinished(files, dataDirectory);
  const map = await TimelineMap.open({ files, dataDirectory, safekeeperId, clock, random, log }, signal);
  const quarantinedTerms = await readQuarantinedTerms(files, dataDirectory);
  const summary = await new Run({ ...options, map, sinceMs, quarantinedTerms }).run(signal);
  if (verdictOf(summary) === 'Everything') await markFinished(files, dataDirectory);
  return { kind: 'Done', summary };
}

function notEmpty(dataDirectory: string, names: readonly string[]): Failure {
  const more = names.length > NAMES_SHOWN ? ` and ${names.length - NAMES_SHOWN} more` : '';
  return new Failure(
    'DirectoryNotEmpty',
    `${dataDirectory} has no timelines but is not empty either: it holds ${names.slice(0, NAMES_SHOWN).join(', ')}${more}; move that away, or restore with --missing`,
    { retry: 'after-change' },
  );
}
