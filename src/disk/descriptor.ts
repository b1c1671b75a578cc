import * as fs from 'node:fs';
import { promisify } from 'node:util';

// Calls on file descriptors. Those of `node:fs/promises` are on handles, objects that take the processor longer than most of
// the calls themselves: a pull makes dozens on small files.

export const open: (path: string, flags: number, mode?: number) => Promise<number> = promisify(fs.open);
export const sync: (fd: number) => Promise<void> = promisify(fs.fsync);
export const datasync: (fd: number) => Promise<void> = promisify(fs.fdatasync);
export const truncate: (fd: number, sizeBytes: number) => Promise<void> = promisify(fs.ftruncate);
export const status: (fd: number) => Promise<fs.Stats> = promisify(fs.fstat);

/** How many bytes there were; 0 at the end of the file. */
export function read(fd: number, buffer: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(fd, buffer, 0, buffer.length, position, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

/** How many bytes were taken. */
export function writev(fd: number, buffers: readonly Uint8Array[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.writev(fd, buffers, position, (error, count) => (error ? reject(error) : resolve(count)));
  });
}

/**
 * At once: what was to reach the disk has been synced, and the rest of closing does not wait for one. Nothing may be under way
 * with the descriptor, whose number the next file gets.
 */
export const close: (fd: number) => void = fs.closeSync;
