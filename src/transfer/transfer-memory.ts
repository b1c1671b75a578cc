import { BufferPool } from '../base/buffer-pool.ts';
import { allocateAligned } from '../disk/direct-writes.ts';

const READ_BYTES = 512 * 1024;
const WRITE_BYTES = 512 * 1024;
const KEPT_MAX = 16;

/** The memory that all transfers of a data directory share, beside what each of them borrows while it runs. */
export class TransferMemory {
  /** For reading segments that are sent. */
  readonly readBuffers = new BufferPool(READ_BYTES, KEPT_MAX);
  /** For writing segments that are received. */
  readonly writeBuffers = new BufferPool(WRITE_BYTES, KEPT_MAX, allocateAligned);
  /** Nobody writes to it: all its pages stay the one that the system has for zeros. */
  readonly zeros = Buffer.alloc(1024 * 1024);
}
