import { assert } from '../base/assert.ts';
import type { Brand } from '../base/brand.ts';
import type { Lsn } from './lsn.ts';

/** Consensus term: unsigned 64 bit, only ever goes up on one acceptor. */
export type Term = Brand<bigint, 'Term'>;

const U64_MAX = 2n ** 64n - 1n;

export const INITIAL_TERM = 0n as Term;

/** The number must already be known to be an unsigned 64-bit integer. */
export function term(value: bigint): Term {
  assert(value >= 0n && value <= U64_MAX, 'a term is an unsigned 64-bit integer');
  return value as Term;
}

/** Takes decimal digits; undefined for anything else than an unsigned 64-bit number. */
export function parseTerm(text: string): Term | undefined {
  const value = /^[0-9]{1,20}$/.test(text) ? BigInt(text) : -1n;
  return value >= 0n && value <= U64_MAX ? (value as Term) : undefined;
}

/** The WAL from `lsn` on (to the next entry's LSN) was written in `term`. */
export interface TermLsn {
  readonly term: Term;
  readonly lsn: Lsn;
}

export type TermHistory = readonly TermLsn[];

/** Term of the last WAL record held: the last entry that starts at or before `flushLsn`; 0 when there is none. */
export function lastLogTerm(history: TermHistory, flushLsn: Lsn): Term {
  let last = INITIAL_TERM;
  for (const entry of history) {
    if (entry.lsn > flushLsn) break;
    last = entry.term;
  }
  return last;
}

/** The term `distance` above, or the highest there is: a remote safekeeper may report any term. */
export function termAbove(value: Term, distance: bigint): Term {
  return value > U64_MAX - distance ? term(U64_MAX) : term(value + distance);
}

export function maxTerm(a: Term, b: Term): Term {
  return a >= b ? a : b;
}
