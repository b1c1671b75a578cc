/** Keys that wait in line, each once, first come first served; any key can leave in constant time. */
export class Line<Key> {
  private readonly since = new Map<Key, number>();
  /** Kept between takes: a new iterator would walk over the holes that taken keys leave in the map. */
  private cursor: IterableIterator<Key> | undefined;
  private first: Key | undefined;

  get size(): number {
    return this.since.size;
  }

  has(key: Key): boolean {
    return this.since.has(key);
  }

  /** The key must not be in the line. */
  push(key: Key, sinceMs: number): void {
    this.since.set(key, sinceMs);
  }

  /** Removes the key; undefined when it was not here, else the time since when it waited. */
  remove(key: Key): number | undefined {
    const sinceMs = this.since.get(key);
    this.since.delete(key);
    if (this.first === key) this.first = undefined;
    return sinceMs;
  }

  /** The key that waits longest and since when. */
  head(): { readonly key: Key; readonly sinceMs: number } | undefined {
    if (this.first === undefined) {
      this.cursor ??= this.since.keys();
      let next = this.cursor.next();
      if (next.done === true) {
        this.cursor = this.since.keys();
        next = this.cursor.next();
      }
      if (next.done === true) this.cursor = undefined;
      else this.first = next.value;
    }
    const sinceMs = this.first === undefined ? undefined : this.since.get(this.first);
    return this.first === undefined || sinceMs === undefined ? undefined : { key: this.first, sinceMs };
  }
}
