import { randomUUID } from 'node:crypto';

/** 32 letters and digits, different at each call. */
export function randomName(): string {
  return randomUUID().replaceAll('-', '');
}
