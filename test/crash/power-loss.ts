import { describeError } from '../../src/base/failure.ts';
import { type Change, isOfContent, isSync, ModelledDisk, type PowerLoss } from '../support/modelled-disk.ts';
import { type ForgottenSync, modelledFileSystem } from '../support/modelled-file-system.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { openMap } from '../transfer/harness.ts';
import { DATA, prepared, restart, type Scenario } from './scenario.ts';

const NOTHING_UNSYNCED: PowerLoss = () => 'Lost';

const ONLY_REMOVALS: PowerLoss = (change) => (change.kind === 'Unlink' ? 'Kept' : 'Lost');

/** What of the unsynced changes a power loss leaves. */
const POWER_LOSSES: ReadonlyArray<readonly [name: string, loss: PowerLoss]> = [
  ['nothing unsynced is left', NOTHING_UNSYNCED],
  ['names are left, files are empty', (change) => (isOfContent(change) ? 'Lost' : 'Kept')],
  ['names and sizes are left, files are zeros', (change) => (change.kind === 'Write' ? 'Zeros' : 'Kept')],
  ['names are left, and every other page', (change) => (change.kind === 'Write' ? 'HalfThePages' : 'Kept')],
  ['contents are left, names are not', (change) => (isOfContent(change) ? 'Kept' : 'Lost')],
  ['removals are left, nothing else unsynced', ONLY_REMOVALS],
  ...[1, 2, 3].map((seed) => [`any part is left (${seed})`, anyPart(seed)] as const),
];

/**
 * Lets the act run, and then, for every step of it, lets the power fail after that step in every way, or kills the process
 * there; the last steps first. Yields one line for every check that failed.
 */
export async function* violations(scenario: Scenario, isForgotten?: ForgottenSync): AsyncGenerator<string> {
  const disk = await perform(scenario, isForgotten);
  const seen = new Set<string>();
  for (let count = disk.changes.length; count >= 0; count--) {
    const finished = count === disk.changes.length;
    const where = `${scenario.name}, ${finished ? 'finished' : `stopped before step ${count} (${disk.changes[count]?.kind})`}`;
    const killed = await textOf(() => check(scenario, disk.stoppedAfter(count), finished));
    if (killed !== undefined) yield `${where}, killed: ${killed}`;
    const start = await textOf(() => checkStart(scenario, disk.stoppedAfter(count)));
    if (start !== undefined) yield `${where}, killed, and the power failed during or after the next start: ${start}`;
    for (const [name, loss] of POWER_LOSSES) {
      const left = disk.afterPowerLoss(count, loss);
      const signature = `${left.signature} ${finished}`;
      if (seen.has(signature)) continue;
      seen.add(signature);
      const problem = await textOf(() => check(scenario, left.disk, finished));
      if (problem !== undefined) yield `${where}, ${name}: ${problem}`;
    }
  }
}

/** How many changes of the disk the act consists of, syncs included. */
export async function stepCount(scenario: Scenario): Promise<number> {
  return (await perform(scenario)).changes.length;
}

async function perform(scenario: Scenario, isForgotten?: ForgottenSync): Promise<ModelledDisk> {
  const disk = prepared(scenario);
  await scenario.act(await openMap(DATA, { files: modelledFileSystem(disk, isForgotten) }));
  return disk;
}

/** The program starts on what is left, does it once more, and then the power fails again. */
async function check(scenario: Scenario, left: ModelledDisk, finished: boolean): Promise<void> {
  const map = await restart(left);
  if (!scenario.isDone(map, left) && finished) throw new Error('what was reported as done is not');
  await scenario.act(map);
  const after = left.afterPowerLoss(left.changes.length, NOTHING_UNSYNCED).disk;
  if (!scenario.isDone(await restart(after), after))
    throw new Error('the second try was reported as done, but is lost');
}

/** What a start has found must be durable once it is over, and be whole at every step of it. */
async function checkStart(scenario: Scenario, killed: ModelledDisk): Promise<void> {
  const before = killed.changes.length;
  const wasDone = scenario.isDone(await restart(killed), killed);
  for (let count = before; count <= killed.changes.length; count++) {
    for (const loss of [NOTHING_UNSYNCED, ONLY_REMOVALS]) {
      const left = killed.afterPowerLoss(count, loss).disk;
      const isDone = scenario.isDone(await restart(left), left);
      if (wasDone && !isDone && count === killed.changes.length) throw new Error('what the start had found is lost');
    }
  }
}

async function textOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return describeError(error);
  }
}

function anyPart(seed: number): (change: Change) => 'Kept' | 'Lost' | 'Zeros' | 'HalfThePages' {
  const random = seededRandom(seed);
  const fates = ['Kept', 'Kept', 'Lost', 'Zeros', 'HalfThePages'] as const;
  return (change) => (isSync(change) ? 'Lost' : (fates[Math.floor(random() * fates.length)] ?? 'Lost'));
}
