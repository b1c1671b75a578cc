import { describe, expect, test } from 'vitest';
import {
  CRDS,
  items,
  startEmbedded,
  startEmbeddedWithWidgets,
  text,
  WIDGETS,
  widget,
  widgetDefinition,
} from './api.ts';

describe('definitions', () => {
  test('become established and are served at once, and gone with their objects when deleted', async () => {
    const api = await startEmbedded();
    const { body } = await api.post(CRDS, widgetDefinition());
    expect(items(body.status.conditions).map((entry) => `${text(entry.type)}=${text(entry.status)}`)).toEqual([
      'NamesAccepted=True',
      'Established=True',
    ]);
    expect(body.status).toMatchObject({ storedVersions: ['v1alpha1'], acceptedNames: { kind: 'Widget' } });
    await api.post(WIDGETS, widget('w'));
    const watch = await api.watch(`${WIDGETS}?watch=true`);
    expect(await watch.take(1)).toEqual(['ADDED w']);
    await api.send('DELETE', `${CRDS}/widgets.example.dev`);
    expect(await watch.next()).toMatchObject({ type: 'DELETED', object: { metadata: { name: 'w' } } });
    expect(await watch.next()).toBeUndefined();
    expect((await api.get(WIDGETS)).status).toBe(404);
    await api.post(CRDS, widgetDefinition());
    expect((await api.get(WIDGETS)).body.items).toEqual([]);
  });

  test('a changed schema holds from then on', async () => {
    const api = await startEmbeddedWithWidgets();
    await api.send(
      'PATCH',
      `${CRDS}/widgets.example.dev`,
      [
        {
          op: 'add',
          path: '/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/colour',
          value: { type: 'string' },
        },
      ],
      { contentType: 'application/json-patch+json' },
    );
    expect((await api.post(WIDGETS, widget('w', { colour: 'red' }))).body.spec.colour).toBe('red');
  });

  const schemaPath = 'spec.versions[0].schema.openAPIV3Schema';
  test.each([
    ['no type', { properties: { spec: { properties: {} } } }, `${schemaPath}.properties[spec].type`],
    ['$ref', { properties: { spec: { type: 'object', $ref: '#/x' } } }, `${schemaPath}.properties[spec].$ref`],
    ['a list without items', { properties: { a: { type: 'array' } } }, `${schemaPath}.properties[a].items`],
    [
      'a keyed list without keys',
      { properties: { a: { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'map' } } },
      `${schemaPath}.properties[a].x-kubernetes-list-map-keys`,
    ],
    ['a bad pattern', { properties: { a: { type: 'string', pattern: '(' } } }, `${schemaPath}.properties[a].pattern`],
    [
      'structure within anyOf',
      { properties: { a: { type: 'object', anyOf: [{ type: 'object' }] } } },
      `${schemaPath}.properties[a].anyOf[0].type`,
    ],
    [
      'a rule within not',
      { properties: { a: { type: 'string', not: { 'x-kubernetes-validations': [{ rule: 'true' }] } } } },
      `${schemaPath}.properties[a].not.x-kubernetes-validations`,
    ],
    [
      'an embedded resource',
      { properties: { a: { type: 'object', 'x-kubernetes-embedded-resource': true } } },
      `${schemaPath}.properties[a].x-kubernetes-embedded-resource`,
    ],
    [
      'a restricted metadata',
      { properties: { metadata: { type: 'object', required: ['labels'] } } },
      `${schemaPath}.properties[metadata]`,
    ],
    [
      'an option of a rule that is not known',
      { 'x-kubernetes-validations': [{ rule: 'true', optionalOldSelf: true }] },
      `${schemaPath}.x-kubernetes-validations[0].optionalOldSelf`,
    ],
    [
      'a wrong default',
      { properties: { a: { type: 'integer', default: 'x' } } },
      `${schemaPath}.properties[a].default`,
    ],
  ])('a schema with %s is refused', async (_, part, field) => {
    const api = await startEmbedded();
    const definition = structuredClone(widgetDefinition()) as unknown as { spec: { versions: { schema: object }[] } };
    definition.spec.versions[0]!.schema = { openAPIV3Schema: { type: 'object', ...part } };
    const reply = await api.post(CRDS, definition);
    expect(reply.status).toBe(422);
    expect(items(reply.body.details.causes).map((cause) => cause.field)).toContain(field);
  });

  test('what this server cannot do is refused: several versions, unknown column paths', async () => {
    const api = await startEmbedded();
    const two = structuredClone(widgetDefinition()) as unknown as { spec: { versions: object[] } };
    two.spec.versions.push({ ...two.spec.versions[0], name: 'v1', storage: false });
    expect((await api.post(CRDS, two)).body.message).toContain('exactly one version');
    const column = structuredClone(widgetDefinition()) as unknown as {
      spec: { versions: { additionalPrinterColumns: object[] }[] };
    };
    column.spec.versions[0]!.additionalPrinterColumns = [{ name: 'X', type: 'string', jsonPath: '.a[?(@.b > 1)]' }];
    expect((await api.post(CRDS, column)).body.message).toContain('JSONPath');
    const misnamed = { ...widgetDefinition(), metadata: { name: 'other.example.dev' } };
    expect((await api.post(CRDS, misnamed)).body.message).toContain('metadata.name');
  });

  test('a __proto__ key is refused', async () => {
    const api = await startEmbeddedWithWidgets();
    const json = JSON.stringify(widget('w')).replace('"spec":{', '"spec":{"__proto__":{"a":1},');
    expect(await api.send('POST', WIDGETS, json)).toMatchObject({ status: 400 });
  });
});
