import { expect, test } from 'vitest';
import type { SafekeeperTimeline } from '../../src/api/resources.ts';
import { disagrees } from '../../src/controllers/cluster/disagreement.ts';
import type { SafekeeperView } from '../../src/controllers/cluster/inventory.ts';
import { parseTenantId, parseTimelineId } from '../../src/domain/ids.ts';
import { safekeeperId, TENANT } from '../agent/test-agent.ts';
import { timelineId } from './test-operator.ts';

const NAME = `${TENANT}/${timelineId('1')}`;
const ID = { tenantId: parseTenantId(TENANT)!, timelineId: parseTimelineId(timelineId('1'))! };

function view(state: SafekeeperView['state'], lists: boolean | undefined): SafekeeperView {
  const timelines = lists === undefined ? undefined : new Map(lists ? [[NAME, ID]] : []);
  return { id: safekeeperId(2), url: 'http://two', state, timelines, lastSeenMs: undefined };
}

function timeline(state: string, id = 2): SafekeeperTimeline {
  return { spec: ID, status: { replicas: [{ safekeeperId: id, state }] } } as unknown as SafekeeperTimeline;
}

const reachable = { kind: 'Reachable' } as const;

test.each([
  ['a present replica that is listed', 'Present', view(reachable, true), false],
  ['a present replica that is not listed', 'Present', view(reachable, false), true],
  ['a lost replica that is listed', 'Lost', view(reachable, true), true],
  ['a lost replica that is not listed', 'Lost', view(reachable, false), false],
  ['a replica that was there and could not be loaded', 'Corrupt', view(reachable, false), false],
  ['a list from before it fell silent', 'Present', view({ kind: 'Unreachable', problem: 'gone' }, false), false],
  ['no list yet', 'Present', view(reachable, undefined), false],
])('%s', (_what, state, safekeeper, expected) => {
  expect(disagrees(timeline(state), { views: new Map([[safekeeper.id, safekeeper]]) })).toBe(expected);
});

test('a safekeeper that left the cluster, and a timeline without a status, say nothing', () => {
  const views = new Map([[safekeeperId(2), view(reachable, false)]]);
  expect(disagrees(timeline('Present', 3), { views })).toBe(false);
  expect(disagrees({ spec: ID } as unknown as SafekeeperTimeline, { views })).toBe(false);
});
