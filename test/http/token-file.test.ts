import { expect, test } from 'vitest';
import { createLogger } from '../../src/base/log.ts';
import { fixedToken, openTokenFile } from '../../src/http/token-file.ts';
import { FakeClock } from '../support/fake-clock.ts';

const openFile = (texts: readonly string[]) =>
  openTokenFile('/token', {
    read: () => Promise.resolve([...texts]),
    clock: new FakeClock(),
    log: createLogger('silent'),
  });

test('white space around the token is ignored; a new token is found by a refresh', async () => {
  const texts = [' first.of.them\n'];
  const source = await openFile(texts);
  expect(await source.current()).toBe('first.of.them');
  texts[0] = 'second';
  expect([await source.current(), await source.refresh()]).toEqual(['first.of.them', 'second']);
  texts[0] = '';
  expect(await source.refresh()).toBe('second');
});

test.each(['', ' \n', 'two words', 'line\r\nx-header: 1', 'töken'])('%j is no token', async (text) => {
  expect(() => fixedToken(text)).toThrow('the token cannot be used');
  const failure = openFile([text]);
  await expect(failure).rejects.toMatchObject({ reason: 'CredentialsInvalid', message: '/token cannot be used' });
});
