import { connect, type Socket } from 'node:net';
import { BufferPool, type LentBuffer } from '../base/buffer-pool.ts';
import { Failure } from '../base/failure.ts';

/** About as much as a busy connection has for one read, and small enough to stay in the processor's cache. */
const READ_BYTES = 256 * 1024;
const BUFFERS_KEPT_MAX = 16;

/** Where to connect to. */
export interface SocketTarget {
  readonly host: string;
  readonly port: number;
}

/** Connections that use the same buffers one after another. Disposing it closes those that are open. */
export class SocketReaders implements Disposable {
  private readonly buffers = new BufferPool(READ_BYTES, BUFFERS_KEPT_MAX);
  private readonly open = new Set<SocketReader>();
  private isDisposed = false;

  /** Connects at once; a connection that fails is an error of the first read. */
  connect(target: SocketTarget): SocketReader {
    if (this.isDisposed) throw new Failure('Unreachable', 'the client is closed');
    const reader = new SocketReader(target, this.buffers);
    this.open.add(reader);
    reader.whenClosed(() => this.open.delete(reader));
    return reader;
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
    for (const reader of this.open) reader.destroy(new Failure('Unreachable', 'the client was closed'));
  }
}

/**
 * A TCP connection that is read into one buffer, over and over: nothing is allocated for what arrives, and nothing is
 * read from the connection while nobody asks. One reader at a time.
 */
export class SocketReader implements Disposable {
  private readonly socket: Socket;
  private readonly buffer: LentBuffer;
  /** Came before anybody asked. */
  private arrived: Uint8Array | undefined;
  private waiting: { resolve(bytes: Uint8Array | undefined): void; reject(error: Error): void } | undefined;
  private end: { readonly error: Error | undefined } | undefined;

  /** See {@link SocketReaders.connect}. The buffer is given back when the connection is closed. */
  constructor(target: SocketTarget, buffers: BufferPool) {
    this.buffer = buffers.take();
    const onread = {
      buffer: this.buffer.bytes,
      callback: (count: number, buffer: Uint8Array) => {
        this.deliver(buffer.subarray(0, count));
        // Paused until somebody asks.
        return false;
      },
    };
    this.socket = connect({ ...target, onread, noDelay: true });
    this.socket.on('end', () => this.finish(undefined));
    this.socket.on('error', (error) => this.finish(error));
    this.socket.on('close', () => {
      this.finish(new Failure('Unreachable', 'the connection was closed'));
      this.buffer[Symbol.dispose]();
    });
  }

  /** What has arrived, good until the next call; undefined once the peer has ended the connection. Throws when it broke. */
  read(): Promise<Uint8Array | undefined> {
    const { arrived } = this;
    this.arrived = undefined;
    if (arrived !== undefined) return Promise.resolve(arrived);
    if (this.end !== undefined) {
      return this.end.error === undefined ? Promise.resolve(undefined) : Promise.reject(this.end.error);
    }
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket.resume();
    });
  }

  /** Throws when the connection broke or was destroyed: what was read before may be overwritten then. */
  requireWhole(): void {
    if (this.end?.error !== undefined) throw this.end.error;
  }

  /** The peer may take it whenever it likes. */
  write(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Called once, when nothing will come from the connection any more. */
  whenClosed(callback: () => void): void {
    if (this.socket.closed) callback();
    else this.socket.once('close', callback);
  }

  /** Closes the connection; who reads gets the error. */
  destroy(error: Error): void {
    this.arrived = undefined;
    if (this.end?.error === undefined) this.end = { error };
    this.waiting?.reject(error);
    this.waiting = undefined;
    this.socket.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy(new Failure('Unreachable', 'the connection is closed'));
  }

  private deliver(bytes: Uint8Array): void {
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting === undefined) this.arrived = bytes;
    else waiting.resolve(bytes);
  }

  private finish(error: Error | undefined): void {
    this.end ??= { error };
    const { waiting } = this;
    this.waiting = undefined;
    if (waiting === undefined) return;
    if (this.end.error === undefined) waiting.resolve(undefined);
    else waiting.reject(this.end.error);
  }
}
