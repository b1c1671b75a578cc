import koffi from 'koffi';
import type { Extent } from './file-system.ts';

/** Of lseek(2) on Linux; other systems number them differently. */
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/** Finds the holes of sparse files: lseek(2) with SEEK_HOLE and SEEK_DATA, which Node has not. */
export class HoleFinder {
  private lseek: ((fd: number, offset: number, whence: number) => number | bigint) | undefined;

  /**
   * The extent of the file behind `fd` that `position` lies in. Where holes are not known, or the system gives no answer,
   * everything is data: what is wrong the next read will say. Two calls of about a microsecond that look at metadata only.
   */
  extentAt(fd: number, position: number): Extent {
    if (process.platform !== 'linux') return { kind: 'Data', end: Infinity };
    this.lseek ??= koffi.load(null).func('int64_t lseek(int fd, int64_t offset, int whence)');
    const hole = Number(this.lseek(fd, position, SEEK_HOLE));
    if (hole !== position) return { kind: 'Data', end: hole > position ? hole : Infinity };
    const data = Number(this.lseek(fd, position, SEEK_DATA));
    if (data > position) return { kind: 'Hole', end: data };
    const isLast = data < 0 && koffi.errno() === koffi.os.errno['ENXIO'];
    return { kind: isLast ? 'Hole' : 'Data', end: Infinity };
  }
}
