import { expect, test } from 'vitest';
import { SortedList } from '../../src/base/sorted-list.ts';
import { randomInteger, seededRandom } from '../support/seeded-random.ts';

test('whatever is added and deleted, the rest stays in order', () => {
  const random = seededRandom(7);
  const list = new SortedList<{ readonly rank: number }>((a, b) => a.rank - b.rank);
  let expected: Array<{ readonly rank: number }> = [];
  for (let rank = 0; rank < 500; rank++) {
    const item = { rank: (rank * 7919) % 500 };
    list.add(item);
    expected.push(item);
    const victim = expected[randomInteger(random, 0, expected.length - 1)];
    if (random() < 0.4 && victim !== undefined) {
      list.delete(victim);
      expected = expected.filter((other) => other !== victim);
    }
  }
  list.delete({ rank: -1 });
  list.delete({ rank: 1_000 });
  expect([...list]).toEqual(expected.sort((a, b) => a.rank - b.rank));
});
