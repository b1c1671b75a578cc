import { type Fields, isFields, sameValue } from './object.ts';
import { ANYTHING, listMapKey, propertySchema, type Schema } from './schema/structural.ts';

/**
 * A set of field paths, as a tree. Steps are written as in a managedFields entry (`FieldsV1`): `f:name` a field,
 * `k:{"id":"1"}` an item of a keyed list, `v:"a"` an item of a set. `owned` means that the path itself is in the set.
 */
export interface FieldSet {
  readonly owned: boolean;
  readonly children: ReadonlyMap<string, FieldSet>;
}

export const NO_FIELDS: FieldSet = { owned: false, children: new Map() };
const LEAF: FieldSet = { owned: true, children: new Map() };

export function isEmptySet(set: FieldSet): boolean {
  return !set.owned && set.children.size === 0;
}

export function parseFieldsV1(fields: unknown): FieldSet {
  if (!isFields(fields)) return NO_FIELDS;
  const entries = Object.entries(fields);
  if (entries.length === 0) return LEAF;
  const steps = entries.filter(([step]) => step !== '.');
  return {
    owned: steps.length < entries.length,
    children: new Map(steps.map(([step, child]) => [step, parseFieldsV1(child)])),
  };
}

export function formatFieldsV1(set: FieldSet): Fields {
  if (set.children.size === 0) return {};
  const children = [...set.children].sort(([left], [right]) => (left < right ? -1 : 1));
  const entries = children.map(([step, child]) => [step, formatFieldsV1(child)] as const);
  return { ...(set.owned ? { '.': {} } : {}), ...Object.fromEntries(entries) };
}

export function union(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, (a, b) => a || b);
}

export function intersection(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, (a, b) => a && b);
}

export function difference(left: FieldSet, right: FieldSet): FieldSet {
  return combine(left, right, (a, b) => a && !b);
}

function combine(left: FieldSet, right: FieldSet, keep: (left: boolean, right: boolean) => boolean): FieldSet {
  const children = new Map<string, FieldSet>();
  for (const step of new Set([...left.children.keys(), ...right.children.keys()])) {
    const child = combine(left.children.get(step) ?? NO_FIELDS, right.children.get(step) ?? NO_FIELDS, keep);
    if (!isEmptySet(child)) children.set(step, child);
  }
  return { owned: keep(left.owned, right.owned), children };
}

/** The paths in the set as people read them: `.spec.safekeepers[id="1"].url`. Those of a level come before what is deeper. */
export function pathsOf(set: FieldSet, prefix = ''): string[] {
  const children = [...set.children].sort(([left], [right]) => (left < right ? -1 : 1));
  const paths = children.map(([step, child]) => ({ path: prefix + formatStep(step), child }));
  return [
    ...paths.filter(({ child }) => child.owned).map(({ path }) => path),
    ...paths.flatMap(({ path, child }) => pathsOf(child, path)),
  ];
}

function formatStep(step: string): string {
  const content = step.slice(2);
  if (step.startsWith('f:')) return `.${content}`;
  if (step.startsWith('v:')) return `[=${content}]`;
  const key = JSON.parse(content) as Fields;
  return `[${Object.entries(key)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(',')}]`;
}

/** The parts of a value that have owners of their own: map entries and list items by step, or undefined for a leaf. */
export function partsOf(schema: Schema, value: unknown): Map<string, Part> | undefined {
  if (isFields(value)) {
    if (schema['x-kubernetes-map-type'] === 'atomic') return undefined;
    const entries = Object.entries(value).map(([field, child]) => {
      const declared = Object.hasOwn(schema.properties ?? {}, field);
      return [`f:${field}`, { schema: propertySchema(schema, field) ?? ANYTHING, value: child, declared }] as const;
    });
    return new Map(entries);
  }
  const listType = schema['x-kubernetes-list-type'];
  if (!Array.isArray(value) || (listType !== 'map' && listType !== 'set')) return undefined;
  const itemSchema = schema.items ?? ANYTHING;
  const step = (item: unknown) =>
    listType === 'set' ? `v:${JSON.stringify(item)}` : `k:${JSON.stringify(listMapKey(schema, item))}`;
  return new Map(
    (value as unknown[]).map((item) => [step(item), { schema: itemSchema, value: item, declared: false }]),
  );
}

export interface Part {
  readonly schema: Schema;
  readonly value: unknown;
  /** A named property of the schema, which as such has no owner besides the owners of what is in it. */
  readonly declared: boolean;
}

/** All fields that a value sets. */
export function fieldsOf(schema: Schema, value: unknown): FieldSet {
  const parts = partsOf(schema, value);
  if (parts === undefined || parts.size === 0) return LEAF;
  const children = new Map<string, FieldSet>();
  for (const [step, part] of parts) {
    const set = fieldsOf(part.schema, part.value);
    children.set(step, part.declared ? set : { ...set, owned: true });
  }
  return { owned: false, children };
}

export interface Comparison {
  /** Set or given another value. */
  readonly changed: FieldSet;
  readonly removed: FieldSet;
}

export function compareFields(schema: Schema, before: unknown, after: unknown): Comparison {
  const old = partsOf(schema, before);
  const now = partsOf(schema, after);
  if (old === undefined || now === undefined) {
    return { changed: sameValue(before, after) ? NO_FIELDS : LEAF, removed: NO_FIELDS };
  }
  const changed = new Map<string, FieldSet>();
  const removed = new Map<string, FieldSet>();
  for (const step of new Set([...old.keys(), ...now.keys()])) {
    const oldPart = old.get(step);
    const newPart = now.get(step);
    if (oldPart === undefined && newPart !== undefined) {
      changed.set(step, { ...fieldsOf(newPart.schema, newPart.value), owned: true });
    } else if (oldPart !== undefined && newPart === undefined) {
      removed.set(step, { ...fieldsOf(oldPart.schema, oldPart.value), owned: true });
    } else if (oldPart !== undefined && newPart !== undefined) {
      const inner = compareFields(newPart.schema, oldPart.value, newPart.value);
      if (!isEmptySet(inner.changed)) changed.set(step, inner.changed);
      if (!isEmptySet(inner.removed)) removed.set(step, inner.removed);
    }
  }
  return { changed: { owned: false, children: changed }, removed: { owned: false, children: removed } };
}
