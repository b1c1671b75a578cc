import { once } from 'node:events';

/** A point that snapshots wait at until it is opened. */
export interface Gate {
  readonly afterSnapshotList: (context: unknown, signal: AbortSignal) => Promise<void>;
  /** Resolves when a snapshot waits, or has been, there. */
  readonly reached: () => Promise<void>;
  readonly open: () => void;
}

export function gate(): Gate {
  const reached = new AbortController();
  const opened = new AbortController();
  return {
    afterSnapshotList: async (_context, signal) => {
      reached.abort();
      await Promise.race([aborted(opened.signal), aborted(signal)]);
      signal.throwIfAborted();
    },
    reached: () => aborted(reached.signal),
    open: () => opened.abort(),
  };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort');
}
