import { Command } from 'commander';
import { systemClock, type Clock } from '../../base/clock.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { NameArgument } from '../completion/name-argument.ts';
import { withExamples } from '../help.ts';
import { addNamespaceOptions, type NamespaceFlags } from '../kube-options.ts';
import { describeLoss } from '../status/advice.ts';
import { formatTarget } from '../targets.ts';
import { printable } from '../../base/printable.ts';
import { type Console, processConsole } from './console.ts';
import { decide, FORCE_DONOR, type OpenProposal, openProposal } from './decide.ts';
import { refused } from '../errors.ts';
import { connect } from './connect.ts';
import { obstacles } from './obstacles.ts';

interface ForceDonorFlags extends NamespaceFlags {
  readonly yes?: boolean;
  readonly proposal?: string;
}

/** `force-donor NAME`: accepts that WAL is lost. Exit code 3 when there is nothing to accept, or nobody confirmed. */
export function forceDonorCommand(program: string): Command {
  const command = addNamespaceOptions(
    new Command('force-donor')
      .description('restore a timeline whose quorum is lost from what is left, and give up the WAL that is missing')
      .addArgument(new NameArgument('<name>', 'timeline: NAME or skt/NAME', 'forced')),
  )
    .option('--proposal <id>', 'only if this is the open proposal')
    .option('-y, --yes', 'do not ask; what is lost is printed all the same')
    .action(async (name: string, _flags: ForceDonorFlags, self: Command) => {
      const flags = self.optsWithGlobals<ForceDonorFlags>();
      await using connection = await connect(flags);
      const { client, namespace, signal } = connection;
      await forceDonor(client, namespace, name, flags, processConsole(process), systemClock, signal);
    });
  return withExamples(command, [
    [`${program} force-donor NAME`, 'states what is lost and asks'],
    [`${program} force-donor NAME --proposal ID --yes`, 'for scripts: exactly this proposal'],
  ]);
}

/** Prints what is lost, has it confirmed by the proposal's id unless `yes` is given, and writes the decision. */
export async function forceDonor(
  client: KubeClient,
  namespace: string,
  name: string,
  { yes = false, proposal: id }: Pick<ForceDonorFlags, 'yes' | 'proposal'>,
  console: Console,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const shown = await openProposal(client, namespace, name, FORCE_DONOR, id, signal);
  const { proposal, timeline } = shown;
  for (const line of consequences(shown)) console.warn(line);
  if (!yes) await confirm(proposal.id, console);
  const isNew = await decide(client, shown, FORCE_DONOR, clock, signal);
  const target = formatTarget('timeline', timeline.metadata.name);
  console.print(
    isNew
      ? `${target} forced: safekeeper ${proposal.recipient} is restored from safekeeper ${proposal.donor}`
      : `${target} unchanged: this is decided already and waits for the operator`,
  );
  for (const obstacle of await obstacles(client, timeline, signal)) console.warn(obstacle);
}

async function confirm(id: string, { ask }: Console): Promise<void> {
  if (ask === undefined) throw refused('standard input is no terminal to confirm this on: add --yes if you mean it');
  const answer = await ask(`Type the proposal's id, ${id}, to go on: `);
  if (answer !== id) throw refused('not confirmed, nothing was written');
}

/** What a person must know before they accept it. */
export function consequences({ timeline, proposal }: OpenProposal): string[] {
  const { tenantId, timelineId } = timeline.spec;
  const { recipient, donor, id, walLostBytes } = proposal;
  const replicas = (timeline.status?.replicas ?? []).map(
    ({ safekeeperId, state, flushLsn, commitLsn }) =>
      `  safekeeper ${safekeeperId}: ${state}` +
      `${flushLsn === undefined ? '' : `, WAL until ${flushLsn}`}${commitLsn === undefined ? '' : `, known to be committed until ${commitLsn}`}`,
  );
  return [
    `Forcing the donor of timeline ${tenantId}/${timelineId} (${timeline.metadata.namespace}/${timeline.metadata.name}), proposal ${id}:`,
    ...replicas.map(printable),
    `Safekeeper ${recipient} is restored from safekeeper ${donor}. What the lost replicas had and that one lacks is gone for good:`,
    `  ${describeLoss(walLostBytes)}.`,
    'Acknowledged commits may be among it. Bring a lost disk back instead if there is any hope of that.',
  ];
}
