import { z } from 'zod';

/** A list whose items are told apart by `key`, merged item by item in server-side apply. */
export function listMap<Key extends string, Item extends z.ZodType<Readonly<Record<Key, unknown>>>>(
  item: Item,
  key: Key,
  countMax: number,
) {
  const isUnique = (items: ReadonlyArray<Readonly<Record<Key, unknown>>>) => allDiffer(items.map((each) => each[key]));
  return boundedList(item, countMax)
    .refine(isUnique, `must not have the same ${key} twice`)
    .meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] });
}

/** A list of scalars that is a set, merged value by value in server-side apply. */
export function listSet<Item extends z.ZodType>(item: Item, countMax: number) {
  return boundedList(item, countMax)
    .refine(allDiffer, 'must not have the same value twice')
    .meta({ 'x-kubernetes-list-type': 'set' });
}

/** A list that one writer replaces as a whole. */
export function atomicList<Item extends z.ZodType>(item: Item, countMax: number) {
  return boundedList(item, countMax).meta({ 'x-kubernetes-list-type': 'atomic' });
}

function boundedList<Item extends z.ZodType>(item: Item, countMax: number) {
  return z.array(item, { error: 'must be a list' }).max(countMax, `must have at most ${countMax} items`);
}

function allDiffer(values: readonly unknown[]): boolean {
  return new Set(values).size === values.length;
}
