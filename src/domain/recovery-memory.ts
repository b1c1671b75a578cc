import type { SafekeeperId } from './ids.ts';
import { compareLogEnds, type LogPosition } from './log-position.ts';
import type { Answer, Observation } from './observation.ts';

/** Two rounds of reads further apart than this show whether a witness loses ground (rule R4, by grace). */
export const ROUND_DISTANCE_MS = 5_000;
/** A compute's connection timeout is 10 s; below this a grace period would not outlast it (rule R4). */
export const GRACE_PERIOD_MIN_MS = 15_000;
const ROUND_SPACING_MS = 1_000;

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
  /** Since when (monotonic ms) each safekeeper has been giving the same answer, as `answerKey` sees it. */
  readonly since: ReadonlyMap<SafekeeperId, { readonly key: string; readonly sinceMs: number }>;
  /** Oldest first, at least a second apart, only one of them further back than `ROUND_DISTANCE_MS`: never more than 7. */
  readonly rounds: readonly Round[];
}

export const EMPTY_MEMORY: RecoveryMemory = { since: new Map(), rounds: [] };

/** Adds one round of reads. */
export function remember(memory: RecoveryMemory, observation: Observation, nowMs: number): RecoveryMemory {
  const since = new Map<SafekeeperId, { key: string; sinceMs: number }>();
  const positions = new Map<SafekeeperId, LogPosition>();
  for (const { id, answer } of observation.values()) {
    const before = memory.since.get(id);
    const key = answerKey(answer);
    since.set(id, before?.key === key ? before : { key, sinceMs: nowMs });
    if (answer.kind === 'Status') positions.set(id, positionOf(answer.status));
  }
  return { since, rounds: keepRounds([...memory.rounds, { atMs: nowMs, positions }], nowMs) };
}

/** No more of the status than is needed: every timeline keeps it. */
function positionOf({ term, lastLogTerm, flushLsn, commitLsn }: LogPosition): LogPosition {
  return { term, lastLogTerm, flushLsn, commitLsn };
}

/** For how long the safekeeper has answered without interruption as it does in `observation`; 0 when that is not remembered. */
export function sameAnswerForMs(
  memory: RecoveryMemory,
  observation: Observation,
  id: SafekeeperId,
  nowMs: number,
): number {
  const entry = memory.since.get(id);
  const answer = observation.get(id)?.answer;
  return entry === undefined || answer === undefined || entry.key !== answerKey(answer) ? 0 : nowMs - entry.sinceMs;
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
    if (position.term < before.term || compareLogEnds(position, before) < 0) return 'LostGround';
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
  return kept;
}

/** A safekeeper that cannot be understood is as silent as one that does not answer; a new generation is a new answer. */
function answerKey(answer: Answer): string {
  if (answer.kind === 'Status') return `Status of generation ${answer.status.membership.generation}`;
  return answer.kind === 'Unknown' ? 'Unreachable' : answer.kind;
}
