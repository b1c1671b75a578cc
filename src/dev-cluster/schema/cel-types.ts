import { Environment } from '@marcbachmann/cel-js';
import { OBJECT_META } from '../metadata.ts';
import { type Fields, isFields } from '../object.ts';
import type { Schema } from './structural.ts';

const RESERVED: ReadonlySet<string> = new Set(
  ['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if'].concat([
    'import',
    'let',
    'loop',
    'package',
    'namespace',
    'return',
    'var',
    'void',
    'while',
  ]),
);
const ESCAPES: readonly (readonly [string, string])[] = [
  ['__', '__underscores__'],
  ['.', '__dot__'],
  ['-', '__dash__'],
  ['/', '__slash__'],
];

/** The name under which CEL reaches a property, escaped as Kubernetes does; undefined when it cannot be reached. */
function celName(property: string): string | undefined {
  if (RESERVED.has(property)) return `__${property}__`;
  const escaped = ESCAPES.reduce((name, [text, escape]) => name.replaceAll(text, escape), property);
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(escaped) ? escaped : undefined;
}

/** An environment with the functions that both checking and evaluation know beyond the CEL standard ones. */
export function celEnvironment(): Environment {
  return new Environment({ enableOptionalTypes: true })
    .registerType('kubernetes.URL', { ctor: URL, fields: {} })
    .registerFunction('url(string): kubernetes.URL', (text: string) => new URL(text))
    .registerFunction('isURL(string): bool', (text: string) => URL.canParse(text))
    .registerFunction('kubernetes.URL.getScheme(): string', (url: URL) => url.protocol.slice(0, -1))
    .registerFunction('kubernetes.URL.getHost(): string', (url: URL) => url.host)
    .registerFunction('kubernetes.URL.getHostname(): string', (url: URL) => url.hostname)
    .registerFunction('kubernetes.URL.getPort(): string', (url: URL) => url.port)
    .registerFunction('kubernetes.URL.getEscapedPath(): string', (url: URL) => url.pathname);
}

/** Declares one CEL object type for every object schema it meets, so that rules are checked against real fields. */
export class CelTypes {
  private readonly names = new Map<Schema, string>();
  private readonly environment: Environment;

  constructor(environment: Environment) {
    this.environment = environment;
  }

  /** The CEL type of a schema's values. */
  typeOf(schema: Schema): string {
    if (schema['x-kubernetes-int-or-string'] === true || schema.type === undefined) return 'dyn';
    switch (schema.type) {
      case 'integer':
        return 'int';
      case 'number':
        return 'double';
      case 'boolean':
        return 'bool';
      case 'string':
        return stringType(schema.format);
      case 'array':
        return schema.items === undefined ? 'list<dyn>' : `list<${this.typeOf(schema.items)}>`;
      case 'object':
        return this.objectType(schema);
    }
  }

  private objectType(schema: Schema): string {
    const values = schema.additionalProperties;
    if (values === true) return 'map<string, dyn>';
    if (values !== undefined && values !== false) return `map<string, ${this.typeOf(values)}>`;
    if (schema.properties === undefined) return 'dyn';
    const known = this.names.get(schema);
    if (known !== undefined) return known;
    const name = `schema.Object${this.names.size + 1}`;
    this.names.set(schema, name);
    const fields: Record<string, string> = {};
    for (const [property, child] of Object.entries(visibleProperties(schema))) {
      const field = celName(property);
      if (field !== undefined) fields[field] = this.typeOf(child);
    }
    // The environment only checks: its values are never made, so neither is this comparison ever run.
    this.environment.registerType(name, { fields }).registerOperator(`${name} == ${name}`, () => true);
    return name;
  }
}

/** As in Kubernetes, rules see nothing of the metadata but the name. */
function visibleProperties(schema: Schema): Readonly<Record<string, Schema>> {
  if (schema !== OBJECT_META) return schema.properties ?? {};
  return { name: { type: 'string' }, generateName: { type: 'string' } };
}

function stringType(format: string | undefined): string {
  if (format === 'date-time' || format === 'date') return 'google.protobuf.Timestamp';
  return format === 'duration' ? 'google.protobuf.Duration' : 'string';
}

/** Turns decoded JSON into what CEL computes with: integers as bigints, times as dates, durations, escaped names. */
export function toCelValue(
  schema: Schema | undefined,
  value: unknown,
  parseDuration: (text: string) => unknown,
): unknown {
  if (typeof value === 'number') {
    return schema?.type === 'number' || !Number.isInteger(value) ? value : BigInt(value);
  }
  if (typeof value === 'string') {
    if (schema?.type !== 'string') return value;
    const type = stringType(schema.format);
    if (type === 'google.protobuf.Timestamp') return new Date(value);
    return type === 'google.protobuf.Duration' ? parseDuration(value) : value;
  }
  if (Array.isArray(value)) return value.map((item) => toCelValue(schema?.items, item, parseDuration));
  if (!isFields(value)) return value;
  const converted: Fields = {};
  for (const [field, child] of Object.entries(value)) {
    const property = schema?.properties?.[field];
    const additional = schema?.additionalProperties;
    const childSchema = property ?? (typeof additional === 'object' ? additional : undefined);
    const name = property === undefined ? field : celName(field);
    // As in Kubernetes, a property that is null counts as absent.
    if (name !== undefined && child !== null) converted[name] = toCelValue(childSchema, child, parseDuration);
  }
  return converted;
}
