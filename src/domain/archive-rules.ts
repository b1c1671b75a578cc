import type { SafekeeperId } from './ids.ts';
import type { LogEnd } from './log-position.ts';
import { formatLsn, INVALID_LSN } from './lsn.ts';
import type { Generation } from './membership.ts';
import type { TermHistory } from './term.ts';

// Whether an archive of any age and of any member may become the lost replica, in place of a copy of the confirmed donor:
// docs/decisions/0009-an-archive-in-place-of-a-copy.md. Each rule says what stands in the way, or nothing.

/** What an archive's own content proves. */
export interface ArchivedReplica extends LogEnd {
  readonly termHistory: TermHistory;
  readonly generation: Generation;
}

/** The most advanced witness as it was read last. */
export interface ComparedDonor extends LogEnd {
  readonly id: SafekeeperId;
  readonly termHistory: TermHistory;
  /** The highest that any member has. */
  readonly generation: Generation;
}

/** Rule R2: the archive may not lack anything that the most advanced witness, whose log ends at `witness`, has. */
export function archiveBehind(archive: LogEnd, witness: LogEnd, donor: SafekeeperId): string | undefined {
  if (archive.lastLogTerm >= witness.lastLogTerm && archive.flushLsn >= witness.flushLsn) return undefined;
  return (
    `The archive is too old: its log ends at ${describe(archive)}, that of safekeeper ${donor} at ${describe(witness)}, ` +
    'so it may lack acknowledged commits; make a new one, with no compute writing until it is installed, or use restore.'
  );
}

/** All that the last look has to show before the archive may be installed. */
export function refuseArchive(archive: ArchivedReplica, donor: ComparedDonor): string | undefined {
  return archiveBehind(archive, donor, donor.id) ?? otherHistory(archive, donor);
}

/** What shows that the archive and the peers are not of one history. */
function otherHistory(archive: ArchivedReplica, donor: ComparedDonor): string | undefined {
  if (archive.generation > donor.generation) {
    return `The archive has membership generation ${archive.generation}, but the peers only know of ${donor.generation}: a change has not reached them yet, or they were put back.`;
  }
  // All of them may have lost it, and nothing would tell how much is missing from the archive.
  if (archive.flushLsn !== INVALID_LSN && donor.flushLsn === INVALID_LSN) {
    return 'No peer has any WAL of this timeline, so nothing shows that the archive is not too old.';
  }
  // Whoever has WAL of a term has the history of the one proposer that was elected in it.
  const upTo = (history: TermHistory) =>
    history.filter(({ term }) => term <= archive.lastLogTerm).map(({ term, lsn }) => `${term} from ${formatLsn(lsn)}`);
  const [ours, theirs] = [upTo(archive.termHistory), upTo(donor.termHistory)];
  if (archive.lastLogTerm !== donor.lastLogTerm || ours.join() === theirs.join()) return undefined;
  return `The archive and safekeeper ${donor.id} do not tell the same history of terms (${ours.at(-1)}; ${theirs.at(-1)}): they are not of one timeline's life.`;
}

function describe({ flushLsn, lastLogTerm }: LogEnd): string {
  return `${formatLsn(flushLsn)} in term ${lastLogTerm}`;
}
