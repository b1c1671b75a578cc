import { describeError, Failure } from '../base/failure.ts';

const NOT_READ = 'the snapshot is not read any further';

/**
 * A snapshot body that is still arriving. Its iteration must throw when the connection breaks; a chunk of it need only be
 * good until the next one is asked for.
 */
export type SnapshotBody = AsyncIterable<Uint8Array> & { destroy(error?: Error): void };

/**
 * A body of pieces that are made here. Destroying it aborts the signal that they are made with and leaves the iteration, so
 * that whatever is open for it is closed.
 */
export function generatedBody(
  generate: (signal: AbortSignal) => AsyncGenerator<Uint8Array, void, undefined>,
): SnapshotBody {
  const stop = new AbortController();
  const pieces = generate(stop.signal);
  return {
    [Symbol.asyncIterator]: () => pieces,
    destroy: (reason = new Error(NOT_READ)) => {
      stop.abort(reason);
      // Whoever waits for a piece is told; nobody else has to be.
      pieces.return().catch(() => undefined);
    },
  };
}

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
  private isStopped = false;

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
      const step = await this.chunks.next();
      // A body that is destroyed while a piece of it is being made may end as if it were whole.
      if (step.done === true && this.isStopped) throw new Error(NOT_READ);
      return step;
    } catch (cause) {
      throw this.describe(cause);
    } finally {
      this.isWaiting = false;
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.timer);
    this.signal.removeEventListener('abort', this.stop);
    this.stop();
  }

  private readonly stop = (): void => {
    this.isStopped = true;
    this.body.destroy(new Error(NOT_READ));
  };

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
