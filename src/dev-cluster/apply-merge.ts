import { type FieldSet, NO_FIELDS, partsOf } from './field-set.ts';
import { isFields } from './object.ts';
import { ANYTHING, propertySchema, type Schema } from './schema/structural.ts';

/** Lays an applied configuration over a value: maps by field, keyed lists and sets by item, everything else whole. */
export function mergeApplied(schema: Schema, live: unknown, applied: unknown): unknown {
  if (isFields(live) && isFields(applied) && schema['x-kubernetes-map-type'] !== 'atomic') {
    const merged = Object.entries(applied).map(([field, value]) => {
      const childSchema = propertySchema(schema, field) ?? ANYTHING;
      return [field, Object.hasOwn(live, field) ? mergeApplied(childSchema, live[field], value) : value];
    });
    return { ...live, ...Object.fromEntries(merged) };
  }
  if (!Array.isArray(live) || !Array.isArray(applied)) return applied;
  const parts = partsOf(schema, live);
  const appliedParts = partsOf(schema, applied);
  if (parts === undefined || appliedParts === undefined) return applied;
  const kept = [...parts].map(([step, part]) => {
    const over = appliedParts.get(step);
    return over === undefined ? part.value : mergeApplied(part.schema, part.value, over.value);
  });
  return [...kept, ...[...appliedParts].filter(([step]) => !parts.has(step)).map(([, part]) => part.value)];
}

/**
 * Copies `value` without the fields in `gone`. A map or list that becomes empty by it goes too; when its own path is in
 * `kept`, a real server makes null of it, and few schemas take that.
 */
export function removeFields(schema: Schema, value: unknown, gone: FieldSet, kept: FieldSet): unknown {
  const parts = partsOf(schema, value);
  if (parts === undefined || gone.children.size === 0) return value;
  const remaining: [string, unknown][] = [];
  for (const [step, part] of parts) {
    const goneChild = gone.children.get(step) ?? NO_FIELDS;
    const keptChild = kept.children.get(step) ?? NO_FIELDS;
    const child = removeFields(part.schema, part.value, goneChild, keptChild);
    const emptied = goneChild.children.size > 0 && isEmptyContainer(child);
    const removed = goneChild.owned && keptChild.children.size === 0;
    if (emptied && keptChild.owned) remaining.push([step, null]);
    else if (!emptied && !removed) remaining.push([step, child]);
  }
  if (Array.isArray(value)) return remaining.map(([, child]) => child);
  return Object.fromEntries(remaining.map(([step, child]) => [step.slice(2), child]));
}

function isEmptyContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}
