import { type Pack, pack } from 'tar-stream';
import { assert } from '../base/assert.ts';

/** A regular file that everybody may read and its owner may write. */
export interface TarEntry {
  /** Flat, at most 100 ASCII characters. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly modifiedMs: number;
}

/**
 * A tar archive that is read while it is written: whatever is written comes out before anything more is taken, so it never
 * holds more than one buffer, and it stops wherever its caller stops. Disposing it drops what has not come out.
 */
export class TarWriter implements Disposable {
  private readonly archive = pack();
  private readonly pieces = this.archive[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  private entry: ReturnType<Pack['entry']> | undefined;

  /** The header comes out with the first bytes of content. */
  beginEntry({ name, sizeBytes, modifiedMs }: TarEntry): void {
    assert(this.entry === undefined, 'one entry at a time');
    this.entry = this.archive.entry({ name, size: sizeBytes, mode: 0o644, mtime: new Date(modifiedMs) });
  }

  /** Everything up to and including `content`, which must not be empty and is handed out itself, not as a copy. */
  async *write(content: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
    assert(this.entry !== undefined && content.length > 0, 'content belongs to an entry');
    this.entry.write(content);
    for (let piece = await this.next(); ; piece = await this.next()) {
      assert(piece !== undefined, 'what is written comes out');
      yield piece;
      if (piece === content) return;
    }
  }

  /** The entry must have got all its bytes. Padding comes out with whatever is next. */
  endEntry(): void {
    this.entry?.end(null);
    this.entry = undefined;
  }

  /** The rest, with the end-of-archive marker. */
  async *finish(): AsyncGenerator<Uint8Array, void, undefined> {
    this.archive.finalize();
    for (let piece = await this.next(); piece !== undefined; piece = await this.next()) yield piece;
  }

  [Symbol.dispose](): void {
    this.archive.destroy();
  }

  private async next(): Promise<Uint8Array | undefined> {
    const step = await this.pieces.next();
    return step.done === true ? undefined : step.value;
  }
}
