import { type Fields, isFields, sameValue } from './object.ts';
import { ANYTHING, listMapKey, propertySchema, type Schema } from './schema/structural.ts';

/** Applies a JSON Merge Patch (RFC 7386): null deletes, objects merge, everything else replaces. */
export function applyMergePatch(value: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch;
  const merged: Fields = isFields(value) ? { ...value } : {};
  for (const [field, change] of Object.entries(patch)) {
    if (change === null) delete merged[field];
    else merged[field] = applyMergePatch(merged[field], change);
  }
  return merged;
}

/**
 * Applies a strategic merge patch: like a merge patch, but keyed lists merge by item and sets by value. Understands
 * `$patch: delete | replace` and `$deleteFromPrimitiveList/…`; the order directives only change the order and are ignored.
 */
export function applyStrategicMergePatch(schema: Schema, value: unknown, patch: unknown): unknown {
  if (Array.isArray(patch)) return mergeLists(schema, Array.isArray(value) ? (value as unknown[]) : [], patch);
  if (!isFields(patch)) return patch;
  const { $patch: directive, ...changes } = patch;
  if (directive === 'replace') return changes;
  const merged: Fields = isFields(value) ? { ...value } : {};
  for (const [field, change] of Object.entries(changes)) {
    const [, removedFrom] = /^\$deleteFromPrimitiveList\/(.+)$/.exec(field) ?? [];
    if (removedFrom !== undefined) merged[removedFrom] = without(merged[removedFrom], change);
    else if (field.startsWith('$')) continue;
    else if (change === null || (isFields(change) && change.$patch === 'delete')) delete merged[field];
    else merged[field] = applyStrategicMergePatch(propertySchema(schema, field) ?? ANYTHING, merged[field], change);
  }
  return merged;
}

function mergeLists(schema: Schema, list: readonly unknown[], patch: readonly unknown[]): unknown[] {
  const listType = schema['x-kubernetes-list-type'];
  if (listType === 'set') return [...list, ...patch.filter((item) => !list.some((known) => sameValue(known, item)))];
  if (listType !== 'map') return [...patch];
  return patch.reduce<unknown[]>(
    (merged, item) => {
      const key = listMapKey(schema, item);
      const index = merged.findIndex((known) => sameValue(listMapKey(schema, known), key));
      if (isFields(item) && item.$patch === 'delete') return index < 0 ? merged : merged.toSpliced(index, 1);
      const combined = applyStrategicMergePatch(schema.items ?? ANYTHING, merged[index], item);
      return index < 0 ? [...merged, combined] : merged.with(index, combined);
    },
    [...list],
  );
}

function without(list: unknown, removed: unknown): unknown {
  if (!Array.isArray(list) || !Array.isArray(removed)) return list;
  return (list as unknown[]).filter((item) => !removed.some((gone) => sameValue(gone, item)));
}
