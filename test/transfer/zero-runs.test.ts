import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { encodeZeroRuns, ZeroRunDecoder } from '../../src/transfer/zero-runs.ts';

const ZEROS = Buffer.alloc(20_000);

async function* from(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

async function bytesOf(pieces: AsyncIterable<Uint8Array>, sizeMax = Number.POSITIVE_INFINITY): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    chunks.push(Buffer.from(piece));
    size += piece.length;
    if (size > sizeMax) break;
  }
  return Buffer.concat(chunks);
}

/** In pieces of these lengths, over and over. */
function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? 1;
    pieces.push(bytes.subarray(at, at + length));
    at += length;
  }
  return pieces;
}

const decode = (encoded: Uint8Array, lengths: readonly number[] = [encoded.length || 1]) =>
  new ZeroRunDecoder(from(cut(encoded, lengths)), ZEROS);

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });
const piece = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 60 }),
  fc.integer({ min: 1, max: 1_000 }).map((size): Uint8Array => ZEROS.subarray(0, size)),
);

describe('runs of zeros', () => {
  test('come back as they were, however the body is cut into pieces, and no header is longer than eight bytes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(piece, { maxLength: 20 }), lengths, async (pieces, cuts) => {
        const encoded = await bytesOf(encodeZeroRuns(from(pieces), ZEROS));
        expect(await bytesOf(decode(encoded, cuts))).toEqual(Buffer.concat(pieces));
        const literal = pieces.filter((one) => one.some((byte) => byte !== 0));
        const literalBytes = literal.reduce((sum, { length }) => sum + length, 0);
        expect(encoded.length).toBeLessThanOrEqual(literalBytes + 8 * literal.length + 4);
      }),
    );
  });

  test('are one record, of which nothing is sent', async () => {
    const run = ZEROS.subarray(0, 1_000);
    const pieces = [Buffer.from('ab'), run, run, Buffer.from('c'), run];
    const encoded = await bytesOf(encodeZeroRuns(from(pieces), ZEROS));
    expect(encoded.toString('hex')).toBe('020000006162d00700800100000063e8030080');
  });

  test('are found in what was read, too, and what is not zero stays one piece', async () => {
    const block = 16 * 1_024;
    const read = Buffer.alloc(5 * block);
    read.fill(1, block, 3 * block);
    const encoded = await bytesOf(encodeZeroRuns(from([read]), ZEROS));
    expect(encoded.length).toBe(8 + 2 * block + 4);
    expect((await bytesOf(decode(encoded))).equals(read)).toBe(true);
  });

  test('nothing is overwritten that is still on its way, though two buffers are read into in turn', async () => {
    const content = fc.array(fc.constantFrom('data', 'zero', 'hole'), { minLength: 3, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(content, async (kinds) => {
        const expected: Buffer[] = [];
        async function* donate() {
          const buffers = [Buffer.alloc(100), Buffer.alloc(100)];
          let reads = 0;
          for (const [index, kind] of kinds.entries()) {
            const buffer = kind === 'hole' ? ZEROS.subarray(0, 100) : buffers[reads++ % 2]!;
            if (kind !== 'hole') buffer.fill(kind === 'data' ? index + 1 : 0);
            expected.push(Buffer.from(buffer));
            yield buffer;
          }
          // The end-of-archive marker; then the buffers are given back, and are somebody else's.
          expected.push(Buffer.alloc(10));
          yield Buffer.alloc(10);
          for (const buffer of buffers) buffer.fill(0xee);
        }
        // As an answer is sent: one chunk is on its way while the next one is made.
        const sent: Buffer[] = [];
        let onItsWay: Uint8Array = Buffer.alloc(0);
        for await (const chunk of encodeZeroRuns(donate(), ZEROS)) {
          sent.push(Buffer.from(onItsWay));
          onItsWay = chunk;
        }
        sent.push(Buffer.from(onItsWay));
        expect((await bytesOf(decode(Buffer.concat(sent)))).equals(Buffer.concat(expected))).toBe(true);
      }),
    );
  });

  test('a body that is cut anywhere but between two records is refused', async () => {
    const encoded = Buffer.from('020000006162d00700800100000063', 'hex');
    const ends = [0, 6, 10, 15];
    for (let size = 0; size <= encoded.length; size++) {
      const decoding = bytesOf(decode(encoded.subarray(0, size)));
      if (ends.includes(size)) await decoding;
      else await expect(decoding).rejects.toMatchObject({ reason: 'InvalidSnapshot' });
    }
  });

  test.each(['00000000', '00000080'])('a record of no length (%s) is refused', async (hex) => {
    await expect(bytesOf(decode(Buffer.from(hex, 'hex')))).rejects.toMatchObject({ reason: 'InvalidSnapshot' });
  });

  test('hostile bytes give as much as they ask for, piece by piece, or are refused', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), lengths, async (bytes, cuts) => {
        await bytesOf(decode(bytes, cuts), 100_000).catch((error: unknown) => {
          expect(error).toMatchObject({ reason: 'InvalidSnapshot' });
        });
      }),
    );
  });

  test('a failure of the body is its failure, and leaving it early leaves the body', async () => {
    let left = false;
    async function* failing(): AsyncGenerator<Uint8Array> {
      try {
        yield Buffer.from('020000006162', 'hex');
        throw new Error('cut');
      } finally {
        left = true;
      }
    }
    await expect(bytesOf(new ZeroRunDecoder(failing(), ZEROS))).rejects.toThrow('cut');
    left = false;
    for await (const _piece of new ZeroRunDecoder(failing(), ZEROS)) break;
    expect(left).toBe(true);
  });
});
