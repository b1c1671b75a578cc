import { describe, expect, test } from 'vitest';
import { composeFrame } from '../../src/cli/demo/frame.ts';
import type { TimelineRow } from '../../src/cli/demo/timeline-row.ts';
import { createView } from '../../src/cli/demo/create-view.ts';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from '../../src/cli/terminal/glyphs.ts';
import type { Line } from '../../src/cli/terminal/line.ts';
import type { Environment } from '../../src/cli/terminal/output.ts';
import { FakeClock } from '../support/fake-clock.ts';

const MIB = 1024 * 1024;
const UTF8 = { LANG: 'C.UTF-8' };

function row(change: Partial<TimelineRow> = {}): TimelineRow {
  return {
    name: 'shop-main',
    redundancy: '2/3',
    state: 'Copying',
    reason: 'Pulling',
    message: 'At risk: Restoring safekeeper 2 from safekeeper 1.',
    donor: 1,
    bytesOnDisk: 7 * MIB,
    bytesExpected: 14 * MIB,
    ...change,
  };
}

function textOf(line: Line): string {
  return line.map(({ text }) => text).join('');
}

function frame(rows: readonly TimelineRow[], columns: number, height: number, glyphs = UNICODE_GLYPHS): string[] {
  const story = { elapsedMs: 12_345, done: ['All is Ready'], doing: 'Restoring: 0 of 1', rows, diskTitle: 'Its disk' };
  return composeFrame(story, { columns, rows: height }, glyphs).map(textOf);
}

/** Keeps what was written. */
class FakeTerminal {
  readonly isTTY: boolean;
  readonly columns = 100;
  readonly rows = 30;
  written = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): boolean {
    this.written += text;
    return true;
  }
}

describe('the picture', () => {
  test('shows the story and a bar for each timeline', () => {
    const [head, done, doing, , title, first] = frame([row()], 100, 30);
    expect(head).toBe('safekeeper-operator demo  12.3 s');
    expect(done).toBe('✔ All is Ready');
    expect(doing).toBe('● Restoring: 0 of 1');
    expect(title).toMatch(/^Timeline {2,}Repl {2}Status {9}Donor {2}Its disk$/);
    expect(first).toMatch(/^shop-main {2,}2\/3 {3}Pulling {8}1 {6}█{12}░{12} {2}7\.0 MiB \/ 14\.0 MiB$/);
  });

  test('a timeline without bytes has an empty bar, one that is there a full one', () => {
    const [empty, full] = frame(
      [row({ bytesOnDisk: 0, bytesExpected: 0 }), row({ bytesOnDisk: 346, bytesExpected: 346 })],
      100,
      30,
      ASCII_GLYPHS,
    ).slice(5);
    expect(empty).toContain(` ${'.'.repeat(24)}  0 B / 0 B`);
    expect(full).toContain(` ${'#'.repeat(24)}  346 B / 346 B`);
  });

  test.each([20, 40, 80, 120])('never exceeds %d columns and keeps the ends of long names', (columns) => {
    const name = 'demo-2e94d1b7-29d6b0e4f83c4715bd9e5a1c70f2846d';
    const lines = frame([row({ name })], columns, 30);
    for (const line of lines) expect(line.length).toBeLessThan(columns);
    if (columns >= 80) expect(lines.at(-1)).toMatch(/^demo-[^ ]+…?[^ ]*2846d /);
  });

  test.each([2, 4, 7, 12, 24])('never exceeds %d rows and counts what it leaves out', (height) => {
    const rows = Array.from({ length: 14 }, (_, at) => row({ name: `timeline-${at}` }));
    const lines = frame(rows, 100, height);
    expect(lines.length).toBeLessThan(height);
    const shown = lines.filter((line) => line.startsWith('timeline-')).length;
    if (shown > 0 && shown < 14) expect(lines.at(-1)).toBe(`and ${14 - shown} more`);
    if (height === 24) expect(shown).toBe(14);
  });
});

describe('on a terminal', () => {
  function play(environment: Environment): string {
    const terminal = new FakeTerminal(true);
    const view = createView(terminal, environment, new FakeClock(), 'Its disk');
    view.begin('Restoring', () => ': 3 of 4');
    view.done('Healed');
    view.show([row()]);
    view[Symbol.dispose]();
    return terminal.written;
  }

  test('the cursor is hidden while it draws and comes back', () => {
    const written = play(UTF8);
    expect(written.startsWith('\u001B[?25l')).toBe(true);
    expect(written.endsWith('\u001B[?25h')).toBe(true);
    expect(written).toContain('Healed\u001B[K\n');
    expect(written).toContain('█');
  });

  test('NO_COLOR is respected, and a terminal without Unicode gets ASCII', () => {
    expect(play(UTF8)).toContain('\u001B[32m');
    const plain = play({ NO_COLOR: '1', LANG: 'C' });
    expect(plain).not.toContain('\u001B[32m');
    expect(plain).toContain('#');
    expect(Buffer.byteLength(plain)).toBe(plain.length);
  });
});

describe('elsewhere', () => {
  test.each([
    ['not a terminal', false, {}],
    ['a dumb terminal', true, { TERM: 'dumb' }],
  ])('%s gets one line for each thing that happens', (_what, isTTY, environment) => {
    const output = new FakeTerminal(isTTY);
    using view = createView(output, environment, new FakeClock(), 'Its disk');
    view.begin('Restoring', () => ': 3 of 4');
    view.show([row()]);
    view.show([row({ bytesOnDisk: 9 * MIB })]);
    const restored = row({ state: 'Restored', redundancy: '3/3', bytesOnDisk: 14 * MIB });
    view.show([restored]);
    view.show([restored]);
    view.done('Healed');
    expect(output.written).toBe(
      '[  0.0 s] Restoring ...\n[  0.0 s]   shop-main: restored from safekeeper 1, 3/3, 14.0 MiB\n[  0.0 s] Healed\n',
    );
  });

  test('a timeline that needs a person says why', () => {
    const output = new FakeTerminal(false);
    using view = createView(output, {}, new FakeClock(), 'Its disk');
    view.show([row({ state: 'Stalled', message: 'Needs you: no room.' })]);
    expect(output.written).toContain('shop-main: Needs you: no room.');
  });
});
