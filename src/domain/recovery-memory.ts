import type { SafekeeperId } from './ids.ts';
import { compareLogPositions, type LogPosition } from './log-position.ts';
import type { Observation } from './observation.ts';

/** Two rounds of reads further apart than this show whether a witness loses ground (rule R4, by grace). */
export const ROUND_DISTANCE_MS = 5_000;
/** A compute's connection timeout is 10 s; below this a grace period would not outlast it (rule R4). */
export const GRACE_PERIOD_MIN_MS = 15_000;
const ROUND_SPACING_MS = 1_000;
const ROUNDS_MAX = 8;

/** Where every replica that answered stood in one round. */
interface Round {
  readonly atMs: number;
  readonly positions: ReadonlyMap<SafekeeperId, LogPosition>;
}

/**
 * What has been seen of one timeline without interruption. It lives in memory only, so a restarted operator waits a
 * whole grace period again (rules R19, R20).
 */
export interface RecoveryMemory {
  /** Since when (monotonic ms) each safekeeper has been giving the same kind of answer. */
  readonly since: ReadonlyMap<SafekeeperId, { readonly kind: string; readonly sinceMs: number }>;
  /** Oldest first, at most one per second, bounded. */
  readonly rounds: readonly Round[];
}

export const EMPTY_MEMORY: RecoveryMemory = { since: new Map(), rounds: [] };

/** Adds one round of reads. */
export function remember(memory: RecoveryMemory, observation: Observation, nowMs: number): RecoveryMemory {
  const since = new Map<SafekeeperId, { kind: string; sinceMs: number }>();
  const positions = new Map<SafekeeperId, LogPosition>();
  for (const { id, answer } of observation.values()) {
    const before = memory.since.get(id);
    const kind = answer.kind === 'Unknown' ? 'Unreachable' : answer.kind;
    since.set(id, before?.kind === kind ? before : { kind, sinceMs: nowMs });
    if (answer.kind === 'Status') positions.set(id, answer.status);
  }
  return { since, rounds: keepRounds([...memory.rounds, { atMs: nowMs, positions }], nowMs) };
}

/** For how long the safekeeper has answered as it did in the last round; 0 when it was never read. */
export function sameAnswerForMs(memory: RecoveryMemory, id: SafekeeperId, nowMs: number): number {
  const entry = memory.since.get(id);
  return entry === undefined ? 0 : nowMs - entry.sinceMs;
}

/** Whether an earlier round, far enough back, exists and `now` is behind it nowhere. */
export function groundHeld(
  memory: RecoveryMemory,
  now: ReadonlyMap<SafekeeperId, LogPosition>,
  nowMs: number,
): 'Held' | 'LostGround' | 'TooEarly' {
  const earlier = memory.rounds.findLast((round) => nowMs - round.atMs >= ROUND_DISTANCE_MS);
  if (earlier === undefined) return 'TooEarly';
  for (const [id, position] of now) {
    const before = earlier.positions.get(id);
    if (before === undefined) return 'TooEarly';
    if (
      position.term < before.term ||
      compareLogPositions(position, { ...before, term: position.term, commitLsn: position.commitLsn }) < 0
    ) {
      return 'LostGround';
    }
  }
  return 'Held';
}

/** Keeps the newest round that is far enough back and those after it, at most one per second. */
function keepRounds(rounds: readonly Round[], nowMs: number): Round[] {
  const baseline = rounds.findLastIndex((round) => nowMs - round.atMs >= ROUND_DISTANCE_MS);
  const kept: Round[] = [];
  for (const round of rounds.slice(Math.max(baseline, 0))) {
    const last = kept.at(-1);
    if (last === undefined || round.atMs - last.atMs >= ROUND_SPACING_MS) kept.push(round);
  }
  return kept.slice(0, ROUNDS_MAX);
}
