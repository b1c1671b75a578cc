import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { TenantTimelineId } from '../domain/ids.ts';

/** Where a running transfer reports what it moved; file contents only, without tar headers and padding. */
export interface TransferMeter {
  /** How many bytes there will be in all, as soon as that is known. */
  expect(totalBytes: number): void;
  addBytes(count: number): void;
  addSegment(): void;
}

/** A transfer as an observer sees it. */
export interface TransferProgress {
  readonly kind: TransferKind;
  readonly id: TenantTimelineId;
  /** Url of the donor, or id of the recipient. */
  readonly peer: string;
  readonly startedAtMs: number;
  readonly elapsedMs: number;
  readonly bytes: number;
  readonly segments: number;
  /** Undefined until known. */
  readonly totalBytes: number | undefined;
}

export type TransferKind = 'Pull' | 'Snapshot';

/** A transfer in the registry until it is disposed. */
export interface RunningTransfer extends Disposable {
  readonly meter: TransferMeter;
}

/** Totals since the start of the program. */
export interface TransferTotals {
  readonly bytes: number;
  readonly segments: number;
  readonly started: number;
}

interface Entry {
  readonly kind: TransferKind;
  readonly id: TenantTimelineId;
  readonly peer: string;
  readonly startedAtMs: number;
  readonly startedMonotonicMs: number;
  bytes: number;
  segments: number;
  totalBytes: number | undefined;
}

/** All running transfers and what they have moved; at most `limits.transfersMax` at once. */
export class TransferRegistry {
  private readonly clock: Clock;
  private readonly running = new Set<Entry>();
  private readonly sums = {
    Pull: { bytes: 0, segments: 0, started: 0 },
    Snapshot: { bytes: 0, segments: 0, started: 0 },
  };

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Throws a Failure `TooManyTransfers` when the registry is full. */
  begin(kind: TransferKind, id: TenantTimelineId, peer: string): RunningTransfer {
    if (this.running.size >= limits.transfersMax) {
      throw new Failure('TooManyTransfers', `${limits.transfersMax} transfers are running already`);
    }
    const entry: Entry = {
      kind,
      id,
      peer,
      startedAtMs: this.clock.wallTimeMs(),
      startedMonotonicMs: this.clock.monotonicMs(),
      bytes: 0,
      segments: 0,
      totalBytes: undefined,
    };
    const sum = this.sums[kind];
    sum.started++;
    this.running.add(entry);
    const meter: TransferMeter = {
      expect: (totalBytes) => {
        entry.totalBytes = totalBytes;
      },
      addBytes: (count) => {
        entry.bytes += count;
        sum.bytes += count;
      },
      addSegment: () => {
        entry.segments++;
        sum.segments++;
      },
    };
    return { meter, [Symbol.dispose]: () => void this.running.delete(entry) };
  }

  list(): TransferProgress[] {
    const now = this.clock.monotonicMs();
    return [...this.running].map(({ startedMonotonicMs, ...entry }) => ({
      ...entry,
      elapsedMs: now - startedMonotonicMs,
    }));
  }

  totals(kind: TransferKind): TransferTotals {
    return { ...this.sums[kind] };
  }
}
