import { type Fields, childPath, isFields } from '../object.ts';
import { propertySchema, type Schema } from './structural.ts';

/** Copies `value` without the fields that the schema does not know; `onUnknown` is told the path of each. */
export function prune(schema: Schema, value: unknown, path: string, onUnknown: (path: string) => void): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    if (items === undefined) return value;
    return value.map((item, index) => prune(items, item, `${path}[${index}]`, onUnknown));
  }
  if (!isFields(value)) return value;
  const kept: Fields = {};
  for (const [field, child] of Object.entries(value)) {
    const childSchema = propertySchema(schema, field);
    const at = childPath(path, field);
    // An object schema without any fields keeps nothing; a schema of another type is left to validation.
    if (childSchema !== undefined) kept[field] = prune(childSchema, child, at, onUnknown);
    else if (schema.type === undefined || schema.type === 'object') onUnknown(at);
    else kept[field] = child;
  }
  return kept;
}

/** Copies `value` with the schema's defaults. A null where the schema knows the type and allows none counts as absent. */
export function applyDefaults(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items === undefined ? value : value.map((item) => applyDefaults(items, item));
  }
  if (!isFields(value)) return value;
  const complete: Fields = {};
  for (const [field, child] of Object.entries(value)) {
    const childSchema = propertySchema(schema, field);
    if (child === null && childSchema?.type !== undefined && childSchema.nullable !== true) continue;
    complete[field] = childSchema === undefined ? child : applyDefaults(childSchema, child);
  }
  for (const [field, childSchema] of Object.entries(schema.properties ?? {})) {
    if (childSchema.default === undefined || Object.hasOwn(complete, field)) continue;
    complete[field] = applyDefaults(childSchema, structuredClone(childSchema.default));
  }
  return complete;
}
