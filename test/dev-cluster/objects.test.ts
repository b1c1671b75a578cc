import { describe, expect, test } from 'vitest';
import { configMap, startApi, startWithWidgets, TENANT, WIDGETS, widget } from './api.ts';

const MAPS = '/api/v1/namespaces/{namespace}/configmaps';

describe('objects', () => {
  test('create fills in the metadata, a second create is refused', async () => {
    const api = await startApi();
    const first = await api.post(MAPS, configMap('a'));
    expect(first.status).toBe(201);
    expect(first.body.metadata).toMatchObject({
      name: 'a',
      namespace: api.namespace,
      uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    expect(first.body.metadata.creationTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const second = await api.post(MAPS, configMap('b'));
    expect(Number(second.body.metadata.resourceVersion)).toBeGreaterThan(Number(first.body.metadata.resourceVersion));
    expect(await api.post(MAPS, configMap('a'))).toMatchObject({
      status: 409,
      body: {
        kind: 'Status',
        reason: 'AlreadyExists',
        message: 'configmaps "a" already exists',
        details: { name: 'a', kind: 'configmaps' },
      },
    });
  });

  test('generateName makes names that differ', async () => {
    const api = await startApi();
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { generateName: 'x-' } };
    const names = [(await api.post(MAPS, body)).body.metadata.name, (await api.post(MAPS, body)).body.metadata.name];
    expect(names[0]).toMatch(/^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
    expect(names[0]).not.toBe(names[1]);
  });

  test.each([
    ['an unknown namespace', '/api/v1/namespaces/none/configmaps', configMap('a'), 404, 'namespaces "none" not found'],
    [
      'another kind',
      MAPS,
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' } },
      400,
      'cannot be handled as a ConfigMap',
    ],
    ['another namespace', MAPS, configMap('a', { namespace: 'other' }), 400, 'namespace of the provided object'],
    ['a resourceVersion', MAPS, configMap('a', { resourceVersion: '1' }), 500, 'resourceVersion should not be set'],
    ['no name', MAPS, { apiVersion: 'v1', kind: 'ConfigMap' }, 422, 'metadata.name: Required value'],
    ['a bad name', MAPS, configMap('Up_Case'), 422, 'metadata.name: Invalid value: "Up_Case"'],
    ['a bad label', MAPS, configMap('a', { labels: { a: 'b c' } }), 422, 'metadata.labels: Invalid value: "b c"'],
    ['no JSON', MAPS, '{', 400, 'json parse error'],
  ])('create with %s is refused', async (_, path, body, status, message) => {
    const api = await startApi();
    const reply = await api.post(path, body);
    expect(reply.status).toBe(status);
    expect(reply.body.message).toContain(message);
  });

  test('a body of the wrong media type is refused, YAML is taken', async () => {
    const api = await startApi();
    const refused = await api.send('POST', MAPS, 'x', { contentType: 'application/x-www-form-urlencoded' });
    expect(refused).toMatchObject({ status: 415, body: { reason: 'UnsupportedMediaType' } });
    const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: yam}\ndata: {a: b}\n';
    const taken = await api.send('POST', MAPS, yaml, { contentType: 'application/yaml' });
    expect(taken).toMatchObject({ status: 201, body: { data: { a: 'b' } } });
  });

  test('update needs the current resourceVersion', async () => {
    const api = await startApi();
    const { body } = await api.post(MAPS, configMap('a'));
    const changed = await api.send('PUT', `${MAPS}/a`, { ...body, data: { k: '1' } });
    expect(changed).toMatchObject({ status: 200, body: { data: { k: '1' } } });
    expect(await api.send('PUT', `${MAPS}/a`, { ...body, data: { k: '2' } })).toMatchObject({
      status: 409,
      body: { reason: 'Conflict', message: expect.stringContaining('the object has been modified') },
    });
    const otherUid = { ...changed.body, metadata: { ...changed.body.metadata, uid: 'other' } };
    expect((await api.send('PUT', `${MAPS}/a`, otherUid)).status).toBe(409);
    expect((await api.send('PUT', `${MAPS}/none`, configMap('none'))).status).toBe(404);
    expect((await api.send('PUT', `${MAPS}/a`, configMap('b'))).status).toBe(400);
  });

  test('custom resources cannot be updated without a resourceVersion', async () => {
    const api = await startWithWidgets();
    await api.post(WIDGETS, widget('a'));
    expect(await api.send('PUT', `${WIDGETS}/a`, widget('a'))).toMatchObject({
      status: 422,
      body: { details: { causes: [{ field: 'metadata.resourceVersion' }] } },
    });
  });

  test('a write that changes nothing keeps the resourceVersion', async () => {
    const api = await startWithWidgets();
    const { body } = await api.post(WIDGETS, widget('a', { replicas: 2 }));
    const same = await api.mergePatch(`${WIDGETS}/a`, { spec: { replicas: 2 } });
    expect(same.body).toEqual(body);
  });

  test('custom resources come back with their fields in alphabetical order', async () => {
    const api = await startWithWidgets();
    const { body } = await api.post(WIDGETS, widget('a', { replicas: 2, limits: { memory: 1, cpu: 4 } }));
    expect(Object.keys(body.spec)).toEqual(['limits', 'mode', 'replicas', 'tenantId']);
    expect(Object.keys(body.spec.limits ?? {})).toEqual(['cpu', 'memory']);
  });

  test('dryRun writes nothing', async () => {
    const api = await startApi();
    expect((await api.post(`${MAPS}?dryRun=All`, configMap('a'))).status).toBe(201);
    expect((await api.get(`${MAPS}/a`)).status).toBe(404);
    expect((await api.post(`${MAPS}?dryRun=Some`, configMap('a'))).status).toBe(422);
  });

  test('the status subresource writes status alone and the main resource everything else', async () => {
    const api = await startWithWidgets();
    const created = await api.post(WIDGETS, { ...widget('a'), status: { message: 'ignored' } });
    expect(created.body.status).toBeUndefined();
    expect(created.body.metadata.generation).toBe(1);
    const status = await api.mergePatch(`${WIDGETS}/a/status`, { spec: { replicas: 5 }, status: { message: 'hello' } });
    expect(status.body).toMatchObject({
      status: { message: 'hello' },
      spec: { replicas: 3 },
      metadata: { generation: 1 },
    });
    const main = await api.mergePatch(`${WIDGETS}/a`, { spec: { replicas: 5 }, status: { message: 'lost' } });
    expect(main.body).toMatchObject({
      status: { message: 'hello' },
      spec: { replicas: 5 },
      metadata: { generation: 2 },
    });
    const labels = await api.mergePatch(`${WIDGETS}/a`, { metadata: { labels: { a: 'b' } } });
    expect(labels.body.metadata).toMatchObject({ generation: 2, labels: { a: 'b' } });
    const put = await api.send('PUT', `${WIDGETS}/a/status`, { ...labels.body, spec: {}, status: { message: 'put' } });
    expect(put.body).toMatchObject({ status: { message: 'put' }, spec: { tenantId: TENANT } });
    expect((await api.get(`${MAPS}/a/status`)).status).toBe(404);
  });

  test('secrets take plain values and store base64', async () => {
    const api = await startApi();
    const secrets = '/api/v1/namespaces/{namespace}/secrets';
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { token: 'abc' } };
    const { body } = await api.post(secrets, secret);
    expect(body).toMatchObject({ type: 'Opaque', data: { token: 'YWJj' } });
    expect(body.stringData).toBeUndefined();
    const bad = { ...secret, metadata: { name: 't' }, stringData: {}, data: { token: '%' } };
    expect(await api.post(secrets, bad)).toMatchObject({
      status: 400,
      body: { message: expect.stringContaining('illegal base64 data') },
    });
  });

  test('wrong methods and paths', async () => {
    const api = await startApi();
    expect(await api.send('PUT', MAPS, {})).toMatchObject({ status: 405, body: { reason: 'MethodNotAllowed' } });
    expect(await api.get('/apis/example.dev/v1/widgets')).toMatchObject({ status: 404, body: '404 page not found\n' });
    expect((await api.get(`${MAPS}/a/b/c`)).status).toBe(404);
    expect((await api.post('/api/v1/configmaps', configMap('a'))).status).toBe(405);
  });

  test('a body above the bound is refused', async () => {
    const api = await startApi();
    const reply = await api.post(MAPS, configMap('a', {}, { big: 'x'.repeat(4 * 1024 * 1024) }));
    expect(reply).toMatchObject({ status: 413, body: { reason: 'RequestEntityTooLarge' } });
  });
});
