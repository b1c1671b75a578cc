import { describe, expect, test } from 'vitest';
import { API_VERSION } from '../../src/api/names.ts';
import { toSafekeeperId } from '../../src/api/fields.ts';
import type { SafekeeperTimeline } from '../../src/api/resources.ts';
import { isLostOn, timelineRow } from '../../src/cli/demo/timeline-row.ts';

type Status = NonNullable<SafekeeperTimeline['status']>;
type Claim = readonly [type: string, status: 'True' | 'False' | 'Unknown', reason: string];

const BYTES = { bytesOnDisk: 1, bytesExpected: 2 };
const RECOVERED = {
  recipient: 2,
  donor: 3,
  startedAt: '2026-11-23T11:00:00Z',
  duration: '1s',
  fencing: 'ByTerms',
  forced: false,
  outcome: 'Recovered',
} as const;

function timeline(claims: readonly Claim[], status: Status = {}): SafekeeperTimeline {
  const conditions = claims.map(([type, value, reason]) => ({
    type,
    status: value,
    reason,
    message: '',
    lastTransitionTime: '2026-11-23T11:00:00Z',
  }));
  return {
    apiVersion: API_VERSION,
    kind: 'SafekeeperTimeline',
    metadata: { name: 'shop-main', namespace: 'default' },
    spec: { clusterRef: { name: 'demo' }, tenantId: '0'.repeat(32), timelineId: '1'.repeat(32) },
    status: { ...status, conditions },
  };
}

describe('the state of a timeline', () => {
  const ready: Claim = ['Ready', 'True', 'AllReplicasPresent'];
  const lost: Claim = ['Ready', 'False', 'ReplicaLost'];
  test.each([
    ['no status', [], {}, 'Unseen', 'Observing', undefined],
    ['the first look', [['Ready', 'Unknown', 'Observing']], {}, 'Unseen', 'Observing', undefined],
    ['nothing lost', [ready], {}, 'Ready', 'Ready', undefined],
    ['in grace', [lost, ['Reconciling', 'True', 'GracePeriod']], { donor: 1 }, 'Lost', 'GracePeriod', 1],
    ['pulling', [lost, ['Reconciling', 'True', 'Pulling']], { donor: 3 }, 'Copying', 'Pulling', 3],
    ['verifying', [lost, ['Reconciling', 'True', 'Verifying']], { donor: 3 }, 'Copying', 'Verifying', 3],
    ['needs a person', [lost, ['Stalled', 'True', 'ApprovalNeeded']], {}, 'Stalled', 'ApprovalNeeded', undefined],
    ['restored', [ready], { history: [RECOVERED] }, 'Restored', 'Recovered', 3],
    ['another one was restored', [ready], { history: [{ ...RECOVERED, recipient: 1 }] }, 'Ready', 'Ready', 3],
    ['the copy failed', [ready], { history: [{ ...RECOVERED, outcome: 'Failed' }] }, 'Ready', 'Ready', 3],
  ] satisfies ReadonlyArray<readonly [string, readonly Claim[], Status, string, string, number | undefined]>)(
    '%s',
    (_what, claims, status, state, reason, donor) => {
      const row = timelineRow(timeline(claims, status), toSafekeeperId(2), BYTES);
      expect(row).toMatchObject({ name: 'shop-main', state, reason, donor, ...BYTES });
    },
  );

  test('a replica is lost where the object says so', () => {
    const object = timeline([lost], {
      replicas: [
        { safekeeperId: 2, state: 'Lost' },
        { safekeeperId: 1, state: 'Present' },
      ],
    });
    expect([1, 2, 3].map((id) => isLostOn(object, toSafekeeperId(id)))).toEqual([false, true, false]);
  });
});
