import { describe, expect, test } from 'vitest';
import { parseClusterSpec, parseTimelineSpec } from '../../src/api/parse.ts';
import { admitterOf } from './admit.ts';
import { acceptedClusters, acceptedTimelines, refusedClusters, refusedTimelines } from './cases.ts';
import { clusterObject, timelineObject } from './objects.ts';

describe.each([
  { kind: 'SafekeeperCluster', cases: refusedClusters, parse: parseClusterSpec },
  { kind: 'SafekeeperTimeline', cases: refusedTimelines, parse: parseTimelineSpec },
])('$kind is refused with', ({ kind, cases, parse }) => {
  const admit = admitterOf(kind);
  test.each(cases)('$what', ({ object, field, serverField, words }) => {
    const { refusals } = admit(JSON.parse(JSON.stringify(object)));
    expect(refusals.join('\n')).toContain(`${serverField ?? field}: `);
    const parsed = parse(object);
    expect(parsed).toMatchObject({ ok: false, error: { path: field } });
    if (!parsed.ok)
      expect(parsed.error.message).toMatch(new RegExp(`^${field.replaceAll(/[[\].]/g, '\\$&')} \\S[^\\n]*$`));
    if (words !== undefined) expect(refusals.join('\n')).toMatch(words);
    if (words !== undefined && !parsed.ok) expect(parsed.error.message).toMatch(words);
  });
});

describe('is accepted, by the API server and by the parser:', () => {
  const admitCluster = admitterOf('SafekeeperCluster');
  const admitTimeline = admitterOf('SafekeeperTimeline');

  test.each(acceptedClusters)('cluster %#', (object) => {
    expect(admitCluster(object)).toMatchObject({ refusals: [], unknownFields: [] });
    expect(parseClusterSpec(object)).toMatchObject({ ok: true });
  });

  test.each(acceptedTimelines)('timeline %#', (object) => {
    expect(admitTimeline(object)).toMatchObject({ refusals: [], unknownFields: [] });
    expect(parseTimelineSpec(object)).toMatchObject({ ok: true });
  });

  test('and what the API server filled in means what the parser fills in', () => {
    expect(parseClusterSpec(admitCluster(clusterObject()).object)).toEqual(parseClusterSpec(clusterObject()));
    expect(parseTimelineSpec(admitTimeline(timelineObject()).object)).toEqual(parseTimelineSpec(timelineObject()));
  });
});

test.each([
  { field: 'tenantId', change: { tenantId: '0'.repeat(32) } },
  { field: 'timelineId', change: { timelineId: '0'.repeat(32) } },
  { field: 'clusterRef', change: { clusterRef: { name: 'other' } } },
])('$field never changes', ({ field, change }) => {
  const admit = admitterOf('SafekeeperTimeline');
  expect(admit(timelineObject(change), timelineObject()).refusals.join('\n')).toContain(`${field} is immutable`);
  expect(admit(timelineObject({ ...change, paused: true }), timelineObject(change)).refusals).toEqual([]);
});

test("a cluster's name fits a label value", () => {
  const admit = admitterOf('SafekeeperCluster');
  expect(admit(clusterObject({}, 'n'.repeat(63))).refusals).toEqual([]);
  expect(admit(clusterObject({}, 'n'.repeat(64))).refusals.join('\n')).toContain('at most 63 characters');
});
