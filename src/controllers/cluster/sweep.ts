import type { Clock } from '../../base/clock.ts';
import { mapBounded } from '../../base/concurrency.ts';
import type { TenantTimelineId } from '../../domain/ids.ts';
import type { KnownTimeline } from './inventory.ts';

export interface SweepOptions {
  readonly clock: Clock;
  /** Uniform in [0, 1): where the first round begins. */
  readonly random: () => number;
}

/** What one turn of the sweep is about. */
export interface SweepTurn {
  /** By `tenant/timeline`. */
  readonly known: ReadonlyMap<string, KnownTimeline>;
  /** Those that have an object are probed by its own visits. */
  readonly hasObject: (timeline: TenantTimelineId) => boolean;
  readonly verifyIntervalMs: number;
  /** No timeline is begun later than this (monotonic ms). */
  readonly untilMs: number;
  readonly isTroubled: (timeline: TenantTimelineId) => Promise<boolean>;
}

/** Each of them is a read of some three replicas. */
const TURN_COUNT_MAX = 2_000;
const CONCURRENCY = 16;

/**
 * The rolling sweep over timelines that have no object of their own: each is probed once in every `verifyInterval`, at
 * a place in it that its id gives, so the load is even and nothing has to be remembered of any of them. What a loss nearby
 * makes suspicious goes first, a bounded number at a time.
 */
export class Sweep {
  private readonly options: SweepOptions;
  /** In rounds: the fraction is how far the present one has come. */
  private reached: number;
  private target: number;
  private lastTurnMs: number;
  private readonly suspects = new Set<string>();

  constructor(options: SweepOptions) {
    this.options = options;
    this.reached = options.random();
    this.target = this.reached;
    this.lastTurnMs = options.clock.monotonicMs();
  }

  /** Has these probed before all others, wherever they are in the round. By `tenant/timeline`. */
  hurry(keys: Iterable<string>): void {
    for (const key of keys) this.suspects.add(key);
  }

  /** Probes whatever is due; gives those that are in trouble. */
  async turn(turn: SweepTurn): Promise<TenantTimelineId[]> {
    const { clock } = this.options;
    const due = [...this.takeSuspects(turn), ...this.takeRound(turn)];
    const troubled = await mapBounded(due, CONCURRENCY, async (timeline) => {
      if (clock.monotonicMs() < turn.untilMs) return (await turn.isTroubled(timeline.id)) ? [timeline.id] : [];
      this.suspects.add(timeline.key);
      return [];
    });
    return troubled.flat();
  }

  private takeSuspects({ known, hasObject }: SweepTurn): Due[] {
    const due: Due[] = [];
    for (const key of this.suspects) {
      if (due.length === TURN_COUNT_MAX) break;
      this.suspects.delete(key);
      const timeline = known.get(key);
      if (timeline !== undefined && !hasObject(timeline.id)) due.push({ key, id: timeline.id });
    }
    return due;
  }

  /** Those whose place the round has passed since the last turn. Who finds no room is taken by the next. */
  private takeRound({ known, hasObject, verifyIntervalMs }: SweepTurn): Due[] {
    const nowMs = this.options.clock.monotonicMs();
    this.target += (nowMs - this.lastTurnMs) / verifyIntervalMs;
    this.lastTurnMs = nowMs;
    // A whole round behind is enough.
    this.reached = Math.max(this.reached, this.target - 1);
    const width = this.target - this.reached;
    const due: Array<Due & { readonly distance: number }> = [];
    for (const [key, { id }] of known) {
      const distance = fraction(placeOf(id) - this.reached);
      if (distance < width && !hasObject(id)) due.push({ key, id, distance });
    }
    due.sort((a, b) => a.distance - b.distance);
    const firstLeft = due[TURN_COUNT_MAX];
    this.reached = firstLeft === undefined ? this.target : this.reached + firstLeft.distance;
    return due.slice(0, TURN_COUNT_MAX);
  }
}

interface Due {
  readonly key: string;
  readonly id: TenantTimelineId;
}

/** Timeline ids are random, so their first digits are as good as a hash. From 0 (included) to 1. */
function placeOf({ timelineId }: TenantTimelineId): number {
  return Number.parseInt(timelineId.slice(0, 8), 16) / 2 ** 32;
}

function fraction(value: number): number {
  return value - Math.floor(value);
}
