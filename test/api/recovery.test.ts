import { expect, test } from 'vitest';
import { effectiveRecovery, recoveryOverrideSchema, recoverySchema } from '../../src/api/recovery.ts';

const cluster = recoverySchema.parse({ maxConcurrent: 2, mode: 'Propose' });

test("a timeline without settings of its own has its cluster's", () => {
  expect(effectiveRecovery(cluster, {})).toEqual(cluster);
});

test("a timeline's setting wins, whichever it is", () => {
  const override = recoveryOverrideSchema.parse({
    mode: 'Disabled',
    gracePeriod: '16s',
    witnesses: 'Quorum',
    unknownTimeout: '17s',
    fencing: 'Never',
    pullTimeout: '18s',
    stallTimeout: '19s',
  });
  expect(effectiveRecovery(cluster, override)).toEqual({
    ...cluster,
    mode: 'Disabled',
    gracePeriodMs: 16_000,
    witnesses: 'Quorum',
    unknownTimeoutMs: 17_000,
    fencing: 'Never',
    pullTimeoutMs: 18_000,
    stallTimeoutMs: 19_000,
  });
});
