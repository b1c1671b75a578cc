import { describe, expect, test } from 'vitest';
import { startRecordedDonor } from '../transfer/harness.ts';
import { stepCount, violations } from './power-loss.ts';
import type { Scenario } from './scenario.ts';
import {
  archiveFileScenario,
  startScenario,
  createScenario,
  deleteScenario,
  identityScenario,
  installScenario,
  pullScenario,
  termBumpScenario,
  tombstoneScenario,
} from './scenarios.ts';
import { twoSegments } from './two-segments.ts';

const TIMEOUT_MS = 60_000;

async function all(scenario: Scenario): Promise<string[]> {
  const found: string[] = [];
  for await (const violation of violations(scenario)) found.push(violation);
  return found;
}

describe('after a crash or a power loss at any step of', () => {
  test(
    'a pull there is no timeline or all of it, and the next pull heals it',
    async () => {
      const snapshot = await twoSegments();
      await using donor = await startRecordedDonor(snapshot);
      const scenario = pullScenario(snapshot, donor.url);
      expect(await stepCount(scenario)).toBeGreaterThan(15);
      expect(await all(scenario)).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'an installation there is no timeline or all of it',
    async () => expect(await all(installScenario(await twoSegments()))).toEqual([]),
    TIMEOUT_MS,
  );

  test(
    'the writing of an archive there is the former one or all of it',
    async () => expect(await all(archiveFileScenario(await twoSegments()))).toEqual([]),
    TIMEOUT_MS,
  );

  test('a creation there is no timeline or a valid one', async () => {
    expect(await all(createScenario())).toEqual([]);
  });

  test('a deletion there is the timeline, or a tombstone', async () => {
    expect(await all(deleteScenario(await twoSegments()))).toEqual([]);
  });

  test('a term bump the term is the old or the new one', async () => {
    expect(await all(termBumpScenario(await twoSegments()))).toEqual([]);
  });

  test.each([tombstoneScenario(), startScenario(), identityScenario()])('a write: $name', async (scenario) => {
    expect(await all(scenario)).toEqual([]);
  });
});

/** The first violation, when syncs of paths of this form do nothing. */
async function firstViolation(scenario: Scenario, forgotten: RegExp): Promise<string | undefined> {
  for await (const violation of violations(scenario, (path) => forgotten.test(path))) return violation;
  return undefined;
}

describe('this test notices a forgotten sync', () => {
  test.each([
    ['of a segment', /[0-9A-F]{24}$/],
    ['of the last segment', /\.partial$/],
    ['of the control file', /safekeeper\.control$/],
    ['of the temp directory', /_temptli$/],
    ['of the tenant directory', /\/1{32}$/],
    ['of the data directory', /^\/data$/],
  ])('%s in a pull', async (_what, path) => {
    const snapshot = await twoSegments();
    await using donor = await startRecordedDonor(snapshot);
    expect(await firstViolation(pullScenario(snapshot, donor.url), path)).toBeDefined();
  });

  test.each([
    ['of a segment', /[0-9A-F]{24}$/],
    ['of the control file', /safekeeper\.control\.partial$/],
    ['of the temp directory', /_temptli$/],
    ['of the tenant directory', /\/1{32}$/],
    ['of the data directory', /^\/data$/],
  ])('%s in an installation', async (_what, path) => {
    expect(await firstViolation(installScenario(await twoSegments()), path)).toBeDefined();
  });

  test.each([
    ['of its content', /\.partial$/],
    ['of the directory', /^\/data$/],
  ])('%s in the writing of an archive', async (_what, path) => {
    expect(await firstViolation(archiveFileScenario(await twoSegments()), path)).toBeDefined();
  });

  test.each([
    ['of the control file', /safekeeper\.control\.partial$/],
    ['of the temp directory', /_temptli$/],
    ['of the tenant directory', /\/1{32}$/],
    ['of the data directory', /^\/data$/],
  ])('%s in a creation', async (_what, path) => {
    expect(await firstViolation(createScenario(), path)).toBeDefined();
  });

  test.each([
    ['of the tombstones', /tombstones$/],
    ['of the data directory', /^\/data$/],
    ['of the tenant directory', /\/1{32}$/],
  ])('%s in a deletion', async (_what, path) => {
    expect(await firstViolation(deleteScenario(await twoSegments()), path)).toBeDefined();
  });

  test.each([
    ['of the control file', /safekeeper\.control\.partial$/],
    ['of the timeline directory', /\/a0{30}1$/],
  ])('%s in a term bump', async (_what, path) => {
    expect(await firstViolation(termBumpScenario(await twoSegments()), path)).toBeDefined();
  });

  test.each([
    ['of a tombstone', tombstoneScenario(), /tombstones$/],
    ['of tombstones that were compacted at a start', startScenario(), /tombstones\.partial$/],
    ['of the identity', identityScenario(), /safekeeper\.id\.partial$/],
    ['of the data directory with the identity', identityScenario(), /^\/data$/],
  ])('%s', async (_what, scenario, path) => {
    expect(await firstViolation(scenario, path)).toBeDefined();
  });
});
