import type { Writable } from 'node:stream';
import { describeError, errorCode, Failure } from '../base/failure.ts';
import { untilAborted } from '../base/deadline.ts';
import type { ArchiveSink } from './pass-archive.ts';

/** Less than the smallest segment, more than any end-of-archive marker with the padding before it. */
const HELD_BACK_BYTES = 64 * 1024;

/**
 * Writes an archive to a pipe. The other end cannot tell a program that failed from one that is done, and an archive that is
 * cut between two entries looks whole, so the last bytes are held back until everything has been checked: without them the
 * last segment is cut, and of a control file alone there is nothing at all. Throws a Failure `OutputClosed` or `OutputFailed`, or the signal's reason.
 */
export class ArchivePipe implements ArchiveSink {
  private readonly output: Writable;
  private readonly signal: AbortSignal;
  private held: Uint8Array = new Uint8Array(0);

  /** Whoever reads may stand still for as long as it likes, but the signal ends every wait for it. */
  constructor(output: Writable, signal: AbortSignal) {
    this.output = output;
    this.signal = signal;
    // Writes get the error, too.
    output.on('error', () => undefined);
  }

  async write(bytes: Uint8Array): Promise<void> {
    const surplus = this.held.length + bytes.length - HELD_BACK_BYTES;
    const fromHeld = Math.min(Math.max(surplus, 0), this.held.length);
    const fromBytes = Math.max(surplus - fromHeld, 0);
    if (fromHeld > 0) await this.send(this.held.subarray(0, fromHeld));
    if (fromBytes > 0) await this.send(bytes.subarray(0, fromBytes));
    this.held = Buffer.concat([this.held.subarray(fromHeld), bytes.subarray(fromBytes)]);
  }

  /** Writes what was held back: everything has been checked. */
  async finish(): Promise<void> {
    if (this.held.length > 0) await this.send(this.held);
    this.held = new Uint8Array(0);
  }

  /** Resolves when the bytes may be overwritten. */
  private async send(bytes: Uint8Array): Promise<void> {
    const sent = new Promise<void>((resolve, reject) => {
      this.output.write(bytes, (error) => (error ? reject(explain(error)) : resolve()));
    });
    await untilAborted(sent, this.signal);
  }
}

function explain(cause: unknown): Failure {
  return errorCode(cause) === 'EPIPE'
    ? new Failure('OutputClosed', 'whoever reads standard output has stopped', { cause })
    : new Failure('OutputFailed', `standard output cannot be written: ${describeError(cause)}`, { cause });
}
