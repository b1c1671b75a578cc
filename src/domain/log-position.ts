import type { SafekeeperId } from './ids.ts';
import type { Lsn } from './lsn.ts';
import type { Term } from './term.ts';

/** How far one acceptor's log reaches, and how far it has voted. */
export interface LogPosition {
  readonly lastLogTerm: Term;
  readonly flushLsn: Lsn;
  readonly term: Term;
  readonly commitLsn: Lsn;
}

/** Where a log ends, without votes. */
export type LogEnd = Pick<LogPosition, 'lastLogTerm' | 'flushLsn'>;

/** Raft's order of logs: the later last term wins, then the longer log. */
export function compareLogEnds(a: LogEnd, b: LogEnd): number {
  return compare(a.lastLogTerm, b.lastLogTerm) || compare(a.flushLsn, b.flushLsn);
}

/**
 * Rule R2's order, by (last_log_term, flush_lsn, term, commit_lsn). The log comes before `term`: an acceptor with a
 * high term but a shorter log only voted late, and copying it could drop acknowledged WAL.
 */
export function compareLogPositions(a: LogPosition, b: LogPosition): number {
  return compareLogEnds(a, b) || compare(a.term, b.term) || compare(a.commitLsn, b.commitLsn);
}

/** The donor among the candidates: the greatest position; of equals the lowest safekeeper id. Undefined when there are none. */
export function mostAdvanced<Candidate extends LogPosition & { readonly id: SafekeeperId }>(
  candidates: readonly Candidate[],
): Candidate | undefined {
  return candidates.reduce<Candidate | undefined>((best, candidate) => {
    if (best === undefined) return candidate;
    const order = compareLogPositions(candidate, best) || compare(best.id, candidate.id);
    return order > 0 ? candidate : best;
  }, undefined);
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
