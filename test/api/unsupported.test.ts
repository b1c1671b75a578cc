import { expect, test } from 'vitest';
import { parseClusterSpec } from '../../src/api/parse.ts';
import { unsupportedFields } from '../../src/api/unsupported.ts';
import { clusterObject, withoutSpecField } from './objects.ts';

function unsupportedIn(object: unknown): string[] {
  const parsed = parseClusterSpec(object);
  if (!parsed.ok) throw new Error(parsed.error.message);
  return unsupportedFields(parsed.value);
}

test('nothing but what the operator acts on', () => {
  expect(unsupportedIn(clusterObject({ recovery: { mode: 'Propose', fencing: 'Never' }, paused: true }))).toEqual([]);
});

test('what the operator would ignore is named', () => {
  const pods = { discovery: { pods: { selector: { matchLabels: { app: 'safekeeper' } } } } };
  expect(unsupportedIn(withoutSpecField(clusterObject(pods), 'safekeepers'))).toEqual(['spec.discovery']);
});
