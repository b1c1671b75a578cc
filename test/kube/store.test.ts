import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type ObjectKey, objectKey } from '../../src/kube/object.ts';
import { type Change, Store } from '../../src/kube/store.ts';
import { type Widget, widget } from './support/runtime.ts';

const KEY_A = objectKey({ namespace: 'ns', name: 'a' });

function setUp() {
  const store = new Store<Widget>({ color: (object) => (object.spec === undefined ? [] : [object.spec.color]) });
  const changes: Array<Change<Widget>> = [];
  store.subscribe((change) => changes.push(change));
  return { store, changes, kinds: () => changes.map(({ kind }) => kind) };
}

describe('indexes', () => {
  test('follow every change', () => {
    const { store } = setUp();
    store.replace([widget('a', '1', 'red'), widget('b', '2', 'red')], '10');
    store.put(widget('a', '11', 'blue'), false);
    store.remove(widget('b', '12', 'red'));
    expect(store.byIndex('color', 'red')).toEqual([]);
    expect(store.byIndex('color', 'blue').map(({ metadata }) => metadata.name)).toEqual(['a']);
  });

  test('that do not exist are a broken invariant', () => {
    expect(() => setUp().store.byIndex('size', '1')).toThrow('the store has an index size');
  });
});

describe('sync', () => {
  test('is reached by the first complete list, also an empty one', async () => {
    const { store } = setUp();
    const synced = store.waitForSync();
    expect(store.hasSynced()).toBe(false);
    store.replace([], '10');
    await synced;
    await store.waitForSync();
    expect(store.hasSynced()).toBe(true);
  });

  test('a late subscriber hears of everything that is there, and nothing once disposed', () => {
    const { store } = setUp();
    store.replace([widget('a', '1')], '10');
    const heard: string[] = [];
    const subscription = store.subscribe(({ kind }) => heard.push(kind));
    subscription[Symbol.dispose]();
    store.put(widget('a', '2'), false);
    expect(heard).toEqual(['Added']);
  });
});

describe('own writes', () => {
  test('are kept over a list from before them, and a deletion from before them is no deletion', () => {
    const { store, kinds } = setUp();
    store.replace([widget('a', '1')], '10');
    store.putOwnWrite(widget('a', '15', 'blue'));
    store.replace([widget('a', '1')], '12');
    store.replace([], '14');
    expect(store.get(KEY_A)?.spec?.color).toBe('blue');
    expect(kinds()).toEqual(['Added', 'Updated']);
    store.replace([], '20');
    expect([store.size, kinds()]).toEqual([0, ['Added', 'Updated', 'Deleted']]);
  });

  test('do not bring back what was deleted, replace what was recreated, or go back in time', () => {
    const { store } = setUp();
    store.putOwnWrite(widget('a', '15'));
    expect(store.size).toBe(0);
    store.put({ ...widget('a', '16'), metadata: { ...widget('a', '16').metadata, uid: 'second' } }, false);
    store.putOwnWrite(widget('a', '17'));
    expect(store.get(KEY_A)?.metadata.uid).toBe('second');
    store.put(widget('a', '18', 'red'), false);
    store.putOwnWrite(widget('a', '9', 'blue'));
    expect(store.get(KEY_A)?.spec?.color).toBe('red');
  });

  test('are compared as numbers', () => {
    const { store, kinds } = setUp();
    store.put(widget('a', '99'), false);
    store.putOwnWrite(widget('a', '100', 'blue'));
    store.put(widget('a', '99'), false);
    expect([store.get(KEY_A)?.spec?.color, kinds()]).toEqual(['blue', ['Added', 'Updated']]);
  });

  test('do not hold back versions that count anew after a restored backup', () => {
    const { store } = setUp();
    store.replace([widget('a', '1000', 'red')], '2000');
    store.replace([widget('a', '5', 'blue')], '10');
    expect(store.get(KEY_A)?.spec?.color).toBe('blue');
  });
});

test('what handlers heard adds up to what is stored', () => {
  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const step = fc.oneof(
    fc.record({ kind: fc.constantFrom('put', 'remove', 'own'), name }),
    fc.record({ kind: fc.constant('replace' as const), names: fc.uniqueArray(name) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const store = new Store<Widget>({ name: (object) => [object.metadata.name] });
      const heard = new Set<ObjectKey>();
      store.subscribe(({ kind, object }) => {
        const key = objectKey(object.metadata);
        expect(heard.has(key)).toBe(kind !== 'Added');
        if (kind === 'Deleted') heard.delete(key);
        else heard.add(key);
      });
      for (const [index, one] of steps.entries()) {
        const version = String(index + 1);
        if ('names' in one)
          store.replace(
            one.names.map((listed) => widget(listed, version)),
            version,
          );
        else if (one.kind === 'put') store.put(widget(one.name, version), false);
        else if (one.kind === 'own') store.putOwnWrite(widget(one.name, version));
        else store.remove(widget(one.name, version));
        const stored = [...store.values()].map(({ metadata }) => objectKey(metadata));
        expect(new Set(stored)).toEqual(heard);
        for (const object of store.values()) expect(store.byIndex('name', object.metadata.name)).toEqual([object]);
      }
    }),
  );
});
