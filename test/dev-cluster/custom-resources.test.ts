import { describe, expect, test } from 'vitest';
import {
  CRDS,
  items,
  type Json,
  startApi,
  startWithWidgets,
  TENANT,
  text,
  WIDGETS,
  widget,
  widgetDefinition,
} from './api.ts';

function causesOf(body: Json): string[] {
  return items(body.details.causes).map((cause) => `${text(cause.field)}: ${text(cause.reason)}`);
}

describe('validation', () => {
  test('a malformed object is refused with every field named', async () => {
    const api = await startWithWidgets();
    const spec = {
      tenantId: 'X',
      replicas: 9,
      mode: 'Sometimes',
      interval: 'soon',
      tags: ['a', 'a', 'much too long'],
      parts: [{ url: 'http://a' }, { id: '1' }, { id: '1' }],
      limits: { cpu: 'four' },
      port: true,
    };
    const { status, body } = await api.post(WIDGETS, widget('w', spec));
    expect(status).toBe(422);
    expect(text(body.message)).toContain('Widget.example.dev "w" is invalid: [');
    expect(text(body.message)).toContain(
      `spec.tenantId: Invalid value: "X": spec.tenantId in body should match '^[0-9a-f]{32}$'`,
    );
    expect(text(body.message)).toContain(
      'spec.mode: Unsupported value: "Sometimes": supported values: "Automatic", "Propose"',
    );
    expect(causesOf(body)).toEqual([
      'spec.tenantId: FieldValueInvalid',
      'spec.replicas: FieldValueInvalid',
      'spec.mode: FieldValueNotSupported',
      'spec.interval: FieldValueInvalid',
      'spec.tags[2]: FieldValueTooLong',
      'spec.tags[1]: FieldValueDuplicate',
      'spec.parts[0].id: FieldValueRequired',
      'spec.parts[2]: FieldValueDuplicate',
      'spec.limits.cpu: FieldValueTypeInvalid',
      'spec.port: FieldValueTypeInvalid',
      '<nil>: FieldValueInvalid',
    ]);
  });

  test('a missing required field', async () => {
    const api = await startWithWidgets();
    const { body } = await api.post(WIDGETS, { ...widget('w'), spec: {} });
    expect(causesOf(body)[0]).toBe('spec.tenantId: FieldValueRequired');
    expect(text(body.message)).toContain('spec.tenantId: Required value');
  });

  test('defaults are filled in, at every depth', async () => {
    const api = await startWithWidgets();
    const { body } = await api.post(WIDGETS, widget('w', { parts: [{ id: '1' }, { id: '2', weight: 7 }] }));
    expect(body.spec).toEqual({
      tenantId: TENANT,
      replicas: 3,
      mode: 'Automatic',
      parts: [
        { id: '1', weight: 1 },
        { id: '2', weight: 7 },
      ],
    });
  });

  test('a null gives way to the default or counts as absent', async () => {
    const api = await startWithWidgets();
    const { body } = await api.post(WIDGETS, widget('w', { replicas: null, interval: null, extra: { free: null } }));
    expect(body.spec).toEqual({ tenantId: TENANT, replicas: 3, mode: 'Automatic', extra: { free: null } });
  });

  test('unknown fields: refused, warned of or dropped in silence', async () => {
    const api = await startWithWidgets();
    const body = widget('w', { tenantid: 'x', extra: { free: { deep: 1 } }, parts: [{ id: '1', colour: 'red' }] });
    const strict = await api.post(`${WIDGETS}?fieldValidation=Strict`, body);
    expect(strict.status).toBe(400);
    expect(strict.body.message).toBe(
      'Widget in version "v1alpha1" cannot be handled as a Widget: strict decoding error: ' +
        'unknown field "spec.tenantid", unknown field "spec.parts[0].colour"',
    );
    const warned = await api.post(`${WIDGETS}?fieldValidation=Warn&dryRun=All`, body);
    expect(warned.warning).toContain('unknown field \\"spec.tenantid\\"');
    const ignored = await api.post(`${WIDGETS}?fieldValidation=Ignore`, body);
    expect(ignored.warning).toBeNull();
    expect(ignored.body.spec).toMatchObject({ extra: { free: { deep: 1 } }, parts: [{ id: '1', weight: 1 }] });
    expect(ignored.body.spec).not.toHaveProperty('tenantid');
    expect((await api.post(`${WIDGETS}?fieldValidation=Maybe`, widget('x'))).status).toBe(400);
  });

  test('duplicate keys are found in JSON and YAML', async () => {
    const api = await startWithWidgets();
    const json = JSON.stringify(widget('w', { parts: [{ id: '1' }] })).replace('"id":"1"', '"id":"0","id":"1"');
    const reply = await api.send('POST', `${WIDGETS}?fieldValidation=Strict`, json);
    expect(reply).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('duplicate field "spec.parts[0].id"') },
    });
    const yaml = `apiVersion: example.dev/v1alpha1\nkind: Widget\nmetadata: {name: w}\nspec:\n  replicas: 1\n  replicas: 2\n`;
    const options = { contentType: 'application/yaml' };
    const second = await api.send('POST', `${WIDGETS}?fieldValidation=Strict`, yaml, options);
    expect(second).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('duplicate field "replicas"') },
    });
  });

  test('a __proto__ key is refused', async () => {
    const api = await startWithWidgets();
    const json = JSON.stringify(widget('w')).replace('"spec":{', '"spec":{"__proto__":{"a":1},');
    expect(await api.send('POST', WIDGETS, json)).toMatchObject({ status: 400 });
  });
});

describe('definitions', () => {
  test('become established and are served at once, and gone with their objects when deleted', async () => {
    const api = await startApi();
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
    const api = await startWithWidgets();
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
    const api = await startApi();
    const definition = structuredClone(widgetDefinition()) as unknown as { spec: { versions: { schema: object }[] } };
    definition.spec.versions[0]!.schema = { openAPIV3Schema: { type: 'object', ...part } };
    const reply = await api.post(CRDS, definition);
    expect(reply.status).toBe(422);
    expect(items(reply.body.details.causes).map((cause) => cause.field)).toContain(field);
  });

  test('what this server cannot do is refused: several versions, unknown column paths', async () => {
    const api = await startApi();
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
});
