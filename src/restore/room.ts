import type { DiskUsage, DiskUsageProbe } from '../disk/disk-usage.ts';
import type { MeasuredRoom } from '../domain/observation.ts';
import { roomFor } from '../domain/recovery-rules.ts';

/** Less what restores that run will have taken when they end, or given back. */
export interface UnreservedRoom extends MeasuredRoom {
  readonly reservedBytes: number;
}

/** The room on our own disk (rule R16), less what restores that run will still need of it. */
export class Room {
  private readonly probe: DiskUsageProbe;
  private readonly dataDirectory: string;
  private reservedBytes = 0;

  constructor(probe: DiskUsageProbe, dataDirectory: string) {
    this.probe = probe;
    this.dataDirectory = dataDirectory;
  }

  async measure(): Promise<UnreservedRoom> {
    return this.unreserved(await this.probe(this.dataDirectory));
  }

  /** Undefined when there is not that much, as when others have reserved it since it was measured. */
  async reserve(sizeBytes: number): Promise<Disposable | undefined> {
    const usage = await this.probe(this.dataDirectory);
    // From here on nobody else may get in between.
    const { free, needed } = roomFor(this.unreserved(usage), sizeBytes);
    if (free < needed) return undefined;
    this.reservedBytes += sizeBytes;
    return { [Symbol.dispose]: () => void (this.reservedBytes -= sizeBytes) };
  }

  private unreserved({ capacityBytes, usedBytes }: DiskUsage): UnreservedRoom {
    // What has been written already counts twice: rather too little room than too much.
    return {
      kind: 'Measured',
      capacityBytes: Number(capacityBytes),
      usedBytes: Number(usedBytes) + this.reservedBytes,
      reservedBytes: this.reservedBytes,
    };
  }
}
