/**
 * A buffer on loan: whoever disposes it must not touch it any more; one that is never disposed is not used again. What is
 * in it at first is left over from others.
 */
export interface LentBuffer extends Disposable {
  readonly bytes: Buffer;
}

/**
 * Lends buffers of one size, and lends them again: fresh ones for every transfer cost page faults and full garbage
 * collections, and until those the memory of the process. It never waits; at most `keptMax` unused buffers are kept.
 */
export class BufferPool {
  readonly sizeBytes: number;
  private readonly keptMax: number;
  private readonly allocate: (sizeBytes: number) => Buffer;
  private readonly kept: Buffer[] = [];

  constructor(sizeBytes: number, keptMax: number, allocate = (size: number): Buffer => Buffer.allocUnsafeSlow(size)) {
    this.sizeBytes = sizeBytes;
    this.keptMax = keptMax;
    this.allocate = allocate;
  }

  take(): LentBuffer {
    const bytes = this.kept.pop() ?? this.allocate(this.sizeBytes);
    let isLent = true;
    return {
      bytes,
      [Symbol.dispose]: () => {
        if (isLent && this.kept.length < this.keptMax) this.kept.push(bytes);
        isLent = false;
      },
    };
  }
}
