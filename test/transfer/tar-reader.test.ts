import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { TarReader } from '../../src/transfer/tar-reader.ts';
import { archive, END_OF_ARCHIVE } from './archive.ts';

type File = readonly [name: string, content: string];

async function* pieces(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let index = 0; at < bytes.length; index++) {
    const size = sizes.length === 0 ? bytes.length : (sizes[index % sizes.length] ?? 1);
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function read(bytes: Uint8Array, sizes: readonly number[] = []): Promise<File[]> {
  const reader = new TarReader(pieces(bytes, sizes));
  const files: File[] = [];
  for (let member = await reader.next(); member !== undefined; member = await reader.next()) {
    const content: Uint8Array[] = [];
    for (let piece = await reader.readContent(); piece !== undefined; piece = await reader.readContent()) {
      content.push(piece);
    }
    files.push([member.name, Buffer.concat(content).toString('latin1')]);
  }
  return files;
}

async function write(files: readonly File[]): Promise<Buffer> {
  const entries = files.map(([name, text]) => [name, Buffer.from(text, 'latin1')] as const);
  return Buffer.concat([await archive(entries), END_OF_ARCHIVE]);
}

const names = fc.stringMatching(/^[0-9A-Za-z._-]{1,100}$/);
const archives = fc.array(fc.tuple(names, fc.string({ maxLength: 1500, unit: 'grapheme-ascii' })), { maxLength: 4 });
const sizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 5 });

describe('TarReader', () => {
  test('reads what tar-stream writes, however it is cut into pieces', async () => {
    await fc.assert(
      fc.asyncProperty(archives, sizes, async (files, cuts) => {
        expect(await read(await write(files), cuts)).toEqual(files);
      }),
    );
  });

  test('gives a prefix of the files or a Failure for an archive that is cut anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(archives, fc.nat(), async (files, position) => {
        const whole = await write(files);
        const cut = whole.subarray(0, position % (whole.length + 1));
        try {
          const found = await read(cut);
          expect(found).toEqual(files.slice(0, found.length));
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
    );
  });

  test('gives files or a Failure for any bytes', async () => {
    await fc.assert(
      fc.asyncProperty(
        archives,
        fc.nat(),
        fc.uint8Array({ minLength: 1, maxLength: 600 }),
        async (files, at, noise) => {
          const bytes = await write(files);
          bytes.set(
            noise.subarray(0, bytes.length),
            Math.min(at % bytes.length, Math.max(bytes.length - noise.length, 0)),
          );
          await read(bytes).catch((error: unknown) => expect(error).toBeInstanceOf(Failure));
        },
      ),
    );
  });

  test('refuses an unbounded trailer', async () => {
    const bytes = Buffer.concat([END_OF_ARCHIVE, Buffer.alloc(1024 * 1024)]);
    await expect(read(bytes, [64 * 1024])).rejects.toMatchObject({ reason: 'InvalidSnapshot' });
    expect(await read(bytes.subarray(0, 10 * 1024))).toEqual([]);
  });
});
