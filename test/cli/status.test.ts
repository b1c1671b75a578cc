import { expect, test } from 'vitest';
import { API_VERSION } from '../../src/api/names.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../src/api/resources.ts';
import { renderStatus } from '../../src/cli/status.ts';

type Readiness = 'Safe' | 'AtRisk' | 'NeedsYou';

function conditions(readiness: Readiness) {
  const at = '2026-01-01T00:00:00Z';
  const of = (type: string, holds: boolean) => ({
    type,
    status: holds ? ('True' as const) : ('False' as const),
    lastTransitionTime: at,
    reason: 'Test',
    message: '',
  });
  return [of('Ready', readiness === 'Safe'), of('Stalled', readiness === 'NeedsYou')];
}

function cluster(readiness: Readiness): SafekeeperCluster {
  return {
    apiVersion: API_VERSION,
    kind: 'SafekeeperCluster',
    metadata: { name: 'main', namespace: 'neon' },
    spec: { safekeepers: [] },
    status: {
      message: 'the cluster says this',
      safekeepers: [
        { id: 1, url: 'http://sk-1:7676', reachable: true, timelines: 3, lost: 0 },
        { id: 2, url: 'http://sk-2:7676', reachable: false, lost: 2 },
      ],
      conditions: conditions(readiness),
    },
  };
}

function timeline(name: string, readiness: Readiness, clusterName = 'main'): SafekeeperTimeline {
  return {
    apiVersion: API_VERSION,
    kind: 'SafekeeperTimeline',
    metadata: { name, namespace: 'neon' },
    spec: { clusterRef: { name: clusterName }, tenantId: 'a'.repeat(32), timelineId: 'b'.repeat(32) },
    status: { redundancy: '2/3', message: `${name} says this`, conditions: conditions(readiness) },
  };
}

/** Without colours, whether or not the test runs on a terminal. */
function render(clusters: SafekeeperCluster[], timelines: SafekeeperTimeline[]): string[] {
  const escape = String.fromCharCode(27);
  return renderStatus(clusters, timelines).map((line) =>
    line
      .split(escape)
      .join('')
      .replace(/\[[0-9]+m/g, ''),
  );
}

test('a cluster, its safekeepers, then its timelines, those in trouble first', () => {
  const lines = render(
    [cluster('AtRisk')],
    [timeline('a', 'Safe'), timeline('b', 'AtRisk'), timeline('c', 'NeedsYou')],
  );
  expect(lines[0]).toBe('▲ neon/main  the cluster says this');
  expect(lines[1]).toMatch(/safekeeper 1 .*3 timelines {2}ok$/);
  expect(lines[2]).toMatch(/safekeeper 2 .*unreachable, 2 lost$/);
  expect(lines.slice(3).map((line) => line.trim()[0])).toEqual(['✖', '▲', '●']);
  expect(lines.slice(3).map((line) => /(\w) says this$/.exec(line)?.[1])).toEqual(['c', 'b', 'a']);
});

test('timelines whose cluster does not exist are not forgotten', () => {
  const lines = render([cluster('Safe')], [timeline('lonely', 'AtRisk', 'gone')]);
  expect(lines.slice(-2)[0]).toBe('Timelines of no known cluster');
  expect(lines.at(-1)).toContain('lonely says this');
});
