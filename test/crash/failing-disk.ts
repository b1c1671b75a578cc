import { Failure } from '../../src/base/failure.ts';
import type { FileSystem } from '../../src/disk/file-system.ts';
import { listNames, modelledFileSystem } from '../support/modelled-file-system.ts';
import type { ModelledDisk } from '../support/modelled-disk.ts';
import { faultyFileSystem, type Operation, systemError } from '../transfer/faulty-file-system.ts';
import { openMap } from '../transfer/harness.ts';
import { DATA, prepared, restart, type Scenario } from './scenario.ts';

/** A way in which calls fail: `operations` that can, and whether one of them does or all from that one on. */
export interface DiskFault {
  readonly code: string;
  readonly reason: string;
  readonly operations?: ReadonlySet<Operation>;
  readonly lasts: boolean;
}

/** The scenario's file system, which fails while it is armed. */
interface ArmedFiles {
  readonly files: FileSystem;
  /** From the `call`-th on. */
  arm(call: number): void;
  disarm(): void;
  /** What failed first. */
  readonly failed: () => Operation | undefined;
}

/**
 * Lets each call of the act fail in turn; yields how many calls there were, and one line for every time that what the
 * fault left was wrong.
 */
export async function* consequences(scenario: Scenario, fault: DiskFault): AsyncGenerator<string, number> {
  for (let call = 1; ; call++) {
    const disk = prepared(scenario);
    const armed = armedFiles(disk, fault);
    const map = await openMap(DATA, { files: armed.files });
    armed.arm(call);
    const error = await scenario.act(map).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    armed.disarm();
    const failed = armed.failed();
    if (failed === undefined) return call - 1;
    const problem = await problemOf(async () => {
      if (error !== undefined) requireClear(error, fault);
      if (!fault.lasts && failed !== 'remove') require(listNames(disk, `${DATA}/tmp`).length === 0, 'tmp is not empty');
      const isDone = scenario.isDone(await restart(disk), disk);
      require(isDone || error !== undefined, 'it was reported as done, but is not');
      // After a lasting fault the program starts anew, after a passing one it goes on.
      await scenario.act(fault.lasts ? await restart(disk) : map);
      require(scenario.isDone(await restart(disk), disk), 'the second try was reported as done, but is not');
    });
    if (problem !== undefined) yield `${scenario.name}: ${fault.code} in ${failed}, call ${call}: ${problem}`;
  }
}

function armedFiles(disk: ModelledDisk, { code, operations, lasts }: DiskFault): ArmedFiles {
  let left = Infinity;
  let failed: Operation | undefined;
  const files = faultyFileSystem((operation, path) => {
    if (operations !== undefined && !operations.has(operation)) return;
    if (--left > 0 || (left < 0 && !lasts)) return;
    failed ??= operation;
    throw systemError(code, `${operation} ${path}`);
  }, modelledFileSystem(disk));
  return {
    files,
    arm: (call) => void (left = call),
    disarm: () => void (left = Infinity),
    failed: () => failed,
  };
}

function requireClear(error: unknown, { code, reason }: DiskFault): void {
  require(error instanceof Failure, `not a Failure: ${String(error)}`);
  require((error as Failure).reason === reason, `the reason is ${(error as Failure).reason}`);
  require((error as Failure).message.includes(code), `the message is ${(error as Failure).message}`);
}

async function problemOf(work: () => Promise<void>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

function require(condition: boolean, problem: string): void {
  if (!condition) throw new Error(problem);
}
