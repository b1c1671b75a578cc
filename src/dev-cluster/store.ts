import { assert } from '../base/assert.ts';
import { limits } from '../base/limits.ts';
import type { KubeObject } from './object.ts';
import { expired } from './status-error.ts';

/** One change: `object` is undefined after a removal, `previous` before a creation. */
export interface Change {
  readonly revision: number;
  readonly collection: string;
  readonly key: string;
  readonly object: KubeObject | undefined;
  readonly previous: KubeObject | undefined;
}

export type ChangeListener = (change: Change) => void;

/**
 * All objects in memory, by collection (`safekeepertimelines.safekeeper.dev`) and key (`namespace/name`), with one global
 * revision that every change increases, and the last changes, from which older states and watches are answered.
 */
export class Store {
  private readonly collections = new Map<string, Map<string, KubeObject>>();
  private readonly listeners = new Map<string, Set<ChangeListener>>();
  private history: Change[] = [];
  private compactedTo = 0;
  private current = 1;

  get revision(): number {
    return this.current;
  }

  get(collection: string, key: string): KubeObject | undefined {
    return this.collections.get(collection)?.get(key);
  }

  count(collection: string): number {
    return this.collections.get(collection)?.size ?? 0;
  }

  /** The objects of a collection in the order of their keys. */
  list(collection: string): KubeObject[] {
    return sorted(this.collections.get(collection) ?? new Map<string, KubeObject>());
  }

  /** Whether any object of a collection fulfils the test: cheaper than a list. */
  some(collection: string, test: (object: KubeObject) => boolean): boolean {
    for (const object of this.collections.get(collection)?.values() ?? []) if (test(object)) return true;
    return false;
  }

  /** The collection as it was at a former revision. Throws StatusError Expired when the history no longer reaches there. */
  listAt(collection: string, revision: number): KubeObject[] {
    this.requireHistory(revision);
    const state = new Map(this.collections.get(collection));
    for (const change of this.history.toReversed()) {
      if (change.revision <= revision) break;
      if (change.collection !== collection) continue;
      if (change.previous === undefined) state.delete(change.key);
      else state.set(change.key, change.previous);
    }
    return sorted(state);
  }

  /** Writes the object under the next revision and returns it as stored. */
  put(collection: string, object: KubeObject): KubeObject {
    const stored = this.stamp(object);
    const objects = this.collections.get(collection) ?? new Map<string, KubeObject>();
    this.collections.set(collection, objects);
    const key = keyOf(object);
    const previous = objects.get(key);
    objects.set(key, stored);
    this.record({ revision: this.current, collection, key, object: stored, previous });
    return stored;
  }

  /** Removes the object under the next revision and returns its last state, which carries that revision. */
  remove(collection: string, object: KubeObject): KubeObject {
    const key = keyOf(object);
    const previous = this.get(collection, key);
    assert(previous !== undefined, 'only an existing object is removed');
    this.collections.get(collection)?.delete(key);
    const last = this.stamp(previous);
    this.record({ revision: this.current, collection, key, object: undefined, previous: last });
    return last;
  }

  /** Throws StatusError Expired when changes after `revision` have been forgotten. */
  requireHistory(revision: number): void {
    if (revision >= this.compactedTo) return;
    throw expired(`too old resource version: ${revision} (${this.compactedTo})`);
  }

  changesAfter(collection: string, revision: number): Change[] {
    this.requireHistory(revision);
    return this.history.filter((change) => change.collection === collection && change.revision > revision);
  }

  /** Tells `listener` every later change of the collection until the guard is disposed. */
  subscribe(collection: string, listener: ChangeListener): Disposable {
    const listeners = this.listeners.get(collection) ?? new Set<ChangeListener>();
    this.listeners.set(collection, listeners.add(listener));
    return { [Symbol.dispose]: () => void listeners.delete(listener) };
  }

  /** Forgets the history: every resourceVersion but the current one is too old afterwards. */
  compact(): void {
    this.history = [];
    this.compactedTo = this.current;
  }

  private stamp(object: KubeObject): KubeObject {
    this.current++;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.current) } };
  }

  private record(change: Change): void {
    this.history.push(change);
    if (this.history.length > limits.devClusterHistoryMax) {
      const forgotten = this.history.splice(0, Math.ceil(limits.devClusterHistoryMax / 10));
      this.compactedTo = forgotten.at(-1)?.revision ?? this.compactedTo;
    }
    for (const listener of this.listeners.get(change.collection) ?? []) listener(change);
  }
}

export function objectKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

export function keyOf(object: KubeObject): string {
  return objectKey(object.metadata.namespace, object.metadata.name);
}

function sorted(objects: ReadonlyMap<string, KubeObject>): KubeObject[] {
  return [...objects].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, object]) => object);
}
