import { describeError, Failure } from '../base/failure.ts';

/**
 * A snapshot body that is still arriving. Its iteration must throw when the connection breaks; a chunk of it need only be
 * good until the next one is asked for.
 */
export type SnapshotBody = AsyncIterable<Uint8Array> & { destroy(error?: Error): void };

/** How long a body may be silent, and how people are told of what happens to it. */
export interface BodyWatch {
  /** Longest wait for the next byte. */
  readonly stallTimeoutMs: number;
  /** Whose silence it is; "the donor" unless given. */
  readonly sender?: string;
  /** What an error of the body is, for people; an error of an HTTP body unless given. */
  readonly explain?: (cause: unknown) => unknown;
}

/**
 * The body's chunks; ends only when the body ended cleanly. Time that is spent between two chunks on our side, with a
 * slow disk for example, does not count as the sender's silence. Throws the signal's reason, a Failure `DonorStalled`, or
 * what `explain` makes of the body's own error: `SnapshotBroken` unless it was given. Disposing it destroys the body.
 */
export class WatchedBody implements AsyncIterableIterator<Uint8Array>, Disposable {
  private readonly body: SnapshotBody;
  private readonly chunks: AsyncIterator<Uint8Array>;
  private readonly watch: BodyWatch;
  private readonly signal: AbortSignal;
  // One timer and one listener for all chunks: there are tens of thousands of them.
  private readonly timer: NodeJS.Timeout;
  private isWaiting = false;
  private hasStalled = false;

  constructor(body: SnapshotBody, watch: BodyWatch, signal: AbortSignal) {
    this.body = body;
    this.chunks = body[Symbol.asyncIterator]();
    this.watch = watch;
    this.signal = signal;
    this.timer = setTimeout(this.onTimeout, watch.stallTimeoutMs);
    signal.addEventListener('abort', this.stop, { once: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, void>> {
    this.signal.throwIfAborted();
    this.timer.refresh();
    this.isWaiting = true;
    try {
      return await this.chunks.next();
    } catch (cause) {
      throw this.describe(cause);
    } finally {
      this.isWaiting = false;
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.signal.removeEventListener('abort', this.stop);
    this.body.destroy();
  }

  private readonly stop = (): void => this.body.destroy(new Error('the snapshot is not read any further'));

  private readonly onTimeout = (): void => {
    if (!this.isWaiting) return;
    this.hasStalled = true;
    this.stop();
  };

  private describe(cause: unknown): unknown {
    if (this.signal.aborted) return this.signal.reason;
    const { stallTimeoutMs, sender = 'the donor', explain = brokenResponse } = this.watch;
    if (!this.hasStalled) return explain(cause);
    return new Failure('DonorStalled', `${sender} sent nothing for ${stallTimeoutMs} ms`, { cause });
  }
}

/** With the words of real safekeepers. */
function brokenResponse(cause: unknown): Failure {
  return new Failure('SnapshotBroken', `error decoding response body: ${describeError(cause)}`, { cause });
}
