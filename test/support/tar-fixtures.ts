import { extract } from 'tar-stream';
import { readGzipFixture } from './fixtures.ts';

/** The files of a gzipped tar fixture by name; also of archives without an end marker. */
export async function readTarFixture(...parts: readonly string[]): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const reader = extract();
  reader.end(readGzipFixture(...parts));
  for await (const entry of reader) {
    const chunks: Buffer[] = [];
    for await (const chunk of entry as AsyncIterable<Buffer>) chunks.push(chunk);
    files.set(entry.header.name, Buffer.concat(chunks));
  }
  return files;
}
