import { describe, expect, test } from 'vitest';
import { ReflectorRig } from './support/reflector-rig.ts';
import { widget } from './support/runtime.ts';
import { bookmark, json, line, page, status, statusBody, watch } from './support/scripted-api.ts';

const OPEN = watch('', 'silence');

describe('list', () => {
  test('reads all pages before the store is in sync, with the selection on each', async () => {
    await using rig = await ReflectorRig.start(
      [page([widget('a', '1')], '10', 'next'), page([widget('b', '2')], '10'), OPEN],
      { selection: { namespace: 'ns', labelSelector: 'app=x', fieldSelector: 'metadata.name!=z' } },
    );
    await rig.requests(2);
    await rig.requests(3);
    expect(rig.reflector.hasSynced()).toBe(true);
    expect(rig.changes).toEqual(['Added a@1 listed', 'Added b@2 listed']);
    expect(rig.api.seen.map(({ path }) => path)).toEqual(Array(3).fill('/apis/example.dev/v1/namespaces/ns/widgets'));
    for (const { query } of rig.api.seen) {
      expect([query.get('labelSelector'), query.get('fieldSelector')]).toEqual(['app=x', 'metadata.name!=z']);
    }
    expect(rig.api.seen.map(({ query }) => [query.get('limit'), query.get('continue')]).slice(0, 2)).toEqual([
      ['500', null],
      ['500', 'next'],
    ]);
  });

  test('begins anew when the continue token expires between pages', async () => {
    await using rig = await ReflectorRig.start([
      page([widget('a', '1'), widget('gone', '2')], '10', 'next'),
      status(410, 'Expired'),
      page([widget('a', '1')], '20', 'next'),
      page([widget('b', '15')], '20'),
      OPEN,
    ]);
    await rig.requests(5);
    expect(rig.changes).toEqual(['Added a@1 listed', 'Added b@15 listed']);
    expect(rig.api.seen[4]?.query.get('resourceVersion')).toBe('20');
    expect(rig.pausesMs).toEqual([1_200]);
  });

  test('backs off exponentially while the API server refuses, up to 30 s, and honours Retry-After', async () => {
    const refusals = Array.from({ length: 8 }, () => status(403, 'Forbidden'));
    const later = status(429, 'TooManyRequests', { 'retry-after': '20' });
    await using rig = await ReflectorRig.start([later, ...refusals, page([], '1'), OPEN]);
    await rig.requests(11);
    expect(rig.pausesMs).toEqual([20_000, 2_400, 4_800, 9_600, 19_200, 30_000, 30_000, 30_000, 30_000]);
  });

  test('leaves managed fields out of the cache', async () => {
    await using rig = await ReflectorRig.start([page([widget('a', '1')], '10'), OPEN]);
    await rig.requests(2);
    expect([...rig.reflector.store.values()].map(({ metadata }) => metadata)).toEqual([
      { name: 'a', namespace: 'ns', uid: 'uid-a', resourceVersion: '1' },
    ]);
  });
});

describe('watch', () => {
  test('asks for bookmarks and a server timeout between 5 and 10 minutes', async () => {
    await using rig = await ReflectorRig.start([page([], '10'), OPEN]);
    await rig.requests(2);
    expect(Object.fromEntries(rig.api.seen[1]?.query ?? [])).toEqual({
      watch: '1',
      allowWatchBookmarks: 'true',
      resourceVersion: '10',
      timeoutSeconds: '450',
    });
  });

  test('takes in changes and resumes after the last message when the connection is cut in mid-line', async () => {
    const next = line('MODIFIED', widget('a', '13'));
    await using rig = await ReflectorRig.start([
      page([widget('a', '1')], '10'),
      watch(line('ADDED', widget('b', '11')) + bookmark('12') + next.slice(0, 40), 'cut'),
      watch(next + line('DELETED', widget('b', '14')), 'silence'),
    ]);
    await rig.until('the deletion', () => rig.changes.length === 4);
    expect(rig.api.seen[2]?.query.get('resourceVersion')).toBe('12');
    expect(rig.changes).toEqual(['Added a@1 listed', 'Added b@11', 'Updated a@13', 'Deleted b@14']);
    expect(await rig.restarts()).toEqual({ Unreachable: 1 });
  });

  test('treats a clean end in mid-line as a cut', async () => {
    await using rig = await ReflectorRig.start([page([], '10'), watch(bookmark('12').slice(0, -5), 'end'), OPEN]);
    await rig.requests(3);
    expect(rig.api.seen[2]?.query.get('resourceVersion')).toBe('10');
    expect(await rig.restarts()).toEqual({ WatchCut: 1 });
  });

  test('after 410 lists again and finds what was deleted, changed and replaced meanwhile', async () => {
    const other = { ...widget('replaced', '18'), metadata: { ...widget('replaced', '18').metadata, uid: 'other' } };
    await using rig = await ReflectorRig.start([
      page([widget('kept', '1'), widget('changed', '2'), widget('gone', '3'), widget('replaced', '4')], '10'),
      watch(line('ERROR', statusBody(410, 'Expired')), 'end'),
      page([widget('kept', '1'), widget('changed', '17'), other], '20'),
      OPEN,
    ]);
    await rig.requests(4);
    expect(rig.names()).toEqual(['changed', 'kept', 'replaced']);
    expect(rig.changes.slice(4)).toEqual([
      'Updated changed@17 listed',
      'Deleted replaced@4',
      'Added replaced@18 listed',
      'Deleted gone@3',
    ]);
    expect(rig.api.seen[3]?.query.get('resourceVersion')).toBe('20');
    expect(await rig.restarts()).toEqual({ Expired: 1 });
  });

  test('lists again when the watch is refused with 410', async () => {
    await using rig = await ReflectorRig.start([page([], '10'), status(410, 'Expired'), page([], '20'), OPEN]);
    await rig.requests(4);
    expect(rig.api.seen[3]?.query.get('resourceVersion')).toBe('20');
  });

  test('lists again when a watch closes at once without a message', async () => {
    await using rig = await ReflectorRig.start([page([], '10'), watch('', 'end'), page([], '20'), OPEN]);
    await rig.requests(4);
    expect(rig.api.seen[3]?.query.get('resourceVersion')).toBe('20');
    expect(await rig.restarts()).toEqual({ ClosedEarly: 1 });
    expect(rig.pausesMs).toEqual([1_200]);
  });

  test('goes on from the last version without a list or a pause when the server ends a watch that lasted', async () => {
    await using rig = await ReflectorRig.start([
      page([], '10'),
      async (response, seen) => {
        await watch(bookmark('11'), 'silence')(response, seen);
        await rig.clock.advance(2_000);
        response.end();
      },
      OPEN,
    ]);
    await rig.requests(3);
    expect(rig.api.seen[2]?.query.get('resourceVersion')).toBe('11');
    expect(rig.pausesMs).toEqual([]);
    expect(await rig.restarts()).toEqual({ Closed: 1 });
  });

  test('pauses when a server keeps ending watches early, messages or not', async () => {
    await using rig = await ReflectorRig.start([
      page([], '10'),
      watch(bookmark('11'), 'end'),
      watch(bookmark('12'), 'end'),
      OPEN,
    ]);
    await rig.requests(4);
    expect(rig.api.seen.map(({ query }) => query.get('resourceVersion'))).toEqual([null, '10', '11', '12']);
    expect(rig.pausesMs).toEqual([1_200, 1_200]);
  });

  test('reconnects from the last version when the watch falls silent', async () => {
    await using rig = await ReflectorRig.start([page([], '10'), watch(bookmark('11'), 'silence'), OPEN], {
      stallTimeoutMs: 60,
    });
    await rig.requests(3);
    expect(rig.api.seen[2]?.query.get('resourceVersion')).toBe('11');
    expect((await rig.restarts()).DeadlineExceeded).toBeGreaterThanOrEqual(1);
  });

  test.each([
    ['not JSON', '{"type":"ADDED","obj\n'],
    ['an unknown type', line('RENAMED', widget('a', '11'))],
    ['an object without a version', line('ADDED', { metadata: { name: 'a' } })],
    ['an object without a name', line('ADDED', { metadata: { resourceVersion: '11' } })],
    ['no object', '{"type":"ADDED"}\n'],
    ['an empty line', '\n'],
  ])('counts a malformed line (%s) and lists again', async (_what, text) => {
    await using rig = await ReflectorRig.start([page([], '10'), watch(text, 'silence'), page([], '20'), OPEN]);
    await rig.requests(4);
    const { values } = await rig.runtime.metrics.watchMalformedLines.get();
    expect(values.map(({ value }) => value)).toEqual([1]);
    expect(rig.api.seen[3]?.query.get('resourceVersion')).toBe('20');
  });

  test('keeps its version through a server error and a refusal for load', async () => {
    await using rig = await ReflectorRig.start([
      page([], '10'),
      json(500, {}),
      status(429, 'TooManyRequests', { 'retry-after': '7' }),
      OPEN,
    ]);
    await rig.requests(4);
    expect(rig.api.seen.slice(1).map(({ query }) => query.get('resourceVersion'))).toEqual(['10', '10', '10']);
    expect(rig.pausesMs).toEqual([1_200, 7_000]);
  });

  test('lists again when the server has never heard of the version: a restored backup', async () => {
    await using rig = await ReflectorRig.start([page([], '10'), status(504, 'Timeout'), page([], '5'), OPEN]);
    await rig.requests(4);
    expect(rig.api.seen[3]?.query.get('resourceVersion')).toBe('5');
  });
});

test('a change of our own is in the cache at once and is no news any more when the watch brings it', async () => {
  await using rig = await ReflectorRig.start([
    page([widget('a', '1')], '10'),
    async (response, seen) => {
      rig.reflector.putOwnWrite(widget('a', '12', 'blue'));
      const missed = line('MODIFIED', widget('a', '11', 'green'));
      const own = line('MODIFIED', widget('a', '12', 'blue'));
      await watch(missed + own + line('MODIFIED', widget('a', '13', 'grey')), 'silence')(response, seen);
    },
  ]);
  await rig.until('the news', () => rig.changes.length === 3);
  expect(rig.changes).toEqual(['Added a@1 listed', 'Updated a@12', 'Updated a@13']);
});
