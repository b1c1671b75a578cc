import { assertNever } from '../base/assert.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../domain/ids.ts';
import { type Lacking, LACKING_MAX, type RestoreSummary, type TimelineOutcome } from './outcome.ts';

/** Told of what happens, as it happens. */
export interface RestoreListener {
  /** More timelines are known. */
  onFound(count: number): void;
  /** Peers or lists that have not told what there is, one line each. */
  onSilence(problems: readonly string[]): void;
  /** The restore of a timeline waits, or is going to be tried again. Not told again for the same reason. */
  onLater(id: TenantTimelineId, reason: string, message: string): void;
  onEnded(id: TenantTimelineId, outcome: TimelineOutcome): void;
}

export const NO_LISTENER: RestoreListener = {
  onFound: () => undefined,
  onSilence: () => undefined,
  onLater: () => undefined,
  onEnded: () => undefined,
};

export type Counts = Pick<RestoreSummary, 'restored' | 'kept' | 'notOurs' | 'refused' | 'failed'>;

/** How far a restore has come: for its summary, and for whoever shows it while it goes on. */
export class Tally {
  private readonly listener: RestoreListener;
  private readonly count = { restored: 0, kept: 0, notOurs: 0, refused: 0, failed: 0 };
  private readonly waiting = new Map<string, string>();
  private readonly lackingFirst: Lacking[] = [];
  private knownCount = 0;
  private silence = '';

  constructor(listener: RestoreListener = NO_LISTENER) {
    this.listener = listener;
  }

  get counts(): Counts {
    return { ...this.count };
  }

  /** Timelines that may have to be restored. */
  get known(): number {
    return this.knownCount;
  }

  /** Those of them that are done with. */
  get ended(): number {
    const { restored, kept, notOurs, refused, failed } = this.count;
    return restored + kept + notOurs + refused + failed;
  }

  get lacking(): readonly Lacking[] {
    return this.lackingFirst;
  }

  /** How many timelines wait, by reason. */
  waitingByReason(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const reason of this.waiting.values()) counts.set(reason, (counts.get(reason) ?? 0) + 1);
    return counts;
  }

  found(count: number): void {
    this.knownCount += count;
    if (count > 0) this.listener.onFound(count);
  }

  silent(problems: readonly string[]): void {
    const silence = problems.join('\n');
    if (silence !== this.silence && problems.length > 0) this.listener.onSilence(problems);
    this.silence = silence;
  }

  later(id: TenantTimelineId, reason: string, message: string): void {
    const key = formatTenantTimelineId(id);
    if (this.waiting.get(key) === reason) return;
    this.waiting.set(key, reason);
    this.listener.onLater(id, reason, message);
  }

  end(id: TenantTimelineId, outcome: TimelineOutcome): void {
    this.waiting.delete(formatTenantTimelineId(id));
    this.count[countOf(outcome)]++;
    if ((outcome.kind === 'Refused' || outcome.kind === 'Failed') && this.lackingFirst.length < LACKING_MAX) {
      this.lackingFirst.push({ tenantId: id.tenantId, timelineId: id.timelineId, outcome });
    }
    this.listener.onEnded(id, outcome);
  }
}

function countOf({ kind }: TimelineOutcome): keyof Counts {
  switch (kind) {
    case 'Restored':
      return 'restored';
    case 'Kept':
      return 'kept';
    case 'NotOurs':
      return 'notOurs';
    case 'Refused':
      return 'refused';
    case 'Failed':
      return 'failed';
    default:
      return assertNever(kind);
  }
}
