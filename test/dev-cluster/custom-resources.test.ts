import { describe, expect, test } from 'vitest';
import { items, type Json, startWithWidgets, TENANT, text, WIDGETS, widget } from './api.ts';

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
    expect(causesOf(body).toSorted()).toEqual(
      [
        'spec.tenantId: FieldValueInvalid',
        'spec.replicas: FieldValueInvalid',
        'spec.mode: FieldValueNotSupported',
        'spec.interval: FieldValueTypeInvalid',
        'spec.tags[2]: FieldValueTooLong',
        'spec.tags[1]: FieldValueDuplicate',
        'spec.parts[0].id: FieldValueRequired',
        'spec.parts[2]: FieldValueDuplicate',
        'spec.limits.cpu: FieldValueTypeInvalid',
        'spec.port: FieldValueTypeInvalid',
        '<nil>: FieldValueInvalid',
      ].toSorted(),
    );
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
        'unknown field "spec.parts[0].colour", unknown field "spec.tenantid"',
    );
    const warned = await api.post(`${WIDGETS}?fieldValidation=Warn&dryRun=All`, body);
    expect(warned.warning).toContain('unknown field \\"spec.tenantid\\"');
    const ignored = await api.post(`${WIDGETS}?fieldValidation=Ignore`, body);
    expect(ignored.warning).toBeNull();
    expect(ignored.body.spec).toMatchObject({ extra: { free: { deep: 1 } }, parts: [{ id: '1', weight: 1 }] });
    expect(ignored.body.spec).not.toHaveProperty('tenantid');
    expect((await api.post(`${WIDGETS}?fieldValidation=Maybe`, widget('x'))).status).toBe(422);
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
      body: { message: expect.stringContaining('"replicas"') },
    });
  });
});
