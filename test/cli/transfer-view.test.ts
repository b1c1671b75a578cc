import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Logger } from '../../src/base/log.ts';
import type { Output } from '../../src/cli/terminal/output.ts';
import { createTransferView } from '../../src/cli/transfer-view.ts';

const MIB = 1024 * 1024;
let nowMs: number;
const clock = { monotonicMs: () => nowMs, wallTimeMs: () => nowMs, sleep: () => Promise.resolve() };

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers();
});

afterEach(() => vi.useRealTimers());

function recorder(terminal: Partial<Output> = {}) {
  const written: string[] = [];
  const logged: unknown[] = [];
  const output: Output = { ...terminal, write: (text) => written.push(text) > 0 };
  const log = { info: (fields: object, msg: string) => logged.push({ msg, ...fields }) } as unknown as Logger;
  return { written, logged, output, log };
}

function pass(durationMs: number): void {
  nowMs += durationMs;
  vi.advanceTimersByTime(durationMs);
}

test('on a terminal one line tells how far it is, how fast, and how long it takes', () => {
  const { written, logged, output, log } = recorder({ isTTY: true, columns: 80 });
  const view = createTransferView(output, {}, clock, log);
  view.meter.expect(64 * MIB);
  view.meter.addBytes(16 * MIB);
  pass(100);
  expect(written).toEqual(['\r16.0 MiB of 64.0 MiB, 25 %, 160 MiB/s\u001B[K']);
  pass(900);
  expect(written.at(-1)).toBe('\r16.0 MiB of 64.0 MiB, 25 %, 16.0 MiB/s, 3 s left\u001B[K');
  view.waiting('waiting for safekeeper 2');
  pass(100);
  expect(written.at(-1)).toBe('\r16.0 MiB of 64.0 MiB, 25 %; waiting for safekeeper 2\u001B[K');
  view.done('it is there', 'done', { a: 1 });
  expect(written.slice(-2)).toEqual(['\r\u001B[K', 'it is there\n']);
  pass(1_000);
  expect(written.at(-1)).toBe('it is there\n');
  expect(logged).toEqual([]);
});

test('what does not fit is cut, so that the line is not wrapped', () => {
  const { written, output, log } = recorder({ isTTY: true, columns: 30 });
  using view = createTransferView(output, {}, clock, log);
  view.waiting('waiting for a safekeeper with a long name');
  pass(100);
  expect(written.at(-1)).toHaveLength(1 + 29 + '\u001B[K'.length);
});

test.each([
  ['no terminal', {}, {}],
  ['a dumb one', { isTTY: true }, { TERM: 'dumb' }],
])('on %s there are lines of a log', (_what, terminal, environment) => {
  const { written, logged, output, log } = recorder(terminal);
  const view = createTransferView(output, environment, clock, log);
  view.meter.addBytes(5);
  view.meter.addSegment();
  pass(9_999);
  expect(logged).toEqual([]);
  pass(1);
  expect(logged).toEqual([{ msg: 'in progress', bytes: 5, segments: 1, totalBytes: undefined, waitsFor: undefined }]);
  view.waiting('grace');
  view.waiting('grace');
  view.done('it is there', 'done', { a: 1 });
  pass(60_000);
  expect(logged.slice(1)).toEqual([
    { msg: 'waiting', waitsFor: 'grace' },
    { msg: 'done', a: 1 },
  ]);
  expect(written).toEqual([]);
});
