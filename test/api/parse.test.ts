import { expect, test } from 'vitest';
import { parseClusterSpec, parseClusterStatus, parseTimelineSpec, parseTimelineStatus } from '../../src/api/parse.ts';
import { clusterObject, TENANT, TIMELINE, timelineObject, withoutSpecField } from './objects.ts';

test('a minimal cluster has the documented defaults', () => {
  expect(parseClusterSpec(clusterObject())).toEqual({
    ok: true,
    value: {
      source: {
        kind: 'static',
        safekeepers: [1n, 2n, 3n].map((id) => ({
          id,
          url: `http://sk-${id}:7676`,
          peerUrl: `http://sk-${id}:7676`,
        })),
      },
      storageController: undefined,
      tokenSecretRef: undefined,
      tls: undefined,
      inventory: { intervalMs: 10_000, verifyIntervalMs: 3_600_000, timelines: 'All', prune: true },
      recovery: {
        mode: 'Automatic',
        gracePeriodMs: 30_000,
        witnesses: 'All',
        unknownTimeoutMs: 300_000,
        fencing: 'WhenIdle',
        maxConcurrent: 8,
        maxPerRecipient: 4,
        maxPerDonor: 4,
        pullTimeoutMs: 1_800_000,
        stallTimeoutMs: 60_000,
        maxUnavailablePercent: 50,
        maxLostPercent: 5,
      },
      paused: false,
    },
  });
});

test('a discovered cluster has no list of safekeepers', () => {
  const object = withoutSpecField(
    clusterObject({ discovery: { pods: { selector: { matchLabels: { app: 'safekeeper' } } } } }),
    'safekeepers',
  );
  expect(parseClusterSpec(object)).toMatchObject({
    ok: true,
    value: {
      source: { kind: 'pods', pods: { selector: { matchLabels: { app: 'safekeeper' } }, port: 7676, scheme: 'HTTP' } },
    },
  });
});

test("a peer's address is kept apart from the operator's", () => {
  const object = clusterObject({ safekeepers: [{ id: 7, url: 'http://localhost:1', peerUrl: 'http://sk-7:2' }] });
  expect(parseClusterSpec(object)).toMatchObject({
    value: { source: { safekeepers: [{ id: 7n, url: 'http://localhost:1', peerUrl: 'http://sk-7:2' }] } },
  });
});

test('a timeline overrides nothing unless it says so', () => {
  expect(parseTimelineSpec(timelineObject())).toEqual({
    ok: true,
    value: {
      clusterName: 'neon',
      id: { tenantId: TENANT, timelineId: TIMELINE },
      members: undefined,
      recovery: {},
      paused: false,
    },
  });
  const object = timelineObject({ members: [3, 1], recovery: { gracePeriod: '1m30s' } });
  expect(parseTimelineSpec(object)).toMatchObject({
    value: { members: [3n, 1n], recovery: { gracePeriodMs: 90_000 } },
  });
});

test.each([undefined, null, 'text', [], {}, { spec: null }, { spec: 'text' }])('%j is refused at spec', (object) => {
  expect(parseTimelineSpec(object)).toMatchObject({ ok: false, error: { path: 'spec' } });
});

test('an object without status has an empty one; what the operator wrote reads back', () => {
  expect(parseTimelineStatus(timelineObject())).toEqual({ ok: true, value: {} });
  expect(parseClusterStatus(clusterObject())).toEqual({ ok: true, value: {} });
  const status = {
    observedGeneration: 3,
    redundancy: '2/3',
    replicas: [{ safekeeperId: 2, state: 'Lost', lostSince: '2030-01-31T18:00:00Z' }],
    lastHandledApprove: '0123456789ab',
  };
  expect(parseTimelineStatus({ ...timelineObject(), status })).toEqual({ ok: true, value: status });
  expect(parseTimelineStatus({ status: { replicas: [{ safekeeperId: 2, state: 'Gone' }] } })).toMatchObject({
    ok: false,
    error: { path: 'status.replicas[0].state' },
  });
});
