import { expect, test } from 'vitest';
import { inventoryLabels, isMadeByInventory, timelineObjectName } from '../../src/api/names.ts';
import { parseTenantId, parseTimelineId } from '../../src/domain/ids.ts';
import { TENANT, TIMELINE } from './objects.ts';

const id = { tenantId: parseTenantId(TENANT)!, timelineId: parseTimelineId(TIMELINE)! };

test('a timeline is named after its cluster, tenant and timeline, and fits an object name', () => {
  expect(timelineObjectName('neon', id)).toBe('neon-1f359dd6-9e4c8f36063c6c6e93bc20d65a820f3d');
  expect(timelineObjectName('n'.repeat(63), id).length).toBeLessThanOrEqual(253);
});

test('the labels of the inventory mark what it made, and are label values', () => {
  const labels = inventoryLabels('n'.repeat(63), id);
  expect(isMadeByInventory(labels)).toBe(true);
  for (const value of Object.values(labels)) expect(value).toMatch(/^[A-Za-z0-9._-]{1,63}$/);
  expect(isMadeByInventory(undefined)).toBe(false);
  expect(isMadeByInventory({ 'app.kubernetes.io/managed-by': 'Helm', 'safekeeper.dev/cluster': 'neon' })).toBe(false);
});
