import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { mapBounded } from '../../base/concurrency.ts';
import { Failure } from '../../base/failure.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../../domain/ids.ts';
import type { TimelineStatus } from '../../safekeeper/api.ts';
import type { SafekeeperClient } from '../../safekeeper/client.ts';
import type { ControlFile } from '../../safekeeper/control-file.ts';
import { CONTROL_FILE_NAME, decodeControlFile } from '../../safekeeper/control-file-codec.ts';

/** One replica at one moment: what its safekeeper says of it, and what is on the disk. */
export interface ReplicaRecord {
  readonly id: TenantTimelineId;
  readonly status: Pick<TimelineStatus, 'term' | 'lastLogTerm' | 'flushLsn'>;
  readonly controlFile: ControlFile;
  /** By name; segments only. */
  readonly walFiles: ReadonlyMap<string, WalFileRecord>;
}

export interface WalFileRecord {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/** All replicas of a safekeeper, by `tenant/timeline`. */
export type SafekeeperRecord = ReadonlyMap<string, ReplicaRecord>;

export interface Comparison {
  /** Empty when the restored safekeeper has all that it had. */
  readonly problems: readonly string[];
  readonly timelineCount: number;
  readonly walFileCount: number;
  readonly walBytes: number;
  /** Files on the peers that were found equal to restored ones. */
  readonly peerCopyCount: number;
  readonly raisedTermCount: number;
}

const READ_CONCURRENCY = 4;

/** Reads every file of every given timeline. Throws a Failure `ReplicaMissing` when the safekeeper does not show one. */
export async function recordSafekeeper(
  safekeeper: { readonly path: string; readonly client: Pick<SafekeeperClient, 'timelineStatus'> },
  timelines: readonly TenantTimelineId[],
  signal: AbortSignal,
): Promise<SafekeeperRecord> {
  const records = await mapBounded(timelines, READ_CONCURRENCY, async (id): Promise<[string, ReplicaRecord]> => {
    const answer = await safekeeper.client.timelineStatus(id, signal);
    const key = formatTenantTimelineId(id);
    if (answer.kind !== 'Status') {
      throw new Failure('ReplicaMissing', `${safekeeper.path}: its safekeeper does not show the timeline ${key}`);
    }
    const { term, lastLogTerm, flushLsn } = answer.status;
    const directory = join(safekeeper.path, id.tenantId, id.timelineId);
    return [key, { id, status: { term, lastLogTerm, flushLsn }, ...(await readDirectory(directory, signal)) }];
  });
  return new Map(records);
}

async function readDirectory(
  directory: string,
  signal: AbortSignal,
): Promise<Pick<ReplicaRecord, 'controlFile' | 'walFiles'>> {
  const controlFile = decodeControlFile(await readFile(join(directory, CONTROL_FILE_NAME)));
  const walFiles = new Map<string, WalFileRecord>();
  for (const name of (await readdir(directory)).sort()) {
    if (name === CONTROL_FILE_NAME) continue;
    const content = await readFile(join(directory, name), { signal });
    walFiles.set(name, { sha256: createHash('sha256').update(content).digest('hex'), sizeBytes: content.length });
  }
  return { controlFile, walFiles };
}

/**
 * Compares a restored safekeeper with what it was before, and with its peers as they are now. WAL files must be the same
 * to the byte, and the same as every copy on a peer; so must everything in the control file but the term, which may
 * only have gone up.
 */
export function compareSafekeeper(
  before: SafekeeperRecord,
  after: SafekeeperRecord,
  peers: readonly SafekeeperRecord[],
): Comparison {
  const problems: string[] = [];
  const counts = { walFileCount: 0, walBytes: 0, peerCopyCount: 0, raisedTermCount: 0 };
  for (const [key, was] of before) {
    const is = after.get(key);
    if (is === undefined) {
      problems.push(`${key}: the replica is missing`);
      continue;
    }
    problems.push(...compareState(was, is).map((problem) => `${key}: ${problem}`));
    problems.push(...compareWal(was, is).map((problem) => `${key}: ${problem}`));
    if (is.status.term > was.status.term) counts.raisedTermCount++;
    for (const [name, { sha256, sizeBytes }] of is.walFiles) {
      counts.walFileCount++;
      counts.walBytes += sizeBytes;
      for (const copy of peers.flatMap((peer) => peer.get(key)?.walFiles.get(name) ?? [])) {
        if (copy.sha256 === sha256) counts.peerCopyCount++;
        else problems.push(`${key}: ${name} differs from a peer's`);
      }
    }
  }
  return { problems, timelineCount: before.size, ...counts };
}

function compareWal(was: ReplicaRecord, is: ReplicaRecord): string[] {
  const names = [...new Set([...was.walFiles.keys(), ...is.walFiles.keys()])].sort();
  return names.flatMap((name) => {
    const [old, restored] = [was.walFiles.get(name), is.walFiles.get(name)];
    if (restored === undefined) return [`${name} is missing`];
    if (old === undefined) return [`${name} was not there before`];
    return old.sha256 === restored.sha256 ? [] : [`${name} is not what it was`];
  });
}

function compareState(was: ReplicaRecord, is: ReplicaRecord): string[] {
  const problems: string[] = [];
  const expectSame = (field: string, before: unknown, after: unknown) => {
    const [old, restored] = [before, after].map(toText);
    if (old !== restored) problems.push(`${field} was ${old} and is ${restored}`);
  };
  expectSame('flush_lsn', was.status.flushLsn, is.status.flushLsn);
  expectSame('last_log_term', was.status.lastLogTerm, is.status.lastLogTerm);
  const { term: termBefore, ...fieldsBefore } = was.controlFile;
  const { term: termAfter, ...fieldsAfter } = is.controlFile;
  for (const [field, value] of Object.entries(fieldsBefore)) expectSame(field, value, Reflect.get(fieldsAfter, field));
  if (termAfter < termBefore) problems.push(`term went back from ${termBefore} to ${termAfter}`);
  return problems;
}

function toText(value: unknown): string {
  return JSON.stringify(value, (_key, part: unknown) => (typeof part === 'bigint' ? part.toString() : part));
}
