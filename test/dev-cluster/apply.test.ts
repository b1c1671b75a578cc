import { describe, expect, test } from 'vitest';
import { type Api, type Json, items, startWithWidgets, TENANT, text, WIDGETS, widget } from './api.ts';

const W = `${WIDGETS}/w`;

function managers(object: Json): string[] {
  return items(object.metadata.managedFields).map((entry) =>
    [entry.operation, entry.manager, entry.subresource]
      .filter((part) => part !== undefined)
      .map(text)
      .join(' '),
  );
}

function fieldsOf(object: Json, manager: string): unknown {
  return items(object.metadata.managedFields).find((entry) => text(entry.manager) === manager)?.fieldsV1;
}

async function applied(api: Api, manager: string, spec: object, query = ''): Promise<Json> {
  const reply = await api.apply(W, manager, widget('w', spec), query);
  expect(reply.body).toMatchObject({ kind: 'Widget' });
  return reply.body;
}

describe('server-side apply', () => {
  test('creates, records the fields, and a second apply changes nothing', async () => {
    const api = await startWithWidgets();
    const first = await api.apply(W, 'one', widget('w', { parts: [{ id: '1', url: 'http://a' }], tags: ['x'] }));
    expect(first.status).toBe(201);
    expect(fieldsOf(first.body, 'one')).toEqual({
      'f:spec': {
        'f:tenantId': {},
        'f:tags': { 'v:"x"': {} },
        'f:parts': { 'k:{"id":"1"}': { '.': {}, 'f:id': {}, 'f:url': {} } },
      },
    });
    const second = await api.apply(W, 'one', widget('w', { parts: [{ id: '1', url: 'http://a' }], tags: ['x'] }));
    expect(second).toMatchObject({ status: 200 });
    expect(second.body).toEqual(first.body);
  });

  test('managers own their items of keyed lists and sets', async () => {
    const api = await startWithWidgets();
    await applied(api, 'one', { parts: [{ id: '1' }], tags: ['a'], limits: { cpu: 1 } });
    const both = await applied(api, 'two', { parts: [{ id: '2' }], tags: ['b'], limits: { memory: 2 } });
    expect(both.spec).toMatchObject({
      parts: [
        { id: '1', weight: 1 },
        { id: '2', weight: 1 },
      ],
      tags: ['a', 'b'],
      limits: { cpu: 1, memory: 2 },
    });
    const withoutTwo = await applied(api, 'two', {});
    expect(withoutTwo.spec).toEqual({
      tenantId: TENANT,
      replicas: 3,
      mode: 'Automatic',
      parts: [{ id: '1', weight: 1 }],
      tags: ['a'],
      limits: { cpu: 1 },
    });
  });

  test('what a manager no longer applies goes, with containers that become empty; what another applies too stays', async () => {
    const api = await startWithWidgets();
    await applied(api, 'one', { replicas: 5, limits: { cpu: 1 }, extra: { a: { b: 1 } } });
    await applied(api, 'two', { replicas: 5 });
    const reduced = await applied(api, 'one', {});
    expect(reduced.spec).toEqual({ tenantId: TENANT, replicas: 5, mode: 'Automatic' });
    expect((await applied(api, 'two', {})).spec).toMatchObject({ replicas: 3 });
  });

  test('a change of what another manager set is a conflict that names the field, unless forced', async () => {
    const api = await startWithWidgets();
    await applied(api, 'one', { replicas: 2, parts: [{ id: '1', weight: 5 }] });
    const other = widget('w', { replicas: 4, parts: [{ id: '1', weight: 6 }] });
    const refused = await api.apply(W, 'two', other);
    expect(refused).toMatchObject({ status: 409, body: { reason: 'Conflict' } });
    expect(items(refused.body.details.causes)).toEqual(
      ['.spec.replicas', '.spec.parts[id="1"].weight'].map((field) => ({
        reason: 'FieldManagerConflict',
        field,
        message: 'conflict with "one"',
      })),
    );
    const forced = await api.apply(W, 'two', other, '&force=true');
    expect(forced.body.spec).toMatchObject({ replicas: 4, parts: [{ id: '1', weight: 6 }] });
    expect(fieldsOf(forced.body, 'one')).not.toHaveProperty(['f:spec', 'f:replicas']);
    const again = await api.apply(W, 'one', widget('w', { replicas: 2 }));
    expect(again.status).toBe(409);
  });

  test('atomic maps and lists belong to one manager as a whole', async () => {
    const api = await startWithWidgets();
    await applied(api, 'one', { owner: { name: 'a', key: 'k' } });
    expect((await api.apply(W, 'two', widget('w', { owner: { name: 'b' } }))).status).toBe(409);
    const forced = await applied(api, 'two', { owner: { name: 'b' } }, '&force=true');
    expect(forced.spec.owner).toEqual({ name: 'b' });
  });

  test('updates take ownership of what they change', async () => {
    const api = await startWithWidgets();
    await applied(api, 'one', { replicas: 2, mode: 'Propose' });
    const patched = await api.mergePatch(`${W}?fieldManager=editor`, { spec: { replicas: 5 } });
    expect(managers(patched.body)).toEqual(['Apply one', 'Update editor']);
    expect(fieldsOf(patched.body, 'editor')).toEqual({ 'f:spec': { 'f:replicas': {} } });
    expect(fieldsOf(patched.body, 'one')).toEqual({ 'f:spec': { 'f:mode': {}, 'f:tenantId': {} } });
    const conflict = await api.apply(W, 'one', widget('w', { replicas: 2 }));
    expect(conflict.body.message).toContain('conflict with "editor" using example.dev/v1alpha1: .spec.replicas');
  });

  test('the status has managers of its own and the spec is out of their reach', async () => {
    const api = await startWithWidgets();
    await applied(api, 'one', { replicas: 2 });
    const status = (conditions: object[], message?: string) => ({
      ...widget('w', { replicas: 9 }),
      status: { conditions, ...(message === undefined ? {} : { message }) },
    });
    const ready = { type: 'Ready', status: 'True' };
    const first = await api.apply(`${W}/status`, 'ctl', status([ready, { type: 'Paused', status: 'False' }], 'hi'));
    expect(first.body).toMatchObject({
      spec: { replicas: 2 },
      status: { message: 'hi', conditions: [ready, { type: 'Paused' }] },
      metadata: { generation: 1 },
    });
    expect(managers(first.body)).toEqual(['Apply ctl status', 'Apply one']);
    const again = await api.apply(`${W}/status`, 'ctl', status([ready, { type: 'Paused', status: 'False' }], 'hi'));
    expect(again.body.metadata.resourceVersion).toBe(first.body.metadata.resourceVersion);
    const fewer = await api.apply(`${W}/status`, 'ctl', status([ready]));
    expect(fewer.body.status).toEqual({ conditions: [ready] });
    expect(
      (await api.apply(`${WIDGETS}/none/status`, 'ctl', { ...status([]), metadata: { name: 'none' } })).status,
    ).toBe(404);
  });

  test('labels of two managers live side by side', async () => {
    const api = await startWithWidgets();
    const labelled = (labels: object) => widget('w', {}, { labels });
    await api.apply(W, 'one', labelled({ a: '1' }));
    const both = await api.apply(W, 'two', labelled({ b: '2' }));
    expect(both.body.metadata.labels).toEqual({ a: '1', b: '2' });
    const one = await api.apply(W, 'two', labelled({}));
    expect(one.body.metadata.labels).toEqual({ a: '1' });
  });

  test('what is refused: no manager, unknown fields, managedFields, invalid results, a stale version', async () => {
    const api = await startWithWidgets();
    const options = { contentType: 'application/apply-patch+yaml' };
    expect((await api.send('PATCH', W, widget('w'), options)).status).toBe(422);
    expect((await api.apply(W, 'one', widget('w', { nope: 1 }))).body.message).toContain(
      'field not declared in schema',
    );
    expect((await api.apply(W, 'one', widget('w', {}, { managedFields: [] }))).status).toBe(400);
    expect((await api.apply(W, 'one', widget('w', { replicas: 9 }))).status).toBe(422);
    await applied(api, 'one', {});
    expect((await api.apply(W, 'one', widget('w', {}, { resourceVersion: '1' }))).status).toBe(409);
    const invalid = await api.apply(W, 'one', widget('w', { tenantId: 'f'.repeat(32) }));
    expect(invalid.body.message).toContain('tenantId is immutable');
  });

  test('YAML is taken', async () => {
    const api = await startWithWidgets();
    const yaml = `apiVersion: example.dev/v1alpha1\nkind: Widget\nmetadata:\n  name: w\nspec:\n  tenantId: "${TENANT}"\n`;
    expect((await api.apply(W, 'one', yaml)).status).toBe(201);
  });
});
