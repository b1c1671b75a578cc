import { describe, expect, test } from 'vitest';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from '../../src/cli/terminal/glyphs.ts';
import type { Line } from '../../src/cli/terminal/line.ts';
import { composeRestoreFrame, type RestoreStory } from '../../src/cli/restore/frame.ts';
import { exitCodeOf, summaryLines } from '../../src/cli/restore/summary.ts';
import { createRestoreView } from '../../src/cli/restore/view.ts';
import { createLogger } from '../../src/base/log.ts';
import { parseTenantId, parseTimelineId, type SafekeeperId } from '../../src/domain/ids.ts';
import { type RestoreSummary, verdictOf } from '../../src/restore/outcome.ts';
import { Tally } from '../../src/restore/tally.ts';
import { TransferRegistry } from '../../src/transfer/transfer-progress.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MIB = 1024 * 1024;
const id = { tenantId: parseTenantId('1'.repeat(32))!, timelineId: parseTimelineId('2'.repeat(32))! };
const REFUSED = { kind: 'Refused', reason: 'QuorumLost', message: 'Too few members.' } as const;

function textOf(line: Line): string {
  return line.map(({ text }) => text).join('');
}

function story(): RestoreStory {
  const tally = new Tally();
  tally.found(4);
  tally.end(id, { kind: 'Kept' });
  tally.end(id, REFUSED);
  tally.later(id, 'GracePeriod', 'wait');
  const transfer = { kind: 'Pull' as const, id, peer: 'http://sk-1', startedAtMs: 0, elapsedMs: 2_000, segments: 1 };
  const running = [{ ...transfer, bytes: 8 * MIB, totalBytes: 16 * MIB }];
  return { dataDirectory: '/data', elapsedMs: 10_000, tally, running, bytes: 20 * MIB, notes: ['something'] };
}

describe('the picture', () => {
  test('shows how far everything and each copy is', () => {
    const [title, total, waiting, copy, note] = composeRestoreFrame(
      story(),
      { columns: 140, rows: 30 },
      UNICODE_GLYPHS,
    ).map(textOf);
    expect(title).toBe('Restoring /data  10.0 s');
    expect(total).toMatch(/^█{20}░{20} 2\/4 timelines {2}20\.0 MiB {2}2\.0 MiB\/s {2}10\.0 s left {2}1 refused$/);
    expect(waiting).toBe('waiting: 1 GracePeriod');
    expect(copy).toMatch(/^1{32}\/2{32} {2}█+░+ {2}8\.0 MiB \/ 16\.0 MiB +4\.0 MiB\/s$/);
    expect(note).toBe('something');
  });

  test.each([
    [40, 24],
    [80, 3],
    [20, 1],
    [200, 60],
  ])('fits into %i by %i', (columns, rows) => {
    const many = { ...story(), running: Array.from({ length: 50 }, () => story().running[0]!) };
    const lines = composeRestoreFrame(many, { columns, rows }, ASCII_GLYPHS);
    expect(lines.length).toBeLessThanOrEqual(Math.max(rows - 1, 0));
    for (const line of lines) expect(textOf(line).length).toBeLessThan(columns);
  });

  test('is drawn on a terminal, which is left as it was', async () => {
    const output = {
      isTTY: true,
      columns: 100,
      rows: 20,
      written: '',
      write: (text: string) => (output.written += text) !== '',
    };
    const clock = new FakeClock();
    const common = { transfers: new TransferRegistry(clock), clock, log: createLogger('silent') };
    const view = createRestoreView({ output, environment: { LANG: 'C.UTF-8' }, dataDirectory: '/data', ...common });
    view.tally.found(1);
    view.tally.end(id, REFUSED);
    view[Symbol.dispose]();
    expect(view.isTerminal).toBe(true);
    expect(output.written).toContain('Restoring /data');
    expect(output.written).toContain('Too few members.');
    expect(output.written.endsWith('\u001B[?25h')).toBe(true);
  });
});

describe('the end', () => {
  const all: RestoreSummary = {
    safekeeperId: 3n as SafekeeperId,
    restored: 3,
    kept: 0,
    notOurs: 0,
    refused: 0,
    failed: 0,
    untried: 0,
    unknown: [],
    stopped: undefined,
    bytes: 3 * MIB,
    durationMs: 1_500,
    lacking: [],
  };
  const nothing = { ...all, restored: 0 };

  test.each([
    [all, 'Everything', 0, 0],
    [nothing, 'Everything', 0, 0],
    [{ ...all, refused: 1 }, 'Part', 4, 0],
    [{ ...all, untried: 1 }, 'Part', 4, 0],
    [{ ...all, unknown: ['http://sk-1: no answer'] }, 'Part', 4, 0],
    [{ ...all, stopped: { reason: 'DiskFull', message: '' } }, 'Part', 4, 0],
    [{ ...nothing, kept: 1, failed: 1 }, 'Part', 4, 0],
    [{ ...nothing, failed: 1 }, 'Nothing', 1, 1],
    [{ ...nothing, unknown: ['http://sk-1: no answer'] }, 'Nothing', 1, 1],
    [{ ...nothing, refused: 1, failed: 1 }, 'Refused', 3, 3],
  ])('%#: a part never pretends to be everything', (summary, verdict, failing, continuing) => {
    expect(verdictOf(summary)).toBe(verdict);
    expect([exitCodeOf(summary, 'fail'), exitCodeOf(summary, 'continue')]).toEqual([failing, continuing]);
  });

  test('is told in a few lines', () => {
    expect(summaryLines(all)).toEqual(['Everything is there: 3 restored; 3.0 MiB in 1.5 s.']);
    const lacking = Array.from({ length: 30 }, () => ({ ...id, outcome: REFUSED }));
    const lines = summaryLines({ ...all, refused: 30, lacking });
    expect(lines[0]).toBe('Only a part is there: 3 restored, 30 refused; 3.0 MiB in 1.5 s.');
    expect(lines[1]).toBe(`${id.tenantId}/${id.timelineId}: QuorumLost: Too few members.`);
    expect(lines.slice(-2)).toEqual(['and 10 more', 'The same command goes on where this one ended.']);
  });
});
