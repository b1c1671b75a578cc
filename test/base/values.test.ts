import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assert, AssertionError } from '../../src/base/assert.ts';
import { formatTimestamp } from '../../src/base/clock.ts';
import { parseDuration } from '../../src/base/duration.ts';
import { describeError, errorCode, Failure } from '../../src/base/failure.ts';

describe('durations', () => {
  test.each([
    ['0s', 0],
    ['30s', 30_000],
    ['500ms', 500],
    ['1h30m', 5_400_000],
    ['2m1s1ms', 121_001],
  ])('%s', (text, expected) => expect(parseDuration(text)).toBe(expected));

  test.each(['', '30', 's', '-1s', '1.5h', '1d', ' 1s', '1s\n', '1 s', '99999999999999999999h'])(
    '%j is refused',
    (text) => {
      expect(() => parseDuration(text)).toThrow(expect.objectContaining({ reason: 'InvalidDuration', retry: 'never' }));
      expect(() => parseDuration(text)).toThrow(/write it like 30s, 5m or 1h30m/);
    },
  );
});

describe('failures', () => {
  test('are retried with backoff unless said otherwise, and keep their cause', () => {
    const cause = new Error('disk');
    expect(new Failure('Broken', 'it broke')).toMatchObject({ name: 'Failure', reason: 'Broken', retry: 'backoff' });
    expect(new Failure('Broken', 'it broke', { retry: 'never', cause })).toMatchObject({ retry: 'never', cause });
  });

  test('are described in one line with their causes, nothing said twice', () => {
    const system = Object.assign(new Error('connect\n  ECONNREFUSED'), { code: 'ECONNREFUSED' });
    const failure = new Failure('Unreachable', 'GET /x failed', { cause: new Error('outer', { cause: system }) });
    expect(describeError(failure)).toBe('GET /x failed: outer: connect ECONNREFUSED');
    expect(describeError(new Error('a: b', { cause: new Error('b') }))).toBe('a: b');
    expect(describeError(Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' }))).toBe('ECONNREFUSED');
    expect(errorCode(system)).toBe('ECONNREFUSED');
    expect(errorCode({ code: 'ECONNREFUSED' })).toBeUndefined();
  });

  test('whatever was thrown, and however deep, is described without throwing', () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    const endless = new Error('again');
    endless.cause = endless;
    const thrown = [circular, 1n, Symbol('x'), () => 1, null, undefined, 'text', endless];
    for (const value of thrown) expect(typeof describeError(value)).toBe('string');
    expect(describeError('text')).toBe('text');
    expect(describeError(endless)).toBe('again');
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(typeof describeError(value)).toBe('string');
      }),
    );
  });
});

test('a broken invariant says which', () => {
  expect(() => assert(false, 'a < b')).toThrow(new AssertionError('a < b'));
});

test('timestamps have whole seconds, as Kubernetes writes them', () => {
  expect(formatTimestamp(Date.parse('2026-01-02T03:04:05.678Z'))).toBe('2026-01-02T03:04:05Z');
});
