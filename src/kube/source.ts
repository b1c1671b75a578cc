import type { KubeObject, ObjectKey } from './object.ts';
import type { Priority } from './queue.ts';
import type { Reflector } from './reflector.ts';
import type { Change } from './store.ts';

/** Takes the keys that a source finds worth a reconcile. */
export type Enqueue = (key: ObjectKey, priority: Priority) => void;

/** Something that knows when keys need a reconcile. */
export interface Source {
  hasSynced(): boolean;
  waitForSync(): Promise<void>;
  /** Enqueues what is there, then what changes, until disposed. */
  start(enqueue: Enqueue): Disposable;
}

export interface WatchesOptions<T> {
  /** Leaves out changes that need no reconcile, our own status writes above all. */
  readonly when?: (change: Change<T>) => boolean;
}

/** The objects of a reflector as a source; `keysOf` must not throw. An update counts for the old and the new object's keys. */
export function watches<T extends KubeObject>(
  reflector: Pick<Reflector<T>, 'store'>,
  keysOf: (object: T) => Iterable<ObjectKey>,
  options: WatchesOptions<T> = {},
): Source {
  const { store } = reflector;
  return {
    hasSynced: () => store.hasSynced(),
    waitForSync: () => store.waitForSync(),
    start: (enqueue) =>
      store.subscribe((change) => {
        if (options.when !== undefined && !options.when(change)) return;
        const priority = change.kind !== 'Deleted' && change.listed ? 'routine' : 'user';
        const keys = new Set(keysOf(change.object));
        if (change.kind === 'Updated') for (const key of keysOf(change.previous)) keys.add(key);
        for (const key of keys) enqueue(key, priority);
      }),
  };
}

/** True unless the update left everything that a user says as it was: for `when`. */
export function intentChanged<T extends KubeObject>(change: Change<T>): boolean {
  if (change.kind !== 'Updated') return true;
  const [before, after] = [change.previous.metadata, change.object.metadata];
  return (
    before.generation !== after.generation ||
    before.deletionTimestamp !== after.deletionTimestamp ||
    !sameEntries(before.labels, after.labels) ||
    !sameEntries(before.annotations, after.annotations)
  );
}

function sameEntries(a: Readonly<Record<string, string>> = {}, b: Readonly<Record<string, string>> = {}): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
