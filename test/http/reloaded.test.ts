import { expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { openReloaded } from '../../src/http/reloaded.ts';
import { createLogger } from '../../src/base/log.ts';
import { FakeClock } from '../support/fake-clock.ts';

/** Files that a test changes, and a value made from two of them. */
function setUp() {
  const clock = new FakeClock();
  const files = new Map([
    ['/a', 'one'],
    ['/b', 'two'],
  ]);
  const reads: string[] = [];
  const read = (path: string) => {
    reads.push(path);
    const text = files.get(path);
    return text === undefined ? Promise.reject(new Error(`no ${path}`)) : Promise.resolve([text]);
  };
  const parse = ({ a, b, c }: Readonly<Record<'a' | 'b' | 'c', readonly string[]>>) => {
    if (a[0] === 'bad') throw new Error('a is bad');
    return { joined: [...a, ...b, ...c].join(' ') };
  };
  const open = () =>
    openReloaded({ paths: { a: '/a', b: '/b', c: undefined }, parse }, { read, clock, log: createLogger('silent') });
  return { clock, files, reads, open };
}

test('the same object as long as the files are the same, a new one a moment after they changed', async () => {
  const { clock, files, reads, open } = setUp();
  const value = await open();
  const first = await value.current();
  expect(first).toEqual({ joined: 'one two' });
  files.set('/b', 'three');
  expect(await value.current()).toBe(first);
  expect(reads).toEqual(['/a', '/b']);
  await clock.advance(limits.credentialRecheckMs);
  const [second, third] = await Promise.all([value.current(), value.current()]);
  expect(second).toEqual({ joined: 'one three' });
  expect(third).toBe(second);
  expect(reads).toHaveLength(4);
});

test('refresh looks at once', async () => {
  const { files, open } = setUp();
  const value = await open();
  files.set('/a', 'zero');
  expect(await value.refresh()).toEqual({ joined: 'zero two' });
});

test.each([
  ['is gone', undefined],
  ['means nothing', 'bad'],
])('a file that %s later leaves the last good value, until it is good again', async (_, text) => {
  const { files, open } = setUp();
  const value = await open();
  if (text === undefined) files.delete('/a');
  else files.set('/a', text);
  files.set('/b', 'three');
  expect(await value.refresh()).toEqual({ joined: 'one two' });
  files.set('/a', 'good');
  expect(await value.refresh()).toEqual({ joined: 'good three' });
});

test('what cannot be used from the start is a Failure that names the files', async () => {
  const { files, open } = setUp();
  files.set('/a', 'bad');
  await expect(open()).rejects.toMatchObject({ reason: 'CredentialsInvalid', message: '/a, /b cannot be used' });
});
