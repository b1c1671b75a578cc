import { mergeApplied, removeFields } from './apply-merge.ts';
import {
  compareFields,
  difference,
  type FieldSet,
  fieldsOf,
  formatFieldsV1,
  intersection,
  isEmptySet,
  NO_FIELDS,
  parseFieldsV1,
  pathsOf,
  union,
} from './field-set.ts';
import { type Fields, type KubeObject, sameValue, textOf } from './object.ts';
import type { Schema } from './schema/structural.ts';
import { applyConflict, type Cause } from './status-error.ts';

/** Who writes: identifies the entry of managedFields. */
export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  /** Empty for the main resource. */
  readonly subresource: string;
  /** RFC 3339. */
  readonly now: string;
}

interface Entry extends Writer {
  readonly operation: 'Apply' | 'Update';
  readonly fields: FieldSet;
}

/** Fields that the server or the URL decides, which therefore have no manager. */
const UNMANAGED: FieldSet = parseFieldsV1({
  'f:apiVersion': {},
  'f:kind': {},
  'f:metadata': {
    '.': {},
    ...Object.fromEntries(
      ['name', 'namespace', 'generateName', 'selfLink', 'uid', 'resourceVersion', 'generation', 'managedFields']
        .concat('creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds')
        .map((field) => [`f:${field}`, {}]),
    ),
  },
});

/** managedFields after a create, update or patch: what changed belongs to the writer, and to nobody else any more. */
export function trackUpdate(
  schema: Schema,
  before: KubeObject | undefined,
  after: KubeObject,
  writer: Writer,
): Fields[] {
  const entries = decode(after.metadata.managedFields ?? before?.metadata.managedFields ?? []);
  const { changed, removed } = compareFields(schema, before ?? {}, after);
  const taken = withoutUnmanaged(changed);
  const isOwn = (entry: Entry) => entry.operation === 'Update' && sameWriter(entry, writer);
  const others = entries.map((entry) => {
    const without = difference(entry.fields, removed);
    return isOwn(entry) ? { ...entry, fields: without } : { ...entry, fields: difference(without, taken) };
  });
  const own = others.find(isOwn);
  const fields = union(own?.fields ?? NO_FIELDS, taken);
  const unchanged = own !== undefined && isEmptySet(difference(fields, own.fields));
  const updated: Entry = { ...writer, operation: 'Update', fields, now: unchanged ? own.now : writer.now };
  return encode([...others.filter((entry) => !isOwn(entry)), updated]);
}

export interface Applied {
  readonly object: Fields;
  readonly managedFields: Fields[];
}

/**
 * Server-side apply: merges the configuration, drops what this manager applied before and no longer does, and records who
 * owns what. Throws a Conflict that names every field of another manager that would change, unless `force` takes them.
 */
export function applyConfiguration(
  schema: Schema,
  live: KubeObject | undefined,
  configuration: Fields,
  writer: Writer,
  force: boolean,
): Applied {
  const entries = decode(live?.metadata.managedFields ?? []);
  const isOwn = (entry: Entry) => entry.operation === 'Apply' && sameWriter(entry, writer);
  const previous = entries.find(isOwn);
  const fields = withoutUnmanaged(fieldsOf(schema, configuration));
  const merged = mergeApplied(schema, live ?? {}, configuration) as Fields;
  const { changed } = compareFields(schema, live ?? {}, merged);
  const others = entries.filter((entry) => !isOwn(entry));
  if (!force) refuseConflicts(others, changed);
  const reduced = others.map((entry) => ({ ...entry, fields: difference(entry.fields, changed) }));
  const kept = reduced.reduce((all, entry) => union(all, entry.fields), fields);
  const gone = difference(previous?.fields ?? NO_FIELDS, kept);
  const object = removeFields(schema, merged, gone, kept) as Fields;
  const unchanged = previous !== undefined && sameValue(formatFieldsV1(previous.fields), formatFieldsV1(fields));
  const own: Entry = { ...writer, operation: 'Apply', fields, now: unchanged ? previous.now : writer.now };
  return { object, managedFields: encode([...reduced, own]) };
}

function refuseConflicts(others: readonly Entry[], changed: FieldSet): void {
  const causes = others.flatMap((entry): Cause[] => {
    const version = entry.operation === 'Update' ? ` using ${entry.apiVersion}` : '';
    const via = entry.subresource === '' ? '' : ` with subresource "${entry.subresource}"`;
    return pathsOf(intersection(entry.fields, changed)).map((field) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with "${entry.manager}"${via}${version}`,
      field,
    }));
  });
  if (causes.length > 0) throw applyConflict(causes);
}

function sameWriter(left: Writer, right: Writer): boolean {
  return (
    left.manager === right.manager && left.apiVersion === right.apiVersion && left.subresource === right.subresource
  );
}

function withoutUnmanaged(set: FieldSet): FieldSet {
  return difference({ ...set, owned: false }, UNMANAGED);
}

function decode(managedFields: readonly Fields[]): Entry[] {
  return managedFields.map((entry) => ({
    manager: textOf(entry, 'manager'),
    operation: entry.operation === 'Apply' ? 'Apply' : 'Update',
    apiVersion: textOf(entry, 'apiVersion'),
    subresource: textOf(entry, 'subresource'),
    now: textOf(entry, 'time'),
    fields: parseFieldsV1(entry.fieldsV1),
  }));
}

/** Applied entries come first; an entry without fields is dropped. */
function encode(entries: readonly Entry[]): Fields[] {
  const rank = (entry: Entry) => `${entry.operation} ${entry.now} ${entry.manager}`;
  return entries
    .filter((entry) => !isEmptySet(entry.fields))
    .toSorted((left, right) => (rank(left) < rank(right) ? -1 : 1))
    .map(({ manager, operation, apiVersion, now, fields, subresource }) => ({
      manager,
      operation,
      apiVersion,
      time: now,
      fieldsType: 'FieldsV1',
      fieldsV1: formatFieldsV1(fields),
      ...(subresource === '' ? {} : { subresource }),
    }));
}
