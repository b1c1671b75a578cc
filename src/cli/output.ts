import { once } from 'node:events';

/** A stream that is written to as fast as its reader takes it. */
export interface Output {
  /** Aborted when nobody reads any more, as after `| head`. */
  readonly closed: AbortSignal;
  /** Resolves when there is room for more. Rejects with the signal's reason. */
  write(text: string, signal: AbortSignal): Promise<void>;
}

/** From then on errors of the stream end only what uses the output. */
export function openOutput(stream: NodeJS.WriteStream): Output {
  const controller = new AbortController();
  stream.on('error', (error: Error) => controller.abort(error));
  return {
    closed: controller.signal,
    write: async (text, signal) => {
      signal.throwIfAborted();
      if (!stream.write(text)) await once(stream, 'drain', { signal });
    },
  };
}
