/** Keys with a time each, earliest first: a binary heap that knows where each key is. */
export class DelayHeap<Key> {
  private readonly heap: Array<{ readonly key: Key; readonly atMs: number }> = [];
  private readonly positions = new Map<Key, number>();

  get size(): number {
    return this.heap.length;
  }

  peek(): { readonly key: Key; readonly atMs: number } | undefined {
    return this.heap[0];
  }

  /** A key that is there already keeps the earlier time. */
  addEarliest(key: Key, atMs: number): void {
    const position = this.positions.get(key);
    if (position === undefined) {
      this.heap.push({ key, atMs });
      this.rise(this.heap.length - 1);
    } else if (atMs < this.timeAt(position)) {
      this.heap[position] = { key, atMs };
      this.rise(position);
    }
  }

  delete(key: Key): void {
    const position = this.positions.get(key);
    if (position === undefined) return;
    this.positions.delete(key);
    const last = this.heap.pop();
    if (last === undefined || position === this.heap.length) return;
    this.heap[position] = last;
    this.sink(position);
    this.rise(this.positions.get(last.key) ?? position);
  }

  private timeAt(position: number): number {
    return this.heap[position]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  private rise(from: number): void {
    let position = from;
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (this.timeAt(parent) <= this.timeAt(position)) break;
      this.swap(position, parent);
      position = parent;
    }
    this.note(position);
  }

  private sink(from: number): void {
    let position = from;
    for (;;) {
      const left = 2 * position + 1;
      const child = this.timeAt(left + 1) < this.timeAt(left) ? left + 1 : left;
      if (this.timeAt(child) >= this.timeAt(position)) break;
      this.swap(position, child);
      position = child;
    }
    this.note(position);
  }

  private swap(a: number, b: number): void {
    const [atA, atB] = [this.heap[a], this.heap[b]];
    if (atA === undefined || atB === undefined) return;
    this.heap[a] = atB;
    this.heap[b] = atA;
    this.note(a);
    this.note(b);
  }

  private note(position: number): void {
    const entry = this.heap[position];
    if (entry !== undefined) this.positions.set(entry.key, position);
  }
}
