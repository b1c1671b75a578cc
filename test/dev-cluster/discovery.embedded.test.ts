import { describe, expect, test } from 'vitest';
import { CRDS, items, startEmbedded, startEmbeddedWithWidgets, text } from './api.ts';

const AGGREGATED = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';

describe('discovery', () => {
  test('version and health', async () => {
    const api = await startEmbedded();
    expect((await api.get('/version')).body).toMatchObject({ major: '1', minor: '32' });
    for (const path of ['/healthz', '/livez', '/readyz']) {
      expect(await api.get(path)).toMatchObject({ status: 200, body: 'ok' });
    }
  });

  test('the older form names every resource with its verbs and names', async () => {
    const api = await startEmbeddedWithWidgets();
    const groups = items((await api.get('/apis')).body.groups);
    expect(groups.map((group) => group.name)).toEqual([
      'events.k8s.io',
      'coordination.k8s.io',
      'apiextensions.k8s.io',
      'example.dev',
    ]);
    expect((await api.get('/api')).body.versions).toEqual(['v1']);
    const core = items((await api.get('/api/v1')).body.resources);
    expect(core.map((resource) => resource.name)).toContain('pods/status');
    const [own, status] = items((await api.get('/apis/example.dev/v1alpha1')).body.resources);
    expect(own).toMatchObject({ name: 'widgets', shortNames: ['wd'], categories: ['gadgets'], namespaced: true });
    expect(status).toMatchObject({ name: 'widgets/status', verbs: ['get', 'patch', 'update'] });
    expect((await api.get('/apis/unknown.dev/v1')).status).toBe(404);
  });

  test('the aggregated form has all in two answers', async () => {
    const api = await startEmbeddedWithWidgets();
    const { body } = await api.get('/apis', { accept: AGGREGATED });
    expect(body.kind).toBe('APIGroupDiscoveryList');
    const group = items(body.items).find((item) => text(item.metadata.name) === 'example.dev');
    expect(items(items(group?.versions)[0]?.resources)[0]).toMatchObject({
      resource: 'widgets',
      scope: 'Namespaced',
      subresources: [{ subresource: 'status' }],
    });
    expect(items(items((await api.get('/api', { accept: AGGREGATED })).body.items)[0]?.versions)[0]?.version).toBe(
      'v1',
    );
  });

  test('OpenAPI documents describe the kinds and their hash follows the definition', async () => {
    const api = await startEmbeddedWithWidgets();
    const hashOf = async () =>
      (await api.get('/openapi/v3')).body.paths?.['apis/example.dev/v1alpha1']?.serverRelativeURL;
    const before = await hashOf();
    const { body } = await api.get(text(before));
    const schema = body.components?.schemas?.['dev.example.v1alpha1.Widget'];
    expect(schema?.['x-kubernetes-group-version-kind']).toEqual([
      { group: 'example.dev', version: 'v1alpha1', kind: 'Widget' },
    ]);
    await api.send(
      'PATCH',
      `${CRDS}/widgets.example.dev`,
      [
        {
          op: 'replace',
          path: '/spec/versions/0/schema/openAPIV3Schema/description',
          value: 'Another description.',
        },
      ],
      { contentType: 'application/json-patch+json' },
    );
    expect(await hashOf()).not.toBe(before);
  });

  test('protobuf alone is not acceptable', async () => {
    const api = await startEmbedded();
    const reply = await api.get('/api/v1/namespaces', { accept: 'application/vnd.kubernetes.protobuf' });
    expect(reply).toMatchObject({ status: 406, body: { kind: 'Status', reason: 'NotAcceptable' } });
  });
});
