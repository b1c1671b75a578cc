import { term, type Term } from '../../src/domain/term.ts';

/** Which entry of `Logs` an acceptor holds: one byte of a state. */
export type LogId = number;

/** The acceptor's disk was lost, and with it its log: it answers "not found". */
export const NO_LOG: LogId = 0;
/** A compute re-created the timeline here without the WAL it had (rule R8). */
export const HOLLOW_LOG: LogId = 1;
/** Every acceptor's log before the first campaign: no records, in term 0. */
export const EMPTY_LOG: LogId = 2;
/** In place of a log that was read: the member did not answer. */
export const NO_ANSWER: LogId = 255;

/**
 * A term of the model, one byte: 16 times the 1,024s plus the rest. It keeps order, successors and the distance of a
 * fence by terms, as long as no sixteen campaigns follow one fence.
 */
export type ModelTerm = number;

const FENCE_BLOCK = 1024n;
const TERMS_PER_BLOCK = 16n;

/** How many fences lead there. */
export function fencesBelow(value: ModelTerm): number {
  return Math.floor(value / Number(TERMS_PER_BLOCK));
}

export function toTerm(value: ModelTerm): Term {
  const per = Number(TERMS_PER_BLOCK);
  return term(BigInt(Math.floor(value / per)) * FENCE_BLOCK + BigInt(value % per));
}

export function toModelTerm(value: bigint): ModelTerm {
  const rest = value % FENCE_BLOCK;
  const model = (value / FENCE_BLOCK) * TERMS_PER_BLOCK + rest;
  if (rest >= TERMS_PER_BLOCK || model > 255n) throw new Error(`term ${value} does not fit into the model`);
  return Number(model);
}

/**
 * All logs that occur, each once. A log of n records is the sequence of n + 1 terms in force where a record begins and
 * at the end: entry i is the last term of the term history that starts at or before record i, so record i was written
 * in term `log[i]`, and the last entry is last_log_term. Two logs hold the same record i exactly if they are equal up
 * to entry i. Operations on ids are remembered.
 */
export class Logs {
  private readonly logs: (readonly ModelTerm[])[] = [[], [0], [0]];
  private readonly ids = new Map<string, LogId>([['0', EMPTY_LOG]]);
  private readonly synced = new Int16Array(1 << 16).fill(-1);
  private readonly grown = new Int16Array(1 << 16).fill(-1);

  get(id: LogId): readonly ModelTerm[] {
    return this.logs[id] ?? [];
  }

  intern(log: readonly ModelTerm[]): LogId {
    const key = log.join();
    const known = this.ids.get(key);
    if (known !== undefined) return known;
    const id = this.logs.push(log) - 1;
    if (id >= NO_ANSWER) throw new Error(`more than ${NO_ANSWER} different logs: smaller bounds are needed`);
    this.ids.set(key, id);
    return id;
  }

  /** How many records it holds. */
  length(id: LogId): number {
    return this.get(id).length - 1;
  }

  lastTerm(id: LogId): ModelTerm {
    return this.get(id).at(-1) ?? 0;
  }

  /** A proposer that won `term` goes on where its best voter's log ends. */
  elected(best: LogId, term: ModelTerm): LogId {
    return this.intern([...this.get(best).slice(0, -1), term]);
  }

  /** One record more, in the log's last term. */
  appended(id: LogId): LogId {
    const known = this.grown[id] ?? -1;
    if (known >= 0) return known;
    const grown = this.intern([...this.get(id), this.lastTerm(id)]);
    this.grown[id] = grown;
    return grown;
  }

  /** The first `length` records. */
  prefix(id: LogId, length: number): LogId {
    return this.intern(this.get(id).slice(0, length + 1));
  }

  /** What is left of an acceptor's log once a leader has truncated the tail that differs from its own. */
  truncated(acceptor: LogId, leader: LogId): LogId {
    const known = this.synced[acceptor * 256 + leader] ?? -1;
    if (known >= 0) return known;
    const [own, theirs] = [this.get(acceptor), this.get(leader)];
    let records = 0;
    while (records < own.length - 1 && records < theirs.length - 1 && own[records] === theirs[records]) records++;
    const left = this.prefix(leader, records);
    this.synced[acceptor * 256 + leader] = left;
    return left;
  }

  /** Raft's order of logs, for voting proposers: the later last term, then the longer log. */
  isBetter(a: LogId, b: LogId): boolean {
    return (
      this.lastTerm(a) > this.lastTerm(b) || (this.lastTerm(a) === this.lastTerm(b) && this.length(a) > this.length(b))
    );
  }
}
