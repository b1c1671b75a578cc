import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RecoveryEntry, SafekeeperTimelineStatus } from '../../src/api/timeline-status.ts';
import { formatAge, formatBytes } from '../../src/cli/terminal/quantities.ts';
import { averageRate, progressOf, RateTracker } from '../../src/cli/status/rates.ts';
import { reasonOf, severityOf, formatCount } from '../../src/cli/status/severity.ts';
import { fullCells, replicaPositions } from '../../src/cli/status/wal-bars.ts';
import { compareWorst, leftOut, totalOf, WorstOf } from '../../src/cli/status/worst.ts';
import {
  type Claims,
  conditions,
  lost,
  NOW_MS,
  present,
  PROPOSED,
  proposedStatus,
  PULLING,
  pullingStatus,
  QUORUM_LOST,
  quorumLostStatus,
  REDUNDANT,
  redundantStatus,
  timelineObject,
} from './status-objects.ts';

describe('bytes and times', () => {
  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 KiB'],
    [16 * 1024 * 1024, '16.0 MiB'],
    [210 * 1024 * 1024, '210 MiB'],
    [2 ** 53, '8.0 PiB'],
    [2 ** 63, '8192 PiB'],
  ])('%d bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

  test.each([
    [-5_000, '0s'],
    [119_999, '119s'],
    [120_000, '2m'],
    [299_000, '4m59s'],
    [600_000, '10m'],
    [3 * 3_600_000, '3h'],
    [3.5 * 3_600_000, '3h30m'],
    [30 * 3_600_000, '30h'],
    [50 * 3_600_000, '2d2h'],
    [400 * 24 * 3_600_000, '400d'],
  ])('%d ms are %s', (ms, text) => expect(formatAge(ms)).toBe(text));

  test.each([
    [0, '0'],
    [999, '999'],
    [1_000, '1,000'],
    [1_234_567, '1,234,567'],
  ])('%d is %s', (count, text) => expect(formatCount(count)).toBe(text));
});

describe('bars', () => {
  test('are full for the most advanced replica, empty for one without WAL, and never longer for a longer lag', () => {
    fc.assert(
      fc.property(
        fc.bigInt(0n, 2n ** 64n),
        fc.bigInt(0n, 2n ** 64n),
        fc.integer({ min: 3, max: 40 }),
        (a, b, cells) => {
          const [less, more] = a <= b ? [a, b] : [b, a];
          const [long, short] = [fullCells(less, cells), fullCells(more, cells)];
          expect(long).toBeGreaterThanOrEqual(short);
          expect(short).toBeGreaterThanOrEqual(1);
          expect(long === cells).toBe(less === 0n);
        },
      ),
    );
    expect(fullCells(undefined, 10)).toBe(0);
  });

  test.each([
    [1n, 9],
    [1_024n * 1_024n, 7],
    [16n * 1_024n * 1_024n, 6],
    [1_024n ** 3n, 4],
    [1_024n ** 4n, 1],
  ])('a lag of %d bytes leaves %d of 10 cells', (lag, cells) => expect(fullCells(lag, 10)).toBe(cells));

  test('measure against the replica whose WAL ends last, and count none of one that is lost', () => {
    const status: SafekeeperTimelineStatus = {
      replicas: [
        present(3, '1/0'),
        { ...lost(2), flushLsn: 'FF/0' },
        present(1, '0/FFFFFFFE'),
        { safekeeperId: 4, state: 'Unreachable' },
      ],
    };
    expect(replicaPositions(status).map(({ entry, lagBytes }) => [entry.safekeeperId, lagBytes])).toEqual([
      [1, 2n],
      [2, undefined],
      [3, 0n],
      [4, undefined],
    ]);
    expect(replicaPositions({})).toEqual([]);
  });
});

describe('rates', () => {
  const recovery = (bytesDone: number | undefined, startedAt = '2026-01-01T12:00:00Z'): RecoveryEntry => ({
    recipient: 2,
    donor: 1,
    fencing: 'ByTerms',
    forced: false,
    startedAt,
    bytesExpected: 1_000,
    ...(bytesDone === undefined ? {} : { bytesDone }),
    attempt: 1,
  });

  test('the average is since the start, and nothing while nothing is known', () => {
    expect(averageRate(recovery(500), NOW_MS + 10_000)).toBe(50);
    expect(averageRate(recovery(500), NOW_MS + 500)).toBeUndefined();
    expect(averageRate(recovery(500), NOW_MS - 60_000)).toBeUndefined();
    expect(averageRate(recovery(500, 'never'), NOW_MS)).toBeUndefined();
    expect(averageRate(recovery(undefined), NOW_MS + 10_000)).toBeUndefined();
  });

  test('the time left follows from the rate, and is never below 0', () => {
    expect(progressOf(recovery(500), 50)).toMatchObject({ leftMs: 10_000 });
    expect(progressOf(recovery(1_200), 50)).toMatchObject({ leftMs: 0 });
    expect(progressOf(recovery(500), 0).leftMs).toBeUndefined();
    expect(progressOf(recovery(undefined), 50).leftMs).toBeUndefined();
  });

  test('somebody who watches sees the rate of the last half minute, and a stall', () => {
    const tracker = new RateTracker();
    const rateAt = (seconds: number, bytes: number) => tracker.rate('a', recovery(bytes), NOW_MS + seconds * 1_000);
    expect(rateAt(10, 100)).toBe(10);
    expect(rateAt(15, 600)).toBe(100);
    expect(rateAt(17, 600)).toBe(100);
    expect(rateAt(20, 1_100)).toBe(100);
    for (let seconds = 25; seconds <= 70; seconds += 5) rateAt(seconds, 1_100 + (seconds - 20) * 10);
    expect(rateAt(75, 1_650)).toBeCloseTo(10);
    expect(rateAt(120, 1_650)!).toBeLessThan(6);
  });

  test('a new attempt is a new recovery, and one that is over is forgotten', () => {
    const tracker = new RateTracker();
    tracker.rate('a', recovery(900), NOW_MS + 10_000);
    tracker.rate('a', recovery(1_000), NOW_MS + 20_000);
    const again = recovery(30, '2026-01-01T12:00:20Z');
    expect(tracker.rate('a', again, NOW_MS + 30_000)).toBe(3);
    tracker.keepOnly(new Set(['b']));
    expect(tracker.rate('a', recovery(1_000), NOW_MS + 40_000)).toBe(25);
  });
});

describe('severity', () => {
  test.each([
    ['QuorumLost', QUORUM_LOST, 'QuorumLost'],
    ['NeedsYou', PROPOSED, 'ApprovalNeeded'],
    ['AtRisk', PULLING, 'Pulling'],
    ['Redundant', REDUNDANT, 'AllReplicasPresent'],
    ['Unseen', { Ready: ['Unknown', 'Observing'], Reconciling: ['True', 'Observing'] } satisfies Claims, 'Observing'],
    ['Unseen', {}, 'Unseen'],
  ] satisfies ReadonlyArray<readonly [string, Claims, string]>)('%s', (severity, claims, reason) => {
    const timeline = timelineObject('a', { conditions: conditions(claims) });
    expect(severityOf(timeline)).toBe(severity);
    expect(reasonOf(timeline)).toBe(reason);
  });

  test('of equals, the fewest replicas come first, then names', () => {
    const few = { ...pullingStatus(), redundancy: '1/3' };
    const sorted = [
      timelineObject('c', pullingStatus()),
      timelineObject('b', few),
      timelineObject('a', pullingStatus()),
    ];
    expect(sorted.sort(compareWorst).map(({ metadata }) => metadata.name)).toEqual(['b', 'a', 'c']);
  });

  test('the worst of many are those of a full sort, and all are counted', () => {
    const statuses = [redundantStatus(), pullingStatus(), proposedStatus(), quorumLostStatus(), undefined];
    const objects = fc.array(fc.tuple(fc.nat(999), fc.nat(4)), { maxLength: 60 });
    fc.assert(
      fc.property(objects, fc.integer({ min: 1, max: 10 }), (drawn, limit) => {
        const all = drawn.map(([name, kind]) => timelineObject(`t${name}`, statuses[kind]));
        const worst = new WorstOf(limit);
        for (const each of all) worst.add(each);
        const names = (some: typeof all) => some.map((each) => `${severityOf(each)} ${each.metadata.name}`);
        expect(names(worst.worst() as typeof all)).toEqual(names(all.toSorted(compareWorst).slice(0, limit)));
        expect(totalOf(worst.counts)).toBe(all.length);
        expect(totalOf(leftOut(worst.counts, worst.worst()))).toBe(Math.max(0, all.length - limit));
      }),
    );
  });
});
