import { Command } from 'commander';
import { systemClock, type Clock } from '../../base/clock.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { NameArgument } from '../completion/name-argument.ts';
import { withExamples } from '../help.ts';
import { addNamespaceOptions, type NamespaceFlags } from '../kube-options.ts';
import { formatTarget } from '../targets.ts';
import { connect } from './connect.ts';
import { type Console, processConsole } from './console.ts';
import { APPROVE, decide, openProposal } from './decide.ts';
import { obstacles } from './obstacles.ts';

interface ApproveFlags extends NamespaceFlags {
  readonly proposal?: string;
}

/** `approve NAME`: has a proposed recovery run. Exit code 3 when there is none, or another one. */
export function approveCommand(program: string): Command {
  const command = addNamespaceOptions(
    new Command('approve')
      .description('have the proposed recovery of a timeline run')
      .addArgument(new NameArgument('<name>', 'timeline: NAME or skt/NAME', 'proposed')),
  )
    .option('--proposal <id>', 'only if this is the open proposal')
    .action(async (name: string, _flags: ApproveFlags, self: Command) => {
      const flags = self.optsWithGlobals<ApproveFlags>();
      await using connection = await connect(flags);
      const { client, namespace, signal } = connection;
      await approve(client, namespace, name, flags.proposal, processConsole(process), systemClock, signal);
    });
  return withExamples(command, [
    [`${program} approve NAME`, 'the proposal that is open now'],
    [`${program} approve NAME -n neon --proposal ID`, 'exactly this one, or nothing'],
  ]);
}

/** Approves the open proposal of a timeline; with `id`, that one only. */
export async function approve(
  client: KubeClient,
  namespace: string,
  name: string,
  id: string | undefined,
  console: Console,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const shown = await openProposal(client, namespace, name, APPROVE, id, signal);
  const isNew = await decide(client, shown, APPROVE, clock, signal);
  const { timeline, proposal } = shown;
  const target = formatTarget('timeline', timeline.metadata.name);
  console.print(
    isNew
      ? `${target} approved: safekeeper ${proposal.recipient} is restored from safekeeper ${proposal.donor}`
      : `${target} unchanged: this is approved already and waits for the operator`,
  );
  for (const obstacle of await obstacles(client, timeline, signal)) console.warn(obstacle);
}
