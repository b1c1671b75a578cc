import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { DelayHeap } from '../../src/kube/delay-heap.ts';

const operation = fc.oneof(
  fc.record({ kind: fc.constant('add' as const), key: fc.nat(12), atMs: fc.nat(50) }),
  fc.record({ kind: fc.constant('delete' as const), key: fc.nat(12) }),
  fc.record({ kind: fc.constant('pop' as const) }),
);

test('behaves like a map from key to its earliest time', () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const heap = new DelayHeap<number>();
      const model = new Map<number, number>();
      for (const op of operations) {
        if (op.kind === 'add') {
          heap.addEarliest(op.key, op.atMs);
          model.set(op.key, Math.min(op.atMs, model.get(op.key) ?? op.atMs));
        } else {
          const key = op.kind === 'delete' ? op.key : heap.peek()?.key;
          if (key === undefined) continue;
          heap.delete(key);
          model.delete(key);
        }
        const first = heap.peek();
        expect(heap.size).toBe(model.size);
        expect(first?.atMs).toBe(model.size === 0 ? undefined : Math.min(...model.values()));
        if (first !== undefined) expect(model.get(first.key)).toBe(first.atMs);
      }
    }),
  );
});
