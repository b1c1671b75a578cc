import { Command, InvalidArgumentError, Option } from 'commander';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../api/resources.ts';
import { CLUSTER_RESOURCE, TIMELINE_RESOURCE } from '../../api/names.ts';
import { systemClock } from '../../base/clock.ts';
import { Failure } from '../../base/failure.ts';
import { limits } from '../../base/limits.ts';
import type { AccessSource } from '../../kube/kube-access.ts';
import { KubeClient } from '../../kube/kube-client.ts';
import { NameArgument } from '../completion/name-argument.ts';
import { badUsage } from '../errors.ts';
import { withExamples } from '../help.ts';
import {
  accessOf,
  addNamespaceOptions,
  connectionArguments,
  interactiveRuntime,
  type NamespaceFlags,
  namespaceOf,
} from '../kube-options.ts';
import { listObjects } from '../objects.ts';
import { stopSignal } from '../stop-signal.ts';
import { parseTargets } from '../targets.ts';
import { type Line, plain } from '../terminal/line.ts';
import { knowsUnicode } from '../terminal/output.ts';
import { createPainter } from '../terminal/paint.ts';
import { ASCII_GLYPHS, UNICODE_GLYPHS } from '../terminal/glyphs.ts';
import { LiveStore } from './live-store.ts';
import { formatObjects, type ObjectFormat, streamObjects } from './objects-output.ts';
import { isAllRedundant, type Overview } from './overview.ts';
import { averageRate } from './rates.ts';
import { readOverview } from './read-overview.ts';
import { nothingFound, reportLines } from './report.ts';
import { checkScope, includesCluster, includesTimeline, type Scope, selectionOf, wants } from './scope.ts';
import { severityOf } from './severity.ts';
import { slimTimeline } from './slim.ts';
import type { ViewContext } from './view-context.ts';
import { watchStatus } from './watch.ts';

export interface StatusFlags extends NamespaceFlags {
  readonly allNamespaces?: boolean;
  readonly selector?: string;
  readonly fieldSelector?: string;
  readonly output?: ObjectFormat | 'wide';
  readonly watch?: boolean;
  readonly limit: number;
  readonly all?: boolean;
}

/** How the command was called. */
export interface StatusInvocation {
  /** `kubectl safekeepers`: what proposed commands begin with. */
  readonly program: string;
  /** Commands that an argument may have been meant to be. */
  readonly commands: readonly string[];
}

/** SIGINT is how a watch ends. */
const INTERRUPTED = 130;

/**
 * `safekeeper-operator status`, `kubectl safekeepers`: the redundancy of clusters, then of timelines, the worst first.
 * Exit code 0 when everything is redundant, also what is not shown; 1 when something is not or the API cannot be read;
 * 2 for bad usage; 130 when a watch is interrupted.
 */
export function statusCommand(): Command {
  return addStatusOptions(new Command('status'), { program: 'safekeeper-operator', commands: [] });
}

/** Makes `command` show the status. */
export function addStatusOptions(command: Command, invocation: StatusInvocation): Command {
  const name = invocation.commands.length === 0 ? `${invocation.program} status` : invocation.program;
  addNamespaceOptions(
    command
      .description('show the redundancy of clusters and timelines, those in trouble first')
      .addArgument(
        new NameArgument(
          '[names...]',
          'NAME, skt/NAME (a timeline), skc/NAME (a cluster with its timelines), skt or skc',
          'any',
        ),
      ),
  )
    .option('-A, --all-namespaces', 'all namespaces')
    .option('-l, --selector <labels>', 'timelines with these labels, for example safekeeper.dev/tenant=ID')
    .option('--field-selector <fields>', 'objects with these fields, for example metadata.name!=NAME')
    .addOption(
      new Option('-o, --output <format>', 'wide shows all that is known; json and yaml the objects').choices([
        'wide',
        'json',
        'yaml',
      ]),
    )
    .option('-w, --watch', 'go on showing it: redrawn on a terminal, a line for each change elsewhere')
    .option(
      '--limit <number>',
      'how many clusters and timelines are shown, the worst first',
      parseLimit,
      limits.shownObjects,
    )
    .option('--all', 'show all of them')
    .action(async (names: string[], flags: StatusFlags) => {
      process.exitCode = await showStatus(names, flags, invocation);
    });
  return withExamples(command, [
    [name, "everything in the context's namespace"],
    [`${name} -A --watch`, 'everything, redrawn as it changes'],
    [`${name} skt/NAME`, 'all that is known of one timeline'],
    [`${name} skc/main -n neon`, 'a cluster and its timelines'],
    [`${name} -o json --all | jq '.items[].status.redundancy'`, 'for programs'],
  ]);
}

async function showStatus(names: readonly string[], flags: StatusFlags, invocation: StatusInvocation): Promise<number> {
  const format = flags.output === 'json' || flags.output === 'yaml' ? flags.output : undefined;
  if (format !== undefined && flags.watch === true)
    throw badUsage(`-o ${format} cannot be watched: leave out one of the two`);
  const targets = parseTargets(names);
  const access = accessOf(flags);
  const scope: Scope = {
    namespace: flags.allNamespaces === true ? undefined : await namespaceOf(flags, access),
    ...(flags.selector === undefined ? {} : { labelSelector: flags.selector }),
    ...(flags.fieldSelector === undefined ? {} : { fieldSelector: flags.fieldSelector }),
    targets,
  };
  checkScope(scope);
  if (flags.watch === true) return await watch(access, scope, flags, invocation);
  await using client = new KubeClient(access, interactiveRuntime());
  const signal = new AbortController().signal;
  if (format !== undefined && flags.all === true && targets.named.length === 0) {
    return await printAll(client, scope, format, signal);
  }
  const overview = await readOverview(
    client,
    scope,
    { limit: limitOf(flags), transform: transformFor(flags), commands: invocation.commands },
    signal,
  );
  const objects = [...overview.clusters, ...overview.timelines];
  if (format !== undefined) {
    process.stdout.write(formatObjects(objects, format, targets.named.length === 1));
  } else if (objects.length === 0) {
    process.stderr.write(`${nothingFound(scope.namespace)}\n`);
  } else {
    const width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY;
    printLines(reportLines(overview, viewContext(flags, invocation, scope, width, overview)));
  }
  return isAllRedundant(overview) ? 0 : 1;
}

async function watch(
  access: AccessSource,
  scope: Scope,
  flags: StatusFlags,
  invocation: StatusInvocation,
): Promise<number> {
  const stop = stopSignal();
  await using store = new LiveStore(access, interactiveRuntime(), scope);
  try {
    await store.start(invocation.commands, stop);
    await watchStatus(
      {
        store,
        limit: limitOf(flags),
        namespace: scope.namespace,
        contextOf: (width, rateOf, overview) => ({ ...viewContext(flags, invocation, scope, width, overview), rateOf }),
        output: process.stdout,
        environment: process.env,
        clock: systemClock,
      },
      stop,
    );
  } catch (error) {
    if (!stop.aborted) throw error;
  }
  return INTERRUPTED;
}

/** Everything, in the order of the API server, without ever holding it. */
async function printAll(client: KubeClient, scope: Scope, format: ObjectFormat, signal: AbortSignal): Promise<number> {
  let isRedundant = true;
  const onRestart = () => {
    throw new Failure('Expired', 'the list took so long that the API server forgot where it was: narrow it down');
  };
  async function* all(): AsyncGenerator<SafekeeperCluster | SafekeeperTimeline> {
    if (wants(scope, 'cluster')) {
      const clusters = listObjects<SafekeeperCluster>(
        client,
        CLUSTER_RESOURCE,
        selectionOf(scope, 'cluster'),
        signal,
        onRestart,
      );
      for await (const cluster of clusters) if (includesCluster(scope, cluster, new Set())) yield cluster;
    }
    if (wants(scope, 'timeline')) {
      const timelines = listObjects<SafekeeperTimeline>(
        client,
        TIMELINE_RESOURCE,
        selectionOf(scope, 'timeline'),
        signal,
        onRestart,
      );
      for await (const timeline of timelines) if (includesTimeline(scope, timeline)) yield timeline;
    }
  }
  async function* judged() {
    for await (const object of all()) {
      if (severityOf(object) !== 'Redundant') isRedundant = false;
      yield object;
    }
  }
  for await (const piece of streamObjects(judged(), format)) process.stdout.write(piece);
  return isRedundant ? 0 : 1;
}

function viewContext(
  flags: StatusFlags,
  invocation: StatusInvocation,
  scope: Scope,
  width: number,
  overview: Overview,
): ViewContext {
  const nowMs = systemClock.wallTimeMs();
  const isNamed = scope.targets.named.length > 0 && overview.clusters.length === 0;
  return {
    width,
    glyphs: knowsUnicode(process.env) ? UNICODE_GLYPHS : ASCII_GLYPHS,
    nowMs,
    isWide: flags.output === 'wide' || isNamed,
    showNamespace: scope.namespace === undefined,
    isContextNamespace: scope.namespace !== undefined && flags.namespace === undefined,
    program: invocation.program,
    connectionArguments: connectionArguments(flags),
    rateOf: (_key, recovery) => averageRate(recovery, nowMs),
  };
}

function printLines(lines: readonly Line[]): void {
  const paint = createPainter(process.stdout, process.env);
  process.stdout.write(lines.map((line) => `${paint(line.length === 0 ? [plain('')] : line)}\n`).join(''));
}

function limitOf({ all, limit }: StatusFlags): number {
  return all === true ? Number.POSITIVE_INFINITY : limit;
}

/** With all of them in memory, only what is shown of each. */
function transformFor({ all, output }: StatusFlags): (timeline: SafekeeperTimeline) => SafekeeperTimeline {
  return all === true && output === undefined ? slimTimeline : (timeline) => timeline;
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (/^[1-9][0-9]{0,8}$/.test(text)) return limit;
  throw new InvalidArgumentError('It must be a whole number above 0, for example 50; or use --all.');
}
