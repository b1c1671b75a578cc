/** Items in order, without a sort for each change. No two of them may compare as equal. */
export class SortedList<Item> implements Iterable<Item> {
  private readonly items: Item[] = [];
  private readonly compare: (a: Item, b: Item) => number;

  constructor(compare: (a: Item, b: Item) => number) {
    this.compare = compare;
  }

  add(item: Item): void {
    this.items.splice(this.placeOf(item), 0, item);
  }

  delete(item: Item): void {
    const place = this.placeOf(item);
    if (this.items[place] === item) this.items.splice(place, 1);
  }

  get first(): Item | undefined {
    return this.items[0];
  }

  [Symbol.iterator](): Iterator<Item> {
    return this.items[Symbol.iterator]();
  }

  /** Of the first item that does not come before this one. */
  private placeOf(item: Item): number {
    let from = 0;
    let to = this.items.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const other = this.items[middle];
      if (other !== undefined && this.compare(other, item) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}
