import { describe, expect, test } from 'vitest';
import { customResourceDefinitions } from '../../src/api/crd.ts';
import { structuralErrors } from '../../src/dev-cluster/schema/structural.ts';
import { validate } from '../../src/dev-cluster/schema/validate.ts';
import { openApiSchema, rulesOf } from './admit.ts';
import { type SchemaNode, schemaNodes } from './schema-nodes.ts';

// What `apiextensions.k8s.io/v1` demands of a definition, and what its cost estimate of CEL rules needs.
const ALLOWED_KEYS = new Set(
  [
    'type description format default enum pattern minLength maxLength minimum maximum minItems maxItems maxProperties',
    'required properties additionalProperties items x-kubernetes-validations',
    'x-kubernetes-list-type x-kubernetes-list-map-keys x-kubernetes-map-type',
  ].flatMap((line) => line.split(' ')),
);
const KINDS_OF_LIST = new Set(['map', 'set', 'atomic']);

describe.each(customResourceDefinitions().map((definition) => ({ kind: definition.spec.names.kind, definition })))(
  '$kind',
  ({ kind, definition }) => {
    const root = openApiSchema(kind);
    const nodes = schemaNodes(root);
    const failing = (isBad: (node: SchemaNode) => boolean) => nodes.filter(isBad).map(({ path }) => path);
    const isTop = ({ path }: SchemaNode) => ['apiVersion', 'kind', 'metadata', ''].includes(path);

    test('is named after its group and plural', () => {
      const { group, names } = definition.spec;
      expect(definition.metadata.name).toBe(`${names.plural}.${group}`);
      expect(names.categories).toEqual(['safekeepers']);
    });

    test('has a structural schema, without anything that a structural schema may not have', () => {
      expect(structuralErrors(root, 'schema')).toEqual([]);
      expect(failing(({ schema }) => Object.keys(schema).some((key) => !ALLOWED_KEYS.has(key)))).toEqual([]);
      expect(
        failing(({ schema }) => schema.properties !== undefined && schema.additionalProperties !== undefined),
      ).toEqual([]);
      expect(root.properties?.metadata).toEqual({ type: 'object' });
    });

    test('describes every field', () => {
      expect(failing((node) => node.isProperty && !isTop(node) && (node.schema.description ?? '') === '')).toEqual([]);
    });

    test('has a default for every field of the spec, or says what its absence means', () => {
      const unclear = ({ path, schema, isRequired, isProperty }: SchemaNode) =>
        path.startsWith('spec.') &&
        isProperty &&
        !isRequired &&
        schema.default === undefined &&
        !/\b[Ww]hen (\w+ and \w+ are |it and \w+ are )?absent\b/.test(schema.description ?? '');
      expect(failing(unclear)).toEqual([]);
    });

    test('has no default in the status and none for a required field', () => {
      expect(failing(({ path, schema }) => path.startsWith('status') && schema.default !== undefined)).toEqual([]);
      expect(failing(({ isRequired, schema }) => isRequired && schema.default !== undefined)).toEqual([]);
    });

    test('has defaults that are valid as they stand, rules included', () => {
      for (const { path, schema } of nodes.filter((node) => node.schema.default !== undefined)) {
        expect(validate(schema, schema.default, path)).toEqual([]);
        expect(rulesOf(schema).check(schema.default, undefined, path)).toEqual([]);
      }
    });

    test('bounds every text, list, map and number', () => {
      const unbounded = ({ schema }: SchemaNode) =>
        (schema.type === 'string' && schema.enum === undefined && schema.maxLength === undefined) ||
        (schema.type === 'array' && schema.maxItems === undefined) ||
        (schema.additionalProperties !== undefined && schema.maxProperties === undefined) ||
        (schema.type === 'integer' && (schema.minimum === undefined || schema.maximum === undefined));
      expect(failing((node) => !isTop(node) && unbounded(node))).toEqual([]);
    });

    test('says how every list merges; keys of a list map are always there; sets hold scalars', () => {
      const lists = nodes.filter(({ schema }) => schema.type === 'array');
      for (const { path, schema } of lists) {
        expect(KINDS_OF_LIST, path).toContain(schema['x-kubernetes-list-type']);
        for (const key of schema['x-kubernetes-list-map-keys'] ?? []) {
          expect(schema.items?.required, `${path}[].${key}`).toContain(key);
          expect(['string', 'integer', 'boolean']).toContain(schema.items?.properties?.[key]?.type);
        }
        if (schema['x-kubernetes-list-type'] === 'set') expect(schema.items?.type, path).not.toBe('object');
      }
    });

    test('has rules with a message of one line', () => {
      const rules = nodes.flatMap(({ schema }) => schema['x-kubernetes-validations'] ?? []);
      expect(rules.length).toBeGreaterThan(5);
      for (const { rule, message } of rules) {
        expect(rule).not.toContain('\n');
        expect(message).toMatch(/^\S[^\n]*\S$/);
      }
    });

    test('has patterns that RE2 knows: anchored, without look-around or back references', () => {
      const patterns = nodes.flatMap(({ schema }) => schema.pattern ?? []);
      for (const pattern of patterns) expect(pattern).toMatch(/^\^(?!.*(\(\?|\\[0-9dws])).*\$$/);
    });

    test('has enums in CamelCase', () => {
      const words = nodes.flatMap(({ schema }) => schema.enum ?? []);
      for (const word of words) expect(word).toMatch(/^[A-Z][A-Za-z]*$/);
    });

    test('has printer columns whose fields exist', () => {
      const paths = new Set([...nodes.map(({ path }) => `.${path}`), '.metadata.creationTimestamp']);
      for (const { jsonPath } of definition.spec.versions[0].additionalPrinterColumns) {
        expect(paths).toContain(jsonPath.replace(/\[[^\]]*\]/, '[]'));
      }
    });
  },
);

test('kubectl shows the columns of the product description', () => {
  const columns = customResourceDefinitions().map(({ spec }) =>
    spec.versions[0].additionalPrinterColumns.map(({ name, priority }) => (priority === 1 ? `${name} (wide)` : name)),
  );
  expect(columns).toEqual([
    ['Ready', 'Status', 'Timelines', 'Degraded', 'Recovering', 'Blocked', 'Age', 'Message (wide)'],
    ['Redundancy', 'Ready', 'Status', 'Donor', 'Age', 'Tenant (wide)', 'Timeline (wide)', 'Message (wide)'],
  ]);
});
