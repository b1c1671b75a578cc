import { assert } from '../base/assert.ts';
import { keyOf, type KubeObject, type ObjectKey } from './object.ts';

/** `listed`: found by a list, so not a user's act of this moment. */
export type Change<T> =
  | { readonly kind: 'Added'; readonly object: T; readonly listed: boolean }
  | { readonly kind: 'Updated'; readonly object: T; readonly previous: T; readonly listed: boolean }
  | { readonly kind: 'Deleted'; readonly object: T };

/** Must not throw. */
export type ChangeHandler<T> = (change: Change<T>) => void;

/** Maps an object to the values under which an index lists it. */
export type IndexFunction<T> = (object: T) => readonly string[];

/**
 * The cache of one resource type, fed by a reflector. Reads are synchronous and return shared objects that nobody may
 * change. An object that we wrote ourselves may be put in ahead of the watch, which then brings no news of it.
 */
export class Store<T extends KubeObject, IndexName extends string = string> {
  private readonly objects = new Map<ObjectKey, T>();
  private readonly indexes: ReadonlyMap<string, Index<T>>;
  private readonly handlers = new Set<ChangeHandler<T>>();
  /** Objects whose stored version the watch has not shown yet. */
  private readonly ahead = new Set<ObjectKey>();
  private readonly syncWaiters: Array<() => void> = [];
  private synced = false;

  constructor(indexes: Readonly<Record<IndexName, IndexFunction<T>>>) {
    const entries = Object.entries<IndexFunction<T>>(indexes);
    this.indexes = new Map(entries.map(([name, valuesOf]) => [name, new Index(valuesOf)]));
  }

  get size(): number {
    return this.objects.size;
  }

  get(key: ObjectKey): T | undefined {
    return this.objects.get(key);
  }

  values(): IterableIterator<T> {
    return this.objects.values();
  }

  /** In no particular order. */
  byIndex(name: IndexName, value: string): readonly T[] {
    const index = this.indexes.get(name);
    assert(index !== undefined, `the store has an index ${name}`);
    return [...index.keys(value)].flatMap((key) => this.objects.get(key) ?? []);
  }

  /** True after the first complete list. */
  hasSynced(): boolean {
    return this.synced;
  }

  waitForSync(): Promise<void> {
    if (this.synced) return Promise.resolve();
    return new Promise((resolve) => this.syncWaiters.push(resolve));
  }

  /** Tells of everything stored as Added, then of every change until disposed. */
  subscribe(handler: ChangeHandler<T>): Disposable {
    for (const object of this.objects.values()) handler({ kind: 'Added', object, listed: true });
    this.handlers.add(handler);
    return { [Symbol.dispose]: () => void this.handlers.delete(handler) };
  }

  /** A complete list replaces the content: what it lacks was deleted. */
  replace(listed: readonly T[], listVersion: string): void {
    const gone = new Set(this.objects.keys());
    for (const object of listed) {
      gone.delete(keyOf(object));
      this.put(object, true);
    }
    for (const key of gone) {
      const object = this.objects.get(key);
      if (object === undefined || (this.ahead.has(key) && isNewer(object, listVersion))) continue;
      this.remove(object);
    }
    this.synced = true;
    for (const resolve of this.syncWaiters.splice(0)) resolve();
  }

  /** From the watch or a list. Versions older than an own write are passed over. */
  put(object: T, listed: boolean): void {
    const key = keyOf(object);
    const previous = this.objects.get(key);
    if (previous !== undefined && this.isStale(key, previous, object)) return;
    this.ahead.delete(key);
    if (previous?.metadata.resourceVersion === object.metadata.resourceVersion) return;
    this.set(key, object, previous);
    if (previous === undefined) {
      this.notify({ kind: 'Added', object, listed });
    } else if (previous.metadata.uid !== object.metadata.uid) {
      this.notify({ kind: 'Deleted', object: previous });
      this.notify({ kind: 'Added', object, listed });
    } else {
      this.notify({ kind: 'Updated', object, previous, listed });
    }
  }

  /** `object` is its last state. */
  remove(object: T): void {
    const key = keyOf(object);
    const previous = this.objects.get(key);
    if (previous === undefined || this.isStale(key, previous, object)) return;
    this.ahead.delete(key);
    this.objects.delete(key);
    for (const index of this.indexes.values()) index.delete(key, previous);
    this.notify({ kind: 'Deleted', object });
  }

  /**
   * Puts in what the API server answered to our own write: the next decision must not be made on what was before.
   * Only a newer version of an object that is still here: a deletion may have been seen before the answer was.
   * Handlers are told now, for the answer may hold somebody else's change too, and not again by the watch.
   */
  putOwnWrite(object: T): void {
    const key = keyOf(object);
    const previous = this.objects.get(key);
    if (previous?.metadata.uid !== object.metadata.uid || previous === undefined) return;
    if (!isNewer(object, previous.metadata.resourceVersion)) return;
    this.set(key, object, previous);
    this.ahead.add(key);
    this.notify({ kind: 'Updated', object, previous, listed: false });
  }

  private isStale(key: ObjectKey, stored: T, incoming: T): boolean {
    return this.ahead.has(key) && isNewer(stored, incoming.metadata.resourceVersion);
  }

  private set(key: ObjectKey, object: T, previous: T | undefined): void {
    this.objects.set(key, object);
    for (const index of this.indexes.values()) {
      if (previous !== undefined) index.delete(key, previous);
      index.add(key, object);
    }
  }

  private notify(change: Change<T>): void {
    for (const handler of this.handlers) handler(change);
  }
}

class Index<T> {
  private readonly valuesOf: IndexFunction<T>;
  private readonly keysByValue = new Map<string, Set<ObjectKey>>();

  constructor(valuesOf: IndexFunction<T>) {
    this.valuesOf = valuesOf;
  }

  keys(value: string): Iterable<ObjectKey> {
    return this.keysByValue.get(value) ?? [];
  }

  add(key: ObjectKey, object: T): void {
    for (const value of this.valuesOf(object)) {
      const keys = this.keysByValue.get(value);
      if (keys === undefined) this.keysByValue.set(value, new Set([key]));
      else keys.add(key);
    }
  }

  delete(key: ObjectKey, object: T): void {
    for (const value of this.valuesOf(object)) {
      const keys = this.keysByValue.get(value);
      keys?.delete(key);
      if (keys?.size === 0) this.keysByValue.delete(value);
    }
  }
}

/** Resource versions of one type are numbers that grow (KEP-5504); where they are not, nothing counts as newer. */
function isNewer(object: KubeObject, version: string | undefined): boolean {
  const own = object.metadata.resourceVersion;
  if (own === undefined || version === undefined || own === version) return false;
  return own.length === version.length ? own > version : own.length > version.length;
}
