import { SortedList } from '../../base/sorted-list.ts';
import type { Pair, Room } from './room.ts';

/** Who waits for room, in order. No two of them may compare as equal. */
export class WaitingLine<Item extends Pair> {
  private readonly order: (a: Item, b: Item) => number;
  /** By whom they are between: where there is no room for one, none of the others behind it has to be looked at. */
  private readonly byPair = new Map<string, SortedList<Item>>();

  constructor(order: (a: Item, b: Item) => number) {
    this.order = order;
  }

  add(item: Item): void {
    const pair = pairOf(item);
    const items = this.byPair.get(pair) ?? new SortedList(this.order);
    this.byPair.set(pair, items);
    items.add(item);
  }

  delete(item: Item): void {
    const pair = pairOf(item);
    const items = this.byPair.get(pair);
    items?.delete(item);
    if (items?.first === undefined) this.byPair.delete(pair);
  }

  /**
   * Takes the room of those, in their order, who find some and may enter; whoever does not lets the others pass. All stay in
   * line.
   */
  takeRoom(room: Room, mayEnter: (item: Item) => boolean = () => true): Item[] {
    const entering: Item[] = [];
    const parts = [...this.byPair.values()].map((items) => new Part(items));
    for (;;) {
      const open = parts.filter(({ head }) => head !== undefined && room.has(head));
      const next = open.reduce<Part<Item> | undefined>((first, part) => this.earlier(first, part), undefined);
      if (next?.head === undefined) return entering;
      if (mayEnter(next.head)) {
        room.take(next.head);
        entering.push(next.head);
      }
      next.advance();
    }
  }

  private earlier(one: Part<Item> | undefined, other: Part<Item>): Part<Item> {
    if (one?.head === undefined || other.head === undefined) return other;
    return this.order(one.head, other.head) < 0 ? one : other;
  }
}

/** Those between the same two, of whom the head is next. */
class Part<Item> {
  private readonly rest: Iterator<Item>;
  head: Item | undefined;

  constructor(items: Iterable<Item>) {
    this.rest = items[Symbol.iterator]();
    this.advance();
  }

  advance(): void {
    const next = this.rest.next();
    this.head = next.done === true ? undefined : next.value;
  }
}

function pairOf({ recipient, donor }: Pair): string {
  return `${donor}/${recipient}`;
}
