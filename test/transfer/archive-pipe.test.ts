import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { ArchivePipe } from '../../src/transfer/archive-pipe.ts';
import { systemError } from './faulty-file-system.ts';
import { never } from './harness.ts';

const HELD_BACK_BYTES = 64 * 1024;

function collector(): { readonly output: Writable; readonly bytes: () => Buffer } {
  const pieces: Buffer[] = [];
  const output = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      pieces.push(Buffer.from(chunk));
      setImmediate(done);
    },
  });
  return { output, bytes: () => Buffer.concat(pieces) };
}

/** Bytes that tell where they are. */
function numbered(count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, (_, at) => (at * 7 + (at >> 8)) % 251));
}

test.each([100, 1_000, 65_536, 65_537, 300_000])(
  'in pieces of %i bytes everything but the end comes at once',
  async (piece) => {
    for (const total of [0, 1, 2_048, 65_536, 65_537, 400_001]) {
      const { output, bytes } = collector();
      const pipe = new ArchivePipe(output, never);
      const content = numbered(total);
      const buffer = Buffer.alloc(piece);
      for (let at = 0; at < total; at += piece) {
        const part = buffer.subarray(0, Math.min(piece, total - at));
        part.set(content.subarray(at, at + part.length));
        await pipe.write(part);
        part.fill(0xff);
      }
      expect(bytes().equals(content.subarray(0, Math.max(0, total - HELD_BACK_BYTES))), `${total}`).toBe(true);
      await pipe.finish();
      expect(bytes().equals(content), `${total} in the end`).toBe(true);
    }
  },
);

test.each([
  ['EPIPE', 'OutputClosed', 'whoever reads standard output has stopped'],
  ['EIO', 'OutputFailed', 'standard output cannot be written: EIO: injected'],
])('%s is a failure', async (code, reason, message) => {
  const output = new Writable({ write: (_chunk, _encoding, done) => done(systemError(code)) });
  const pipe = new ArchivePipe(output, never);
  await expect(pipe.write(Buffer.alloc(2 * HELD_BACK_BYTES))).rejects.toMatchObject({ reason, message });
});

test('a reader that stands still is waited for until the signal', async () => {
  const output = new Writable({ write: () => undefined });
  const stop = new AbortController();
  const writing = new ArchivePipe(output, stop.signal).write(Buffer.alloc(2 * HELD_BACK_BYTES));
  stop.abort(new Error('no longer wanted'));
  await expect(writing).rejects.toThrow('no longer wanted');
});
