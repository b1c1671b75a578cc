import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameOf, objectKey, resourcePath } from '../../src/kube/object.ts';

const NODES = { group: '', version: 'v1', plural: 'nodes', kind: 'Node', namespaced: false };
const LEASES = { group: 'coordination.k8s.io', version: 'v1', plural: 'leases', kind: 'Lease', namespaced: true };

test.each([
  [NODES, {}, undefined, '/api/v1/nodes'],
  [NODES, { name: 'n' }, 'status', '/api/v1/nodes/n/status'],
  [LEASES, {}, undefined, '/apis/coordination.k8s.io/v1/leases'],
  [LEASES, { namespace: 'ns' }, undefined, '/apis/coordination.k8s.io/v1/namespaces/ns/leases'],
  [LEASES, { namespace: 'ns', name: 'a/b' }, undefined, '/apis/coordination.k8s.io/v1/namespaces/ns/leases/a%2Fb'],
])('%o %o %s', (type, at, subresource, path) => {
  expect(resourcePath(type, at, subresource)).toBe(path);
});

test('a key names its object', () => {
  const label = fc.stringMatching(/^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$/);
  fc.assert(
    fc.property(label, fc.option(label, { nil: undefined }), (name, namespace) => {
      const object = namespace === undefined ? { name } : { namespace, name };
      expect(nameOf(objectKey(object))).toEqual(object);
    }),
  );
});
