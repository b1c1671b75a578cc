import { expect, test } from 'vitest';
import { Router } from '../../src/http/router.ts';

const router = new Router<string>()
  .add('GET', '/v1/status', 'status')
  .add('GET', '/v1/tenant/timeline', 'list')
  .add('GET', '/v1/tenant/:tenant', 'tenant')
  .add('DELETE', '/v1/tenant/:tenant', 'delete')
  .add('GET', '/v1/tenant/:tenant/timeline/:timeline', 'timeline');

const match = (method: string, path: string) => {
  const found = router.match(method, path);
  return found && [found.handler, { ...found.params }];
};

test('the first route that fits by method and path, with its parameters', () => {
  expect(match('GET', '/v1/status')).toEqual(['status', {}]);
  expect(match('GET', '/v1/tenant/timeline')).toEqual(['list', {}]);
  expect(match('GET', '/v1/tenant/x')).toEqual(['tenant', { tenant: 'x' }]);
  expect(match('DELETE', '/v1/tenant/timeline')).toEqual(['delete', { tenant: 'timeline' }]);
  expect(match('GET', '/v1/tenant/a%2Fb/timeline/%C3%A9')).toEqual(['timeline', { tenant: 'a/b', timeline: 'é' }]);
  expect(router.match('GET', '/v1/tenant/x')?.pattern).toBe('/v1/tenant/:tenant');
});

test('a trailing slash is accepted, once', () => {
  expect(match('GET', '/v1/status/')).toEqual(['status', {}]);
  expect(match('GET', '/v1/status//')).toBeUndefined();
});

test.each([
  ['POST', '/v1/status'],
  ['GET', '/'],
  ['GET', ''],
  ['GET', '/v1'],
  ['GET', '/v1/status/x'],
  ['GET', '/v1/tenant/'],
  ['GET', '/v1/tenant//timeline/x'],
  ['GET', '/v1/tenant/%ZZ'],
  ['GET', '/V1/status'],
])('%s %j fits nothing', (method, path) => expect(router.match(method, path)).toBeUndefined());
