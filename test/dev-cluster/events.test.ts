import { describe, expect, test } from 'vitest';
import { items, startApi, text } from './api.ts';

const CORE = '/api/v1/namespaces/{namespace}/events';
const VIEW = '/apis/events.k8s.io/v1/namespaces/{namespace}/events';

/** As somebody would report it in this namespace. */
const eventIn = (namespace: string) => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name: 'w.1' },
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'ctl',
  reportingInstance: 'ctl-0',
  action: 'Pull',
  reason: 'Recovered',
  type: 'Normal',
  note: 'all is well',
  regarding: { kind: 'Widget', namespace, name: 'w', uid: 'u-1' },
});

describe('events', () => {
  test('one event, two views', async () => {
    const api = await startApi();
    const event = eventIn(api.namespace);
    const created = await api.post(VIEW, event);
    expect(created).toMatchObject({ status: 201, body: { note: 'all is well', regarding: { name: 'w' } } });
    const core = (await api.get(`${CORE}/w.1`)).body;
    expect(core).toMatchObject({
      apiVersion: 'v1',
      message: 'all is well',
      involvedObject: { name: 'w' },
      reportingComponent: 'ctl',
    });
    expect(core).not.toHaveProperty('note');
    const series = { series: { count: 2, lastObservedTime: '2026-01-01T00:01:00.000000Z' } };
    const options = { contentType: 'application/strategic-merge-patch+json' };
    expect((await api.send('PATCH', `${VIEW}/w.1`, series, options)).body).toMatchObject({
      ...event,
      ...series,
      metadata: {},
    });
    expect((await api.get(`${CORE}/w.1`)).body).toMatchObject(series);
  });

  test('are selected by what they are about, in the names of each view', async () => {
    const api = await startApi();
    const event = eventIn(api.namespace);
    await api.post(VIEW, event);
    await api.post(VIEW, { ...event, metadata: { name: 'v.1' }, regarding: { ...event.regarding, name: 'v' } });
    const found = async (path: string, selector: string) =>
      items((await api.get(`${path}?fieldSelector=${encodeURIComponent(selector)}`)).body.items).map((item) =>
        text(item.metadata.name),
      );
    expect(await found(CORE, 'involvedObject.name=w,involvedObject.uid=u-1')).toEqual(['w.1']);
    expect(await found(VIEW, 'regarding.name!=w')).toEqual(['v.1']);
    expect((await api.get(`${CORE}?fieldSelector=spec.x%3D1`)).body.message).toBe('field label not supported: spec.x');
  });

  test('a watch of one view tells of writes to the other', async () => {
    const api = await startApi();
    const event = eventIn(api.namespace);
    const watch = await api.watch(`${CORE}?watch=1`);
    await api.post(VIEW, event);
    expect(await watch.next()).toMatchObject({ type: 'ADDED', object: { apiVersion: 'v1', message: 'all is well' } });
  });

  test('live beside their object and are complete', async () => {
    const api = await startApi();
    const event = eventIn(api.namespace);
    const elsewhere = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e.1' },
      involvedObject: { ...event.regarding, namespace: 'kube-system' },
    };
    expect((await api.post(CORE, elsewhere)).body.message).toContain('does not match event.namespace');
    const nowhere = { ...event, regarding: { ...event.regarding, namespace: '' } };
    expect((await api.post(VIEW, nowhere)).body.message).toContain('does not match event.namespace');
    const { action: _, ...incomplete } = event;
    expect((await api.post(VIEW, incomplete)).body.message).toContain('action: Required value');
  });

  test('the table tells when, what and why', async () => {
    const api = await startApi();
    const event = eventIn(api.namespace);
    await api.post(VIEW, event);
    const table = (await api.get(CORE, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })).body;
    expect(
      items(table.columnDefinitions)
        .map((column) => column.name)
        .slice(0, 4),
    ).toEqual(['Last Seen', 'Type', 'Reason', 'Object']);
    expect(items(table.rows)[0]?.cells).toEqual(
      expect.arrayContaining(['Normal', 'Recovered', 'widget/w', 'all is well']),
    );
  });
});
