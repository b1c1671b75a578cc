import type { DiskUsageProbe } from '../disk/disk-usage.ts';
import type { RoomEvidence } from '../domain/observation.ts';

/** The room on our own disk (rule R16), less what restores that run will still need of it. */
export class Room {
  private readonly probe: DiskUsageProbe;
  private readonly dataDirectory: string;
  private reservedBytes = 0;

  constructor(probe: DiskUsageProbe, dataDirectory: string) {
    this.probe = probe;
    this.dataDirectory = dataDirectory;
  }

  /** Whether restores run that will have taken their room when they end. */
  get isReserved(): boolean {
    return this.reservedBytes > 0;
  }

  async measure(): Promise<RoomEvidence> {
    const { capacityBytes, usedBytes } = await this.probe(this.dataDirectory);
    // What has been written already counts twice: rather too little room than too much.
    return {
      kind: 'Measured',
      capacityBytes: Number(capacityBytes),
      usedBytes: Number(usedBytes) + this.reservedBytes,
    };
  }

  reserve(sizeBytes: number): Disposable {
    this.reservedBytes += sizeBytes;
    return { [Symbol.dispose]: () => void (this.reservedBytes -= sizeBytes) };
  }
}
