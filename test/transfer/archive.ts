import { pack } from 'tar-stream';

export type Entry = readonly [name: string, content: Uint8Array];

/** Two zero blocks: real donors leave them out, every reader accepts them. */
export const END_OF_ARCHIVE = Buffer.alloc(1024);

const HEADER_BYTES = 512;

/** An archive without the end-of-archive marker, as real donors send it; headers can be changed on the way. */
export async function archive(
  entries: Iterable<Entry>,
  alter: (header: Buffer, name: string) => void = () => undefined,
): Promise<Buffer> {
  const packed: Buffer[] = [];
  for (const [name, content] of entries) {
    const bytes = await packOne(name, content);
    alter(bytes.subarray(0, HEADER_BYTES), name);
    packed.push(bytes);
  }
  return Buffer.concat(packed);
}

async function packOne(name: string, content: Uint8Array): Promise<Buffer> {
  const packer = pack();
  packer.entry({ name, size: content.length }).end(content);
  packer.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of packer as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces).subarray(0, -END_OF_ARCHIVE.length);
}
