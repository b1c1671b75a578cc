import { describe, expect, test } from 'vitest';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../src/api/resources.ts';
import { ASCII_GLYPHS } from '../../src/cli/terminal/glyphs.ts';
import type { Overview } from '../../src/cli/status/overview.ts';
import { reportLines } from '../../src/cli/status/report.ts';
import { slimTimeline } from '../../src/cli/status/slim.ts';
import type { ViewContext } from '../../src/cli/status/view-context.ts';
import { WorstOf } from '../../src/cli/status/worst.ts';
import { type Line, lineWidth } from '../../src/cli/terminal/line.ts';
import {
  clusterObject,
  conditions,
  lost,
  present,
  proposedStatus,
  PULLING,
  pullingStatus,
  quorumLostStatus,
  REDUNDANT,
  redundantStatus,
  timelineObject,
  viewContext,
} from './status-objects.ts';

function overview(clusters: SafekeeperCluster[], timelines: SafekeeperTimeline[], limit = 20): Overview {
  const [worstClusters, worstTimelines] = [
    new WorstOf<SafekeeperCluster>(limit),
    new WorstOf<SafekeeperTimeline>(limit),
  ];
  for (const cluster of clusters) worstClusters.add(cluster);
  for (const timeline of timelines) worstTimelines.add(timeline);
  return {
    clusters: worstClusters.worst(),
    clusterCounts: worstClusters.counts,
    timelines: worstTimelines.worst(),
    timelineCounts: worstTimelines.counts,
  };
}

function textOf(line: Line): string {
  return line.map(({ text }) => text).join('');
}

function report(seen: Overview, change: Partial<ViewContext> = {}, height?: number): string[] {
  return reportLines(seen, viewContext(change), height).map(textOf);
}

const LONG_NAME = `${'a-long-name-'.repeat(5)}7c1f0e8a-4f2a9b1c7d3e8056a1b94c0e62d7f385`;
const FOREIGN =
  '拡張子のないファイル is broken: /a/very/long/path/without/any/space/that/goes/on/and/on/for/ever/and/ever/more';

/** One of each kind of trouble, with everything in it that could break a line. */
function troubled(): Overview {
  const foreign = {
    ...redundantStatus(),
    redundancy: '2/3',
    message: `Needs you: ${FOREIGN}\u001B[31m\r\n`,
    replicas: [present(1), present(2), { ...present(3), state: 'Corrupt' as const, message: FOREIGN }],
    conditions: conditions({ ...REDUNDANT, Ready: ['False', 'ReplicaCorrupt'], Stalled: ['True', 'ReplicaCorrupt'] }),
  };
  return overview(
    [clusterObject('main', PULLING)],
    [
      timelineObject('safe', redundantStatus()),
      timelineObject('unseen'),
      timelineObject('pulling', pullingStatus()),
      timelineObject('proposed', proposedStatus()),
      timelineObject('gone', quorumLostStatus()),
      timelineObject(LONG_NAME, foreign),
    ],
  );
}

describe('the report', () => {
  test('shows clusters with their safekeepers, then timelines, the worst first', () => {
    const lines = report(troubled());
    expect(lines.slice(0, 2)).toEqual(['▲ cluster neon/main', '  At risk: 2 of 4 timelines lack a replica.']);
    expect(lines[2]).toMatch(/^ {2}1 {2}http.* 14,000 timelines {2}ok$/);
    expect(lines[3]).toMatch(/^ {2}2 {2}http.* 13,998 timelines {2}2 lost$/);
    expect(lines[4]).toMatch(/^ {2}3 {2}http.* +\? timelines {2}unreachable, seen 3m ago$/);
    expect(lines).toContain('6 timelines: 1 without a quorum, 2 waiting for you, 1 at risk, 1 not looked at');
    const heads = lines.filter((line) => /^. [0-9?]\/[0-9?] /.test(line)).map((line) => line.split(/ +/)[2]);
    expect(heads.map((name) => name?.slice(0, 8))).toEqual([
      'gone',
      'a-long-n',
      'proposed',
      'pulling',
      'unseen',
      'safe',
    ]);
  });

  test('a redundant timeline is a line', () => {
    expect(report(overview([], [timelineObject('safe', redundantStatus())]))).toEqual([
      '1 timeline: 1 redundant',
      '',
      '● 3/3  safe',
    ]);
  });

  test('a running recovery shows how much, how fast and how long, beside the replicas it is measured by', () => {
    expect(report(overview([], [timelineObject('pulling', pullingStatus())])).slice(2)).toEqual([
      '▲ 2/3  pulling  Pulling',
      '       At risk: Restoring safekeeper 2 from safekeeper 1.',
      '       1  Present  ██████████  0/4F00028',
      '       2  Lost     ██░░░░░░░░  from 1: 50.0 MiB of 200 MiB, 5.0 MiB/s, 30s left',
      '       3  Present  ██████░░░░  0/3F00028  −16.0 MiB',
    ]);
  });

  test('what a person can do is a command to copy, with what it costs', () => {
    const seen = overview([], [timelineObject('a', proposedStatus()), timelineObject('b', quorumLostStatus())]);
    const lines = report(seen, { width: 159, connectionArguments: ' --context prod' });
    expect(lines).toContain('       → kubectl safekeepers approve a -n neon --context prod');
    const forced = lines.indexOf('       → kubectl safekeepers force-donor b -n neon --context prod');
    expect(lines[forced - 1]).toBe('       This gives up at least 16777216 bytes of WAL (16.0 MiB):');
    expect(report(seen, { isContextNamespace: true })).toContain('       → kubectl safekeepers approve a');
    const unknown = report(overview([], [timelineObject('b', quorumLostStatus('x', 0))]));
    expect(unknown).toContain('       This gives up a part of the WAL that nobody can measure:');
  });

  test('a failed attempt says when the next one is, a pull that tells nothing how long it takes', () => {
    const { recovery, ...status } = pullingStatus();
    const failed = { ...status, recovery: { ...recovery!, attempt: 3, nextAttemptAt: '2026-01-01T12:00:40Z' } };
    expect(report(overview([], [timelineObject('a', failed)])).at(-2)).toContain(
      'from 1: attempt 3 failed, the next one in 40s',
    );
    const { bytesDone: _unknown, ...silent } = recovery!;
    const lines = report(overview([], [timelineObject('a', { ...status, recovery: { ...silent, forced: true } })]));
    expect(lines.at(-2)).toMatch(/░{10} {2}from 1: copying 200 MiB for 10s, forced$/);
  });

  test('a pause is told, and how it ends', () => {
    const paused = (by: string) => ({
      ...redundantStatus(),
      conditions: conditions({ ...REDUNDANT, Paused: ['True', 'Paused'] }, { Paused: `Paused by ${by}.` }),
    });
    const own = timelineObject('a', paused('itself'), { paused: true });
    expect(report(overview([], [own])).slice(2)).toContain('       Paused by itself.');
    expect(report(overview([], [own])).at(-1)).toBe('       → kubectl safekeepers resume skt/a -n neon');
    const annotations = { 'safekeeper.dev/paused-until': '2026-01-01T13:00:00Z' };
    const forAWhile = { ...own, spec: { ...own.spec, paused: false }, metadata: { ...own.metadata, annotations } };
    for (const each of [forAWhile, slimTimeline(forAWhile)]) {
      expect(report(overview([], [each])).at(-1)).toBe('       → kubectl safekeepers resume skt/a -n neon');
    }
    // Told with the cluster, once for all its timelines.
    expect(report(overview([], [timelineObject('a', paused('the cluster'))])).slice(2)).toEqual(['● 3/3  a']);
    const lost = { ...pullingStatus(), conditions: conditions({ ...PULLING, Paused: ['True', 'Paused'] }) };
    expect(report(overview([], [timelineObject('b', lost)]))[2]).toBe('▲ 2/3  b  Pulling, paused');
  });

  test('wide shows ids, terms and the last recoveries, of redundant timelines, too', () => {
    const history = [
      {
        recipient: 2,
        donor: 1,
        startedAt: '2026-01-01T09:00:00Z',
        duration: '12s',
        fencing: 'ByTerms' as const,
        forced: false,
        outcome: 'Recovered' as const,
      },
    ];
    const lines = report(overview([], [timelineObject('a', { ...redundantStatus(), history })]), {
      isWide: true,
      width: 159,
    });
    expect(lines.join('\n')).toContain('tenant 7c1f0e8ab3d94f6a91e2d05c6b74a8f3, timeline 61');
    expect(lines[4]).toMatch(/1 {2}Present {2}█{20} {2}0\/4F00028 {2}term 7 {2}committed 0\/4F00028 {2}as of 60s ago$/);
    expect(lines.at(-1)).toBe('       Recovered 2 from 1 in 12s, 3h ago, fenced by terms');
  });

  test('an object that nobody has looked at for a minute raises a question', () => {
    expect(report(overview([], [timelineObject('a')])).at(-1)).toBe(
      '       Not looked at yet: is the operator running?',
    );
    const young = { nowMs: Date.parse('2026-01-01T00:00:30Z') };
    expect(report(overview([], [timelineObject('a')]), young).at(-1)).toBe('       Not looked at yet.');
  });
});

describe('the width of a terminal', () => {
  test.each([10, 20, 39, 79, 119, 159, 300])('%d columns are never exceeded', (width) => {
    for (const isWide of [false, true]) {
      for (const line of reportLines(troubled(), viewContext({ width, isWide, showNamespace: true }))) {
        expect(lineWidth(line)).toBeLessThanOrEqual(width);
        expect(textOf(line)).not.toMatch(/\p{Cc}/u);
      }
    }
  });

  test('nothing is cut where there is no terminal, and no name of a timeline in trouble anywhere', () => {
    const unbroken = report(troubled(), { width: Number.POSITIVE_INFINITY });
    expect(unbroken.join('\n')).toContain(`✖ 2/3  ${LONG_NAME}  ReplicaCorrupt`);
    expect(unbroken.join('\n')).toContain(FOREIGN);
    expect(unbroken.join('')).not.toContain('…');
    expect(report(troubled()).join('').replaceAll(' ', '')).toContain(LONG_NAME);
  });

  test('what is only safe may be shortened in the middle', () => {
    const lines = report(overview([], [timelineObject(LONG_NAME, redundantStatus())]), { width: 40 });
    expect(lines.at(-1)).toMatch(/^● 3\/3 {2}a-long-name-a.*….*62d7f385$/);
    expect(lines.at(-1)).toHaveLength(40);
  });

  test('a terminal without Unicode gets ASCII', () => {
    const seen = overview(
      [clusterObject('main', PULLING)],
      [timelineObject('a', pullingStatus()), timelineObject('b', proposedStatus())],
    );
    const text = report(seen, { glyphs: ASCII_GLYPHS }).join('\n');
    expect(text).toMatch(/^[\x20-\x7e\n]*$/);
    expect(text).toContain('######....');
  });
});

describe('what is not shown', () => {
  const many = () => [
    ...Array.from({ length: 30 }, (_, index) => timelineObject(`safe-${index}`, redundantStatus())),
    ...Array.from({ length: 5 }, (_, index) => timelineObject(`pulling-${index}`, pullingStatus())),
  ];

  test('is counted, by how bad it is', () => {
    const lines = report(overview([], many(), 3));
    expect(lines[0]).toBe('35 timelines: 5 at risk, 30 redundant');
    expect(lines.at(-1)).toBe('and 32 more timelines: 2 at risk, 30 redundant (--all shows all)');
    expect(report(overview([], many(), 100)).join('\n')).not.toContain('more timelines');
  });

  test.each([1, 2, 5, 8, 12, 20, 40, 100])('is what a terminal of %d rows has no room for', (height) => {
    const lines = report(overview([clusterObject('main', PULLING)], many(), 100), {}, height);
    expect(lines.length).toBeLessThanOrEqual(height);
    const shown = lines.filter((line) => /^[●▲] [23]\/3 /.test(line)).length;
    if (height >= 12)
      expect(lines.at(-1)).toMatch(shown === 35 ? /./ : new RegExp(`^and ${35 - shown} more timelines: `));
    if (height === 100) expect(shown).toBe(35);
  });
});

test('a slim timeline looks the same', () => {
  const full = [
    timelineObject('safe', redundantStatus()),
    timelineObject('unseen'),
    timelineObject('pulling', pullingStatus()),
    timelineObject('gone', { ...quorumLostStatus(), replicas: [present(1), lost(2), lost(3)] }),
  ];
  const before = report(overview([], full));
  expect(report(overview([], full.map(slimTimeline)))).toEqual(before);
  const labelled = { ...full[0]!, metadata: { ...full[0]!.metadata, labels: { a: 'b' }, annotations: { c: 'd' } } };
  expect(JSON.stringify(slimTimeline(labelled)).length).toBeLessThan(JSON.stringify(labelled).length * 0.6);
});
