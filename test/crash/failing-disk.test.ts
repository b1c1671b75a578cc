import { describe, expect, test } from 'vitest';
import type { Operation } from '../transfer/faulty-file-system.ts';
import { startRecordedDonor } from '../transfer/harness.ts';
import { consequences, type DiskFault } from './failing-disk.ts';
import type { Scenario } from './scenario.ts';
import {
  archiveFileScenario,
  createScenario,
  deleteScenario,
  identityScenario,
  installScenario,
  pullScenario,
  startScenario,
  termBumpScenario,
  tombstoneScenario,
} from './scenarios.ts';
import { twoSegments } from './two-segments.ts';

const NEEDS_ROOM: readonly Operation[] = ['open', 'makeDirectory', 'writev', 'truncate', 'rename', 'sync', 'datasync'];
const NEEDS_DESCRIPTOR: readonly Operation[] = ['open', 'list', 'syncDirectory'];

const FAULTS: DiskFault[] = [
  { code: 'ENOSPC', reason: 'DiskFull', operations: new Set(NEEDS_ROOM), lasts: false },
  { code: 'EIO', reason: 'DiskFailed', lasts: false },
  { code: 'EMFILE', reason: 'DiskFailed', operations: new Set(NEEDS_DESCRIPTOR), lasts: false },
  { code: 'EIO', reason: 'DiskFailed', lasts: true },
];

async function wrongs(scenario: Scenario, fault: DiskFault): Promise<{ calls: number; found: string[] }> {
  const found: string[] = [];
  const steps = consequences(scenario, fault);
  for (;;) {
    const step = await steps.next();
    if (step.done === true) return { calls: step.value, found };
    found.push(step.value);
  }
}

describe.each(FAULTS)('with $code from each call in turn (lasting: $lasts)', (fault) => {
  test('a pull leaves nothing behind, and the next one heals it', async () => {
    const snapshot = await twoSegments();
    await using donor = await startRecordedDonor(snapshot);
    const { calls, found } = await wrongs(pullScenario(snapshot, donor.url), fault);
    expect(found).toEqual([]);
    expect(calls).toBeGreaterThan(5);
  });

  test('every other change is done or not, and can be repeated', async () => {
    const snapshot = await twoSegments();
    const scenarios = [
      installScenario(snapshot),
      archiveFileScenario(snapshot),
      createScenario(),
      deleteScenario(snapshot),
      termBumpScenario(snapshot),
      tombstoneScenario(),
      identityScenario(),
      startScenario(),
    ];
    for (const scenario of scenarios) {
      const { calls, found } = await wrongs(scenario, fault);
      expect(found).toEqual([]);
      expect(calls).toBeGreaterThan(0);
    }
  });
});
