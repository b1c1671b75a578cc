import { expect, test } from 'vitest';
import { readPause } from '../../src/api/pause.ts';

const NOW_MS = Date.parse('2030-01-31T18:00:00Z');
const until = (value: string) => readPause(false, { annotations: { 'safekeeper.dev/paused-until': value } }, NOW_MS);

test('nothing said: running', () => {
  expect(readPause(false, {}, NOW_MS)).toEqual({ kind: 'running' });
});

test('spec.paused holds whatever the annotation says', () => {
  const annotations = { 'safekeeper.dev/paused-until': '2000-01-01T00:00:00Z' };
  expect(readPause(true, { annotations }, NOW_MS)).toEqual({ kind: 'paused' });
});

test('the annotation pauses until its time, in any time zone, and no longer', () => {
  expect(until('2030-01-31T20:00:01+02:00')).toEqual({ kind: 'paused-until', untilMs: NOW_MS + 1_000 });
  expect(until('2030-01-31T18:00:00Z')).toEqual({ kind: 'running' });
});

test.each(['tomorrow', '', '2030-01-31', '2030-13-31T18:00:00Z', '2030-01-31 18:00', '1896112800'])(
  'an unreadable time pauses and is reported: %j',
  (value) => {
    expect(until(value)).toMatchObject({ kind: 'unreadable', message: expect.stringContaining('RFC 3339') as string });
  },
);
