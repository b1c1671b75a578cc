import { once } from 'node:events';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import type { Runtime } from '../kube/runtime.ts';
import { createRegistry, createRuntimeMetrics } from '../observability/metrics.ts';
import { errorText } from './errors.ts';
import { withExamples } from './help.ts';
import { apiLines, keepLines, summaryLines } from './demo/closing.ts';
import { Interruption, listenForInterruption } from './demo/interruption.ts';
import { type Healing, LOST_SAFEKEEPER, playScenario } from './demo/scenario.ts';
import { Stage } from './demo/stage.ts';
import { supervise } from './demo/supervise.ts';
import { createView } from './demo/create-view.ts';

interface DemoFlags {
  readonly keep?: boolean;
  readonly debug?: boolean;
}

/**
 * `demo`: loses a safekeeper's disk on this machine and shows how it heals. Exit code 0 when every byte came back, 1 when
 * anything failed (the logs then stay), 130 after Ctrl-C.
 */
export function demoCommand(): Command {
  const command = new Command('demo')
    .description('lose the disk of a safekeeper on this machine and watch it heal')
    .option('--keep', 'leave everything running afterwards, for kubectl, until Ctrl-C')
    .action(async (_flags: DemoFlags, self: Command) => {
      process.exitCode = await runDemo(self.optsWithGlobals<DemoFlags>());
    });
  return withExamples(command, [
    ['safekeeper-operator demo', 'loses a disk, heals it and proves it'],
    ['safekeeper-operator demo --keep', 'the same, and then goes on running for kubectl'],
  ]);
}

async function runDemo({ keep = false, debug = false }: DemoFlags): Promise<number> {
  using interruption = listenForInterruption(process);
  await using stage = await Stage.create();
  const signal = AbortSignal.any([interruption.signal, stage.broken]);
  const runtime: Runtime = {
    clock: systemClock,
    random: Math.random,
    log: createLogger('silent'),
    metrics: createRuntimeMetrics(createRegistry()),
  };
  try {
    const healing = await play(stage, runtime, signal);
    printBlock([...summaryLines(healing), '', ...(await apiLines(healing, signal))]);
    if (keep) {
      supervise(stage, healing.safekeepers, console.log, signal);
      printBlock(keepLines(stage, healing));
      await once(signal, 'abort');
      throw signal.reason;
    }
    return 0;
  } catch (error) {
    // Whatever failed because of it, an interruption is the reason.
    const reason = signal.aborted ? (signal.reason as unknown) : error;
    if (reason instanceof Interruption) {
      console.error(`\n${reason.message}: ending all processes and removing ${stage.directory}`);
      return reason.exitCode;
    }
    console.error(`\ndemo failed: ${errorText(reason, debug)}`);
    for (const path of await stage.keepLogs()) console.error(`log: ${path}`);
    return 1;
  }
}

async function play(stage: Stage, runtime: Runtime, signal: AbortSignal): Promise<Healing> {
  using view = createView(process.stdout, process.env, systemClock, `Safekeeper ${LOST_SAFEKEEPER}'s disk`);
  return await playScenario({ stage, view, runtime }, signal);
}

function printBlock(lines: readonly string[]): void {
  console.log(['', ...lines].join('\n'));
}
