import type { Fields } from '../object.ts';
import { childPath, isFields } from '../object.ts';
import type { Cause } from '../status-error.ts';

export interface ValidationRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
}

/** The part of OpenAPI v3 that a structural schema of a CustomResourceDefinition may use. */
export interface Schema {
  readonly type?: 'object' | 'array' | 'string' | 'integer' | 'number' | 'boolean';
  readonly title?: string;
  readonly description?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly exclusiveMaximum?: boolean;
  readonly multipleOf?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly not?: Schema;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map';
  readonly 'x-kubernetes-list-map-keys'?: readonly string[];
  readonly 'x-kubernetes-map-type'?: 'granular' | 'atomic';
  readonly 'x-kubernetes-validations'?: readonly ValidationRule[];
}

/** A value about which the schema says nothing: kept as it is. */
export const ANYTHING: Schema = { 'x-kubernetes-preserve-unknown-fields': true };

const STRUCTURAL_KEYS: ReadonlySet<string> = new Set(
  `type title description format nullable default example externalDocs enum pattern minLength maxLength
  minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems minProperties maxProperties
  required properties additionalProperties items allOf anyOf oneOf not
  x-kubernetes-preserve-unknown-fields x-kubernetes-int-or-string
  x-kubernetes-list-type x-kubernetes-list-map-keys x-kubernetes-map-type x-kubernetes-validations`.split(/\s+/),
);
const TYPES: readonly unknown[] = ['object', 'array', 'string', 'integer', 'number', 'boolean'];

/** The schema of one property of an object or map, or undefined when the schema does not know it. */
export function propertySchema(schema: Schema, field: string): Schema | undefined {
  const { properties } = schema;
  if (properties !== undefined && Object.hasOwn(properties, field)) return properties[field];
  const additional = schema.additionalProperties;
  if (additional === true) return ANYTHING;
  if (additional !== undefined && additional !== false) return additional;
  return schema['x-kubernetes-preserve-unknown-fields'] === true ? ANYTHING : undefined;
}

/** The values of an item's list-map keys: what identifies it in its list. Defaults are applied before. */
export function listMapKey(schema: Schema, item: unknown): Fields {
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  return Object.fromEntries(
    keys.toSorted().flatMap((key) => (isFields(item) && Object.hasOwn(item, key) ? [[key, item[key]]] : [])),
  );
}

/** Everything that keeps `schema` from being a structural schema that this server understands completely. */
export function structuralErrors(schema: unknown, path: string): Cause[] {
  if (!isFields(schema)) return [problem(path, 'must be a schema object')];
  return [...ownErrors(schema, path), ...childErrors(schema, path), ...combinationErrors(schema, path)];
}

function ownErrors(schema: Fields, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const key of Object.keys(schema)) {
    if (!STRUCTURAL_KEYS.has(key))
      causes.push(problem(childPath(path, key), 'is not supported in a structural schema'));
  }
  const typed = TYPES.includes(schema.type);
  const free = schema['x-kubernetes-preserve-unknown-fields'] === true || schema['x-kubernetes-int-or-string'] === true;
  if (!typed && !(free && schema.type === undefined)) {
    causes.push({
      reason: 'FieldValueRequired',
      field: childPath(path, 'type'),
      message: 'Required value: must not be empty for specified object fields',
    });
  }
  if (schema.properties !== undefined && schema.additionalProperties !== undefined) {
    causes.push(problem(path, 'properties and additionalProperties are mutually exclusive'));
  }
  if (schema.type === 'array' && schema.items === undefined) {
    causes.push({
      reason: 'FieldValueRequired',
      field: childPath(path, 'items'),
      message: 'Required value: must be specified',
    });
  }
  if (schema['x-kubernetes-list-type'] === 'map' && !Array.isArray(schema['x-kubernetes-list-map-keys'])) {
    causes.push({
      reason: 'FieldValueRequired',
      field: childPath(path, 'x-kubernetes-list-map-keys'),
      message: 'Required value: must be set for list type map',
    });
  }
  if (typeof schema.pattern === 'string' && !isPattern(schema.pattern)) {
    causes.push(problem(childPath(path, 'pattern'), 'must be a valid regular expression'));
  }
  return causes;
}

function childErrors(schema: Fields, path: string): Cause[] {
  const causes: Cause[] = [];
  if (isFields(schema.properties)) {
    for (const [field, child] of Object.entries(schema.properties)) {
      causes.push(...structuralErrors(child, `${childPath(path, 'properties')}[${field}]`));
    }
  }
  if (schema.items !== undefined) causes.push(...structuralErrors(schema.items, childPath(path, 'items')));
  if (isFields(schema.additionalProperties)) {
    causes.push(...structuralErrors(schema.additionalProperties, childPath(path, 'additionalProperties')));
  }
  return causes;
}

/** What stands in allOf, anyOf, oneOf and not may only restrict values whose structure is declared outside. */
function combinationErrors(schema: Fields, path: string): Cause[] {
  const parts = ['allOf', 'anyOf', 'oneOf', 'not'].flatMap((key): [string, unknown][] => {
    const value = schema[key];
    if (!Array.isArray(value)) return value === undefined ? [] : [[childPath(path, key), value]];
    return (value as unknown[]).map((part, index): [string, unknown] => [`${childPath(path, key)}[${index}]`, part]);
  });
  const typeAllowed = schema['x-kubernetes-int-or-string'] === true;
  return parts.flatMap(([at, part]) => restrictionErrors(part, at, typeAllowed));
}

function restrictionErrors(part: unknown, path: string, typeAllowed: boolean): Cause[] {
  if (!isFields(part)) return [problem(path, 'must be a schema object')];
  const structure = [
    'description',
    'title',
    'default',
    'nullable',
    'additionalProperties',
    ...(typeAllowed ? [] : ['type']),
  ];
  const own = Object.keys(part)
    .filter((key) => structure.includes(key) || !STRUCTURAL_KEYS.has(key) || key.startsWith('x-kubernetes-'))
    .map((key) => problem(childPath(path, key), 'is not allowed within allOf, anyOf, oneOf or not'));
  const properties = Object.entries(isFields(part.properties) ? part.properties : {});
  const below = properties.flatMap(([field, child]) =>
    restrictionErrors(child, `${childPath(path, 'properties')}[${field}]`, false),
  );
  const items = part.items === undefined ? [] : restrictionErrors(part.items, childPath(path, 'items'), false);
  return [...own, ...below, ...items, ...combinationErrors(part, path)];
}

function isPattern(pattern: string): boolean {
  try {
    return new RegExp(pattern, 'u') instanceof RegExp;
  } catch {
    return false;
  }
}

function problem(field: string, message: string): Cause {
  return { reason: 'FieldValueInvalid', field, message: `Invalid value: ${message}` };
}
