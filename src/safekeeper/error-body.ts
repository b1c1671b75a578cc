import { startDeadline } from '../base/deadline.ts';
import { limits } from '../base/limits.ts';

/** As much of it as is worth showing. */
export async function readErrorBody(
  stream: { readonly body: AsyncIterable<Uint8Array> & { destroy(error?: Error): void } },
  signal: AbortSignal,
): Promise<string> {
  using deadline = startDeadline(limits.probeTimeoutMs, 'the body of an error', signal);
  const onTimeout = () => stream.body.destroy();
  deadline.signal.addEventListener('abort', onTimeout, { once: true });
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of stream.body) {
      sizeBytes += chunk.length;
      if (sizeBytes > limits.errorBodyBytesMax) break;
      chunks.push(Buffer.from(chunk));
    }
  } catch {
    // The status says enough without its body.
  }
  signal.throwIfAborted();
  return Buffer.concat(chunks).toString('utf8');
}
