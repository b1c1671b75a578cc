import { expect, test } from 'vitest';
import { type Pair, Room } from '../../src/controllers/cluster/room.ts';
import { WaitingLine } from '../../src/controllers/cluster/waiting-line.ts';
import { safekeeperId } from '../agent/test-agent.ts';
import { randomInteger, seededRandom } from '../support/seeded-random.ts';

interface Waiting extends Pair {
  readonly rank: number;
}

const LIMITS = { maxConcurrent: 6, maxPerRecipient: 3, maxPerDonor: 2 };

/** One after another, past whoever finds no room. */
function walkAlong(line: readonly Waiting[], mayEnter: (item: Waiting) => boolean): Waiting[] {
  const room = new Room(LIMITS, []);
  return [...line]
    .sort((a, b) => a.rank - b.rank)
    .filter((item) => {
      if (!room.has(item) || !mayEnter(item)) return false;
      room.take(item);
      return true;
    });
}

test('those who find room are the same as by a walk along everybody', () => {
  const random = seededRandom(11);
  const line = new WaitingLine<Waiting>((a, b) => a.rank - b.rank);
  let waiting: Waiting[] = [];
  for (let rank = 0; rank < 400; rank++) {
    const donor = randomInteger(random, 1, 4);
    const recipient = (donor % 4) + 1;
    const item = { rank: (rank * 7919) % 400, donor: safekeeperId(donor), recipient: safekeeperId(recipient) };
    line.add(item);
    waiting.push(item);
    const mayEnter = ({ rank }: Waiting) => rank % 5 !== 0;
    const entering = line.takeRoom(new Room(LIMITS, []), mayEnter);
    expect(entering).toEqual(walkAlong(waiting, mayEnter));
    const leaving = random() < 0.5 ? entering : waiting.slice(0, 1);
    for (const each of leaving) line.delete(each);
    waiting = waiting.filter((each) => !leaving.includes(each));
  }
  for (const each of waiting) line.delete(each);
  expect(line.takeRoom(new Room(LIMITS, []))).toEqual([]);
});

test('a crowd that finds no room is not looked at one by one', () => {
  let comparisons = 0;
  const line = new WaitingLine<Waiting>((a, b) => {
    comparisons++;
    return a.rank - b.rank;
  });
  const between = (donor: number, recipient: number) => ({
    donor: safekeeperId(donor),
    recipient: safekeeperId(recipient),
  });
  for (let rank = 0; rank < 1_000; rank++) line.add({ rank, ...between(1, 2) });
  line.add({ rank: 1_000, ...between(3, 4) });
  const room = new Room(LIMITS, []);
  let looks = 0;
  const has = room.has.bind(room);
  room.has = (pair) => {
    looks++;
    return has(pair);
  };
  comparisons = 0;
  expect(line.takeRoom(room).map(({ rank }) => rank)).toEqual([0, 1, 1_000]);
  expect(looks + comparisons).toBeLessThan(20);
});
