import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';

const DIST = resolve(import.meta.dirname, '../../dist');

test('the bundle leaves the generated models of the Kubernetes library out: they are most of an idle operator', () => {
  const sizes = readdirSync(DIST).map((name) => statSync(join(DIST, name)).size);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  expect(total).toBeGreaterThan(1_000_000);
  expect(total).toBeLessThan(8_000_000);
});
