import { crc32c as nativeCrc32c } from '@node-rs/crc32';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Crc32c } from '../../src/safekeeper/crc32c.ts';

test('the check value of the polynomial', () => {
  const digits = Buffer.from('123456789');
  expect(new Crc32c().update(0, digits, 0, digits.length)).toBe(0xe3069283);
});

test('equals the native result for any part of any buffer, in one piece or in two', () => {
  const crc = new Crc32c();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 900 }), fc.nat(), fc.nat(), (bytes, first, second) => {
      const [start, middle] = [first % (bytes.length + 1), second % (bytes.length + 1)].sort((a, b) => a - b) as [
        number,
        number,
      ];
      const expected = nativeCrc32c(bytes.subarray(start));
      expect(crc.update(0, bytes, start, bytes.length)).toBe(expected);
      expect(crc.update(crc.update(0, bytes, start, middle), bytes, middle, bytes.length)).toBe(expected);
    }),
  );
});
