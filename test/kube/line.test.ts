import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Line } from '../../src/kube/line.ts';

test('gives keys in the order they came, whoever leaves in between', () => {
  const operation = fc.record({ key: fc.nat(6), leaves: fc.boolean(), looks: fc.boolean() });
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 100 }), (operations) => {
      const line = new Line<number>();
      const model: Array<{ key: number; sinceMs: number }> = [];
      for (const [now, { key, leaves, looks }] of operations.entries()) {
        const at = model.findIndex((entry) => entry.key === key);
        if (at < 0) {
          line.push(key, now);
          model.push({ key, sinceMs: now });
        } else if (leaves) {
          expect(line.remove(key)).toBe(model.splice(at, 1)[0]?.sinceMs);
        }
        if (looks) expect(line.head()).toEqual(model[0]);
        expect([line.size, line.has(key)]).toEqual([model.length, model.some((entry) => entry.key === key)]);
      }
      while (model.length > 0) {
        const head = line.head();
        expect(head).toEqual(model.shift());
        if (head !== undefined) line.remove(head.key);
      }
      expect(line.head()).toBeUndefined();
    }),
  );
});
