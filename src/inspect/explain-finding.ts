import { assertNever } from '../base/assert.ts';
import { formatTenantTimelineId } from '../domain/ids.ts';
import { formatLsn } from '../domain/lsn.ts';
import type { WalBreak } from '../safekeeper/verify-wal.ts';
import type { WalOddity } from '../safekeeper/wal-audit.ts';
import type { DirectoryFinding, Finding, Segments, TimelineFinding } from './finding.ts';

/** How to get a whole copy; the end of most advice. */
const PULL_AGAIN =
  'Stop the safekeeper, move this directory to quarantine/ and let "restore --missing" pull the timeline from a peer.';
const ASK_PEERS = 'Compare with the flush_lsn of the peers before anything is removed.';

/** For people: what it is, why it matters, what can be done. */
export function explainFinding(finding: Finding): string {
  return isOfTimeline(finding) ? explainOfTimeline(finding) : explainOfDirectory(finding);
}

const OF_DIRECTORY: ReadonlySet<Finding['kind']> = new Set([
  'InUse',
  'SafekeeperIdMissing',
  'SafekeeperIdInvalid',
  'LeftoverTemp',
  'Quarantined',
  'ForeignEntry',
  'NameNotCanonical',
  'SameTimelineTwice',
  'NoSuchTimeline',
  'Unreadable',
  'MoreFindings',
] as const);

function isOfTimeline(finding: Finding): finding is TimelineFinding {
  return !OF_DIRECTORY.has(finding.kind);
}

function explainOfDirectory(finding: DirectoryFinding): string {
  switch (finding.kind) {
    case 'InUse':
      return `Process ${finding.pid} holds safekeeper.pid: the directory is in use and changes while it is read. What is reported as wrong was so twice.`;
    case 'SafekeeperIdMissing':
      return 'There is no safekeeper.id: nobody knows whose directory this is, and a safekeeper or agent needs --id to start on it.';
    case 'SafekeeperIdInvalid':
      return 'safekeeper.id does not hold a number: no safekeeper starts on this directory. Write its id, decimal digits without a line feed.';
    case 'LeftoverTemp':
      return `${finding.path} is what an interrupted pull or creation left, or one that runs now. Nothing refers to it; the next start removes it.`;
    case 'Quarantined':
      return `${finding.path} was moved out of the way by a restore. Nothing reads it; remove it once its timeline is healthy everywhere.`;
    case 'ForeignEntry':
      return `${finding.path} is nothing that a safekeeper writes or reads. It takes room only; find out who put it there.`;
    case 'NameNotCanonical':
      return `${finding.path} is an id in upper case: nobody loads it, because directories are looked up in lower case. Rename it, if nothing is there under that name.`;
    case 'SameTimelineTwice':
      return `${finding.paths.join(' and ')} both say that they are timeline ${formatTenantTimelineId(finding.id)}: one is a copy, and only one of them may ever be used. Find out which one is older and move it to quarantine/.`;
    case 'NoSuchTimeline':
      return `There is no directory of the timeline that was asked for (${finding.asked}): it was never here, was deleted, or the disk was lost. Ask the peers whether they have it.`;
    case 'Unreadable':
      return `${finding.path} cannot be read: ${finding.problem}. Nothing is known of what is in it; check its permissions and the disk.`;
    case 'MoreFindings':
      return `There is more of this kind: ${finding.count} findings, ${finding.problemCount} of them problems.`;
    default:
      return assertNever(finding);
  }
}

function explainOfTimeline(finding: TimelineFinding): string {
  switch (finding.kind) {
    case 'ControlFileMissing':
    case 'ControlFileInvalid':
    case 'ControlFilePartial':
    case 'IdsDiffer':
    case 'TermHistoryInvalid':
    case 'UploadMissing':
    case 'UploadTooShort':
    case 'UploadOfOther':
      return explainOfControlFile(finding);
    case 'SegmentsMissing':
    case 'SegmentSize':
    case 'SegmentTwice':
    case 'SegmentNotFile':
    case 'SegmentBehindEnd':
    case 'SegmentsApart':
    case 'SegmentsOffloaded':
    case 'PartialNotLast':
      return explainOfSegments(finding);
    case 'WalDamaged':
    case 'WalUnread':
    case 'WalOdd':
    case 'CommitInsideRecord':
    case 'WalBehindEnd':
    case 'PostgresVersionUnknown':
      return explainOfWal(finding);
    case 'ForeignEntry':
    case 'Unreadable':
    case 'MoreFindings':
      return explainOfDirectory(finding);
    default:
      return assertNever(finding);
  }
}

type ControlFileFinding = Extract<
  TimelineFinding,
  {
    kind:
      | 'ControlFileMissing'
      | 'ControlFileInvalid'
      | 'ControlFilePartial'
      | 'IdsDiffer'
      | 'TermHistoryInvalid'
      | 'UploadMissing'
      | 'UploadTooShort'
      | 'UploadOfOther';
  }
>;

function explainOfControlFile(finding: ControlFileFinding): string {
  switch (finding.kind) {
    case 'ControlFileMissing': {
      const partial = finding.hasPartial ? ' There is a safekeeper.control.partial, which was never put in place.' : '';
      return `There is no safekeeper.control: the timeline is not loaded, and a pull onto it is refused.${partial} ${PULL_AGAIN}`;
    }
    case 'ControlFileInvalid':
      return `safekeeper.control is not readable (${finding.problem}): the timeline is not loaded, its term and votes are not known. ${PULL_AGAIN}`;
    case 'ControlFilePartial':
      return 'safekeeper.control.partial is a state that was being written when somebody stopped. The one in place counts; the next write replaces this one.';
    case 'IdsDiffer':
      return `The control file is of timeline ${formatTenantTimelineId(finding.stated)}, not of the one that the directory is named after: it is not loaded. Somebody copied or renamed it; move it to quarantine/, or back under its own name.`;
    case 'TermHistoryInvalid':
      return `The term history is impossible: ${finding.problem}. Elections go by it, so this replica may win one that it must lose. ${PULL_AGAIN}`;
    case 'UploadMissing':
      return `The timeline is offloaded, but its control file names no uploaded partial segment: the end of its WAL is nowhere. ${PULL_AGAIN}`;
    case 'UploadTooShort':
      return `The timeline was offloaded at ${formatLsn(finding.offloadedLsn)}, but its uploaded segment ${finding.name} ends at ${formatLsn(finding.flushLsn)}: WAL between the two is lost here. ${PULL_AGAIN}`;
    case 'UploadOfOther':
      return `The partial segment ${JSON.stringify(finding.name)} in remote storage is not that of safekeeper ${finding.safekeeperId}: its owner may delete it at any time. ${PULL_AGAIN}`;
    default:
      return assertNever(finding);
  }
}

type SegmentFinding = Extract<
  TimelineFinding,
  {
    kind:
      | 'SegmentsMissing'
      | 'SegmentSize'
      | 'SegmentTwice'
      | 'SegmentNotFile'
      | 'SegmentBehindEnd'
      | 'SegmentsApart'
      | 'SegmentsOffloaded'
      | 'PartialNotLast';
  }
>;

function explainOfSegments(finding: SegmentFinding): string {
  switch (finding.kind) {
    case 'SegmentsMissing': {
      const what = finding.isAll
        ? `All WAL is missing (${nameSegments(finding.segments)})`
        : `${capitalize(nameSegments(finding.segments))} ${finding.segments.count === 1n ? 'is' : 'are'} missing`;
      return `${what}: the safekeeper starts and claims to have it, but cannot send it, and counts as a copy that is none. ${PULL_AGAIN}`;
    }
    case 'SegmentSize':
      return `${finding.name} has ${finding.sizeBytes} bytes instead of ${finding.expectedBytes}: a part of its WAL is missing, and snapshots of the timeline are refused. ${PULL_AGAIN}`;
    case 'SegmentTwice':
      return `${finding.name} is there with and without .partial: the end of WAL is searched in one of them, snapshots and uploads take the other. Compare them, and move the one that ends earlier away.`;
    case 'SegmentNotFile':
      return `${finding.name} has the name of a segment but is not a file: whoever opens it fails. Move it away; what it stands for is then missing.`;
    case 'SegmentBehindEnd':
      return `The WAL ends at ${formatLsn(finding.endLsn)}, before ${nameSegments(finding.segments)}: either its end is damaged, or a crash lost what had not been synced. ${ASK_PEERS}`;
    case 'SegmentsApart':
      return `Before a gap there is still ${nameSegments(finding.segments)}, which nobody needs any more: a removal that was interrupted. The next one takes it along.`;
    case 'SegmentsOffloaded':
      return `The timeline is offloaded, but there is still ${nameSegments(finding.segments)}: an offload that was interrupted. It takes room only.`;
    case 'PartialNotLast':
      return `${finding.name} is not the last segment, but still called .partial: it is read, but uploads look for the full name. Compare with remote storage, and rename it when it is missing there.`;
    default:
      return assertNever(finding);
  }
}

type WalFinding = Extract<
  TimelineFinding,
  { kind: 'WalDamaged' | 'WalUnread' | 'WalOdd' | 'CommitInsideRecord' | 'WalBehindEnd' | 'PostgresVersionUnknown' }
>;

function explainOfWal(finding: WalFinding): string {
  switch (finding.kind) {
    case 'WalDamaged':
      return `${describeBreak(finding.at)}: WAL that was acknowledged as committed cannot be read here, and whoever reads this copy stops there. ${PULL_AGAIN}`;
    case 'WalUnread':
      return `From ${formatLsn(finding.fromLsn)} to ${formatLsn(finding.toLsn)} nothing was read, because too much before it is broken. ${PULL_AGAIN}`;
    case 'WalOdd':
      return `${describeOddity(finding.oddity)}: the disk does not hold what was written. ${PULL_AGAIN}`;
    case 'CommitInsideRecord':
      return `commit_lsn ${formatLsn(finding.commitLsn)} is inside a record that ends at ${formatLsn(finding.recordEndLsn)}: the WAL is not the one that the control file is of. ${PULL_AGAIN}`;
    case 'WalBehindEnd':
      return `The WAL ends at ${formatLsn(finding.endLsn)}, but at ${formatLsn(finding.recordLsn)} there is a whole record: either the WAL is damaged between the two, or a crash lost what had not been synced. What follows will be overwritten. ${ASK_PEERS}`;
    case 'PostgresVersionUnknown':
      return `The WAL of pg_version ${finding.pgVersion} is not known (Postgres 14 to 17 is): neither its end nor its content can be checked.`;
    default:
      return assertNever(finding);
  }
}

function describeBreak({ recordLsn, lsn, problem }: WalBreak): string {
  const record = `the record at ${formatLsn(recordLsn)}`;
  const page = `the page at ${formatLsn(lsn)}`;
  switch (problem) {
    case 'PageMagic':
      return `${capitalize(page)} has no page header of this Postgres version`;
    case 'PageAddress':
      return `${capitalize(page)} is another one, by its header`;
    case 'Continuation':
      return `${capitalize(page)} does not go on with ${record} as its header must`;
    case 'RecordLength':
      return `${capitalize(record)} has an impossible length`;
    case 'RecordChecksum':
      return `${capitalize(record)} does not have its checksum`;
    case 'FileMissing':
      return `${capitalize(record)} goes on at ${formatLsn(lsn)}, where there is no file`;
    case 'FileShort':
      return `${capitalize(record)} goes on at ${formatLsn(lsn)}, behind the end of the file`;
    default:
      return assertNever(problem);
  }
}

function describeOddity(oddity: WalOddity): string {
  const at = formatLsn(oddity.lsn);
  switch (oddity.kind) {
    case 'PreviousRecord':
      return `The record at ${at} says that the one at ${formatLsn(oddity.statedLsn)} came before it, which was ${formatLsn(oddity.expectedLsn)}`;
    case 'PageHeader':
      return `The header of the page at ${at} has ${oddity.field} ${oddity.stated}, which cannot be`;
    case 'Padding':
      return `The unused bytes behind the record that ends at ${at} are not zero`;
    default:
      return assertNever(oddity);
  }
}

function nameSegments({ firstName, lastName, count }: Segments): string {
  return count === 1n ? `segment ${firstName}` : `segments ${firstName} to ${lastName} (${count})`;
}

function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
