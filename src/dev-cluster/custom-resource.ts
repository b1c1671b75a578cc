import { compileJsonPath } from './json-path.ts';
import { fieldOf, type Fields, isFields, type KubeObject, listOf, textOf } from './object.ts';
import type { ResourceType } from './resource-type.ts';
import { objectSchema } from './schema/builder.ts';
import { compileRules } from './schema/cel.ts';
import { applyDefaults } from './schema/default-prune.ts';
import { type Schema, structuralErrors } from './schema/structural.ts';
import { validate } from './schema/validate.ts';
import type { Cause } from './status-error.ts';
import { AGE_COLUMN, type Column, formatAge, NAME_COLUMN } from './table.ts';

export type Compilation =
  | { readonly kind: 'compiled'; readonly type: ResourceType }
  | { readonly kind: 'refused'; readonly causes: readonly Cause[] };

/** `plural.group`: both the name of a definition and the collection of its objects. */
export function collectionOf(definition: Fields): string {
  return `${textOf(fieldOf(definition.spec, 'names'), 'plural')}.${textOf(definition.spec, 'group')}`;
}

/** Makes the resource type of a CustomResourceDefinition, or says everything in it that this server cannot honour. */
export function compileCustomResource(definition: KubeObject): Compilation {
  const versions = listOf(definition.spec, 'versions');
  const [version] = versions;
  if (versions.length !== 1 || !isFields(version) || version.served !== true || version.storage !== true) {
    return refused('spec.versions', 'must be exactly one version, served and stored: this server does not convert');
  }
  const path = 'spec.versions[0].schema.openAPIV3Schema';
  const given = fieldOf(version.schema, 'openAPIV3Schema');
  if (given === undefined) return refused(path, 'schemas are required');
  const structural = structuralErrors(given, path);
  if (structural.length > 0) return { kind: 'refused', causes: structural };
  if (fieldOf(version.subresources, 'scale') !== undefined) {
    return refused('spec.versions[0].subresources.scale', 'the scale subresource is not supported by this server');
  }
  const own = given as Schema;
  if (Object.keys(own.properties?.metadata ?? {}).some((key) => key !== 'type' && key !== 'description')) {
    return refused(
      `${path}.properties[metadata]`,
      'this server restricts metadata.name only by rules on self.metadata.name',
    );
  }
  const wrongDefaults = defaultErrors(own, path);
  if (wrongDefaults.length > 0) return { kind: 'refused', causes: wrongDefaults };
  const schema = objectSchema(own);
  const rules = compileRules(schema, path);
  if (rules.kind === 'refused') return rules;
  const columns = compileColumns(version);
  if (columns.kind === 'refused') return columns;
  const { spec } = definition;
  const names = fieldOf(spec, 'names');
  const kind = textOf(names, 'kind');
  const group = textOf(spec, 'group');
  return {
    kind: 'compiled',
    type: {
      group,
      version: textOf(version, 'name'),
      kind,
      plural: textOf(names, 'plural'),
      singular: textOf(names, 'singular') || kind.toLowerCase(),
      shortNames: listOf(names, 'shortNames') as string[],
      categories: listOf(names, 'categories') as string[],
      namespaced: textOf(spec, 'scope') === 'Namespaced',
      description: own.description ?? '',
      definition: `${group.split('.').toReversed().join('.')}.${textOf(version, 'name')}.${kind}`,
      schema,
      rules: rules.rules,
      hasStatus: isFields(fieldOf(version.subresources, 'status')),
      countsGenerations: true,
      allowsUnconditionalUpdate: false,
      columns: columns.columns,
      selectableFields: listOf(version, 'selectableFields').map((entry) => textOf(entry, 'jsonPath').slice(1)),
      collection: collectionOf(definition),
      view: undefined,
    },
  };
}

type Columns =
  | { readonly kind: 'columns'; readonly columns: readonly Column[] }
  | { readonly kind: 'refused'; readonly causes: readonly Cause[] };

function compileColumns(version: Fields): Columns {
  const given = listOf(version, 'additionalPrinterColumns');
  if (given.length === 0) return { kind: 'columns', columns: [NAME_COLUMN, AGE_COLUMN] };
  const columns: Column[] = [NAME_COLUMN];
  for (const [index, entry] of given.entries()) {
    const find = compileJsonPath(textOf(entry, 'jsonPath'));
    if (find === undefined) {
      const field = `spec.versions[0].additionalPrinterColumns[${index}].jsonPath`;
      return refused(field, 'is not a JSONPath that this server understands');
    }
    const type = textOf(entry, 'type');
    columns.push({
      name: textOf(entry, 'name'),
      type,
      format: textOf(entry, 'format'),
      description: textOf(entry, 'description'),
      priority: Number(fieldOf(entry, 'priority') ?? 0),
      cell: (object, nowMs) => cellOf(type, find(object), nowMs),
    });
  }
  return { kind: 'columns', columns };
}

/** Absent values are empty cells; several values of a text column stand side by side. */
function cellOf(type: string, found: readonly unknown[], nowMs: number): unknown {
  const [first] = found;
  if (first === undefined || first === null) return null;
  if (type === 'date') return formatAge(first, nowMs);
  if (type !== 'string') return first;
  return found.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(' ');
}

/** A default must itself be valid, with the defaults below it filled in. */
function defaultErrors(schema: Schema, path: string): Cause[] {
  const own =
    schema.default === undefined ? [] : validate(schema, applyDefaults(schema, schema.default), `${path}.default`);
  const properties = Object.entries(schema.properties ?? {}).flatMap(([field, child]) =>
    defaultErrors(child, `${path}.properties[${field}]`),
  );
  const items = schema.items === undefined ? [] : defaultErrors(schema.items, `${path}.items`);
  const additional =
    typeof schema.additionalProperties === 'object'
      ? defaultErrors(schema.additionalProperties, `${path}.additionalProperties`)
      : [];
  return [...own, ...properties, ...items, ...additional];
}

function refused(field: string, why: string): { kind: 'refused'; causes: Cause[] } {
  return { kind: 'refused', causes: [{ reason: 'FieldValueInvalid', field, message: `Invalid value: ${why}` }] };
}
