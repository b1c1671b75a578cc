import { Command } from 'commander';
import { annotations, CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../../api/names.ts';
import { describePause, readPause } from '../../api/pause.ts';
import { type Clock, formatTimestamp, systemClock } from '../../base/clock.ts';
import { isApiError } from '../../kube/api-error.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { durationOption } from '../duration-option.ts';
import { NameArgument } from '../completion/name-argument.ts';
import { withExamples } from '../help.ts';
import { addNamespaceOptions, type NamespaceFlags } from '../kube-options.ts';
import { explained, type FoundObject } from '../objects.ts';
import { formatTarget } from '../targets.ts';
import { connect } from './connect.ts';
import { type Console, processConsole } from './console.ts';
import { findOne } from './find-one.ts';
import { clusterOf } from './obstacles.ts';

interface PauseFlags extends NamespaceFlags {
  /** Milliseconds. */
  readonly for?: number;
}

const ATTEMPTS_MAX = 10;
const NAMES = 'NAME, skt/NAME (a timeline) or skc/NAME (a cluster with all its timelines)';

/** `pause NAME…`: nothing is restored until `resume`, or with `--for` until that time is over. */
export function pauseCommand(program: string): Command {
  const command = addNamespaceOptions(
    new Command('pause')
      .description('restore nothing for a while: the operator only observes a timeline, or a whole cluster')
      .addArgument(new NameArgument('<names...>', NAMES, 'any')),
  )
    .addOption(durationOption('--for', 'go on by itself after this time, for example 2h; otherwise after resume'))
    .action(async (names: string[], _flags: PauseFlags, self: Command) => {
      const flags = self.optsWithGlobals<PauseFlags>();
      await using connection = await connect(flags);
      const { client, namespace, signal } = connection;
      for (const name of names) {
        await pause(client, namespace, name, flags.for, processConsole(process), systemClock, signal);
      }
    });
  return withExamples(command, [
    [`${program} pause skc/main --for 2h`, 'a cluster, for two hours of maintenance'],
    [`${program} pause NAME`, 'a timeline, until it is resumed'],
  ]);
}

/** `resume NAME…`: ends both kinds of pause. */
export function resumeCommand(program: string): Command {
  const command = addNamespaceOptions(
    new Command('resume')
      .description('end the pause of a timeline or a cluster')
      .addArgument(new NameArgument('<names...>', NAMES, 'any')),
  ).action(async (names: string[], _flags: NamespaceFlags, self: Command) => {
    await using connection = await connect(self.optsWithGlobals<NamespaceFlags>());
    const { client, namespace, signal } = connection;
    for (const name of names) await resume(client, namespace, name, processConsole(process), systemClock, signal);
  });
  return withExamples(command, [[`${program} resume skc/main`, 'a cluster and its timelines']]);
}

/** Pauses one object: for a time by the annotation that expires by itself, else by its spec. */
export async function pause(
  client: KubeClient,
  namespace: string,
  name: string,
  durationMs: number | undefined,
  console: Console,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const found = await findOne(client, namespace, name, signal);
  const target = formatTarget(found.kind, found.object.metadata.name);
  if (durationMs === undefined) {
    await patch(client, found, () => ({ spec: { paused: true } }), signal);
    console.print(`${target} paused`);
    return;
  }
  // Timestamps are whole seconds: no pause is shorter than was asked for.
  const until = formatTimestamp(Math.ceil((clock.wallTimeMs() + durationMs) / 1_000) * 1_000);
  await patch(client, found, () => ({ metadata: { annotations: { [annotations.pausedUntil]: until } } }), signal);
  console.print(`${target} paused until ${until}`);
  if (found.object.spec.paused === true) console.warn('It is paused by spec.paused, too, which does not expire.');
}

/** Ends the pauses of one object. A timeline stays paused as long as its cluster is. */
export async function resume(
  client: KubeClient,
  namespace: string,
  name: string,
  console: Console,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const found = await findOne(client, namespace, name, signal);
  const target = formatTarget(found.kind, found.object.metadata.name);
  const pauseOf = ({ spec, metadata }: FoundObject['object']) =>
    readPause(spec.paused === true, metadata, clock.wallTimeMs());
  if (pauseOf(found.object).kind === 'running') {
    console.print(`${target} is not paused`);
  } else {
    const changes = ({ spec, metadata }: FoundObject['object']) => ({
      ...(spec.paused === true ? { spec: { paused: false } } : {}),
      ...(metadata.annotations?.[annotations.pausedUntil] === undefined
        ? {}
        : { metadata: { annotations: { [annotations.pausedUntil]: null } } }),
    });
    await patch(client, found, changes, signal);
    console.print(`${target} resumed`);
  }
  if (found.kind !== 'timeline') return;
  const cluster = await clusterOf(client, found.object, signal);
  const why = cluster === undefined ? undefined : describePause(pauseOf(cluster), 'cluster');
  if (why !== undefined)
    console.warn(
      `Its cluster is paused, so nothing is restored yet: resume skc/${found.object.spec.clusterRef.name}. ${why}`,
    );
}

/** Conditional on the object being as it was read; read and tried again while others write it. */
async function patch(
  client: KubeClient,
  found: FoundObject,
  changesOf: (object: FoundObject['object']) => { readonly metadata?: object; readonly spec?: object },
  signal: AbortSignal,
): Promise<void> {
  const type = found.kind === 'cluster' ? CLUSTER_RESOURCE : TIMELINE_RESOURCE;
  let object: FoundObject['object'] = found.object;
  for (let attempt = 1; ; attempt++) {
    const { uid, resourceVersion } = object.metadata;
    const changes = changesOf(object);
    try {
      const metadata = { ...changes.metadata, uid, resourceVersion };
      await client.mergePatch(type, object.metadata, { ...changes, metadata }, signal);
      return;
    } catch (error) {
      if (!isApiError(error, 'Conflict') || attempt === ATTEMPTS_MAX) throw explained(error);
      object = await client.get<FoundObject['object']>(type, object.metadata, signal);
    }
  }
}
