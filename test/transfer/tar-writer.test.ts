import { extract, type Header } from 'tar-stream';
import { describe, expect, test } from 'vitest';
import { TarWriter } from '../../src/transfer/tar-writer.ts';

const CONTROL = { name: 'safekeeper.control', sizeBytes: 10, modifiedMs: 0 };

async function sizes(pieces: AsyncIterable<Uint8Array>): Promise<number[]> {
  const found: number[] = [];
  for await (const piece of pieces) found.push(piece.length);
  return found;
}

describe('TarWriter', () => {
  test('gives out what is written at once, padding with whatever is next', async () => {
    using writer = new TarWriter();
    writer.beginEntry(CONTROL);
    expect(await sizes(writer.write(Buffer.from('hello')))).toEqual([512, 5]);
    expect(await sizes(writer.write(Buffer.from('world')))).toEqual([5]);
    writer.endEntry();
    writer.beginEntry({ ...CONTROL, sizeBytes: 512 });
    expect(await sizes(writer.write(Buffer.alloc(512)))).toEqual([502, 512, 512]);
    writer.endEntry();
    expect(await sizes(writer.finish())).toEqual([1024]);
  });

  test('gives out the very buffer that it was given', async () => {
    using writer = new TarWriter();
    writer.beginEntry(CONTROL);
    const content = Buffer.from('0123456789');
    const pieces: Uint8Array[] = [];
    for await (const piece of writer.write(content)) pieces.push(piece);
    expect(pieces[1]).toBe(content);
  });

  test('writes regular files with mode 0644 and their time', async () => {
    using writer = new TarWriter();
    const reader = extract();
    const headers: Header[] = [];
    reader.on('entry', (header, stream, next) => {
      headers.push(header);
      stream.on('end', () => next());
      stream.resume();
    });
    writer.beginEntry({ ...CONTROL, modifiedMs: 1_795_389_075_400 });
    for await (const piece of writer.write(Buffer.alloc(10))) reader.write(piece);
    writer.endEntry();
    for await (const piece of writer.finish()) reader.write(piece);
    const mtime = new Date(1_795_389_075_000);
    expect(headers).toMatchObject([{ name: 'safekeeper.control', type: 'file', mode: 0o644, size: 10, mtime }]);
  });

  test.each(['at once', 'inside an entry', 'between entries'])('can be dropped %s', async (when) => {
    const writer = new TarWriter();
    if (when !== 'at once') {
      writer.beginEntry(CONTROL);
      await sizes(writer.write(Buffer.alloc(when === 'inside an entry' ? 5 : 10)));
    }
    if (when === 'between entries') writer.endEntry();
    writer[Symbol.dispose]();
    await expect(sizes(writer.finish())).rejects.toBeInstanceOf(Error);
  });
});
