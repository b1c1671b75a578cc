import { CLUSTER_RESOURCE, isMadeByInventory, TIMELINE_RESOURCE } from '../../api/names.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import { assert } from '../../base/assert.ts';
import { Failure } from '../../base/failure.ts';
import { findCondition } from '../../kube/conditions.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import type { Runtime } from '../../kube/runtime.ts';
import { formatBytes, formatSeconds } from '../terminal/quantities.ts';
import { clusterManifest, GRACE_PERIOD_MS, timelineManifests } from './manifests.ts';
import { type Comparison, compareSafekeeper, recordSafekeeper, type SafekeeperRecord } from './proof.ts';
import { type DemoSafekeeper, FIELD_MANAGER, type Stage, titleOf } from './stage.ts';
import { isLostOn, timelineRow } from './timeline-row.ts';
import { TimelineWatch } from './timeline-watch.ts';
import { DEMO_TIMELINES, timelineOf } from './timelines.ts';
import type { StoryView } from './view.ts';
import { layTimelines } from './wal-data.ts';

/** What the story ends with. */
export interface Healing {
  readonly comparison: Comparison;
  readonly lost: DemoSafekeeper;
  readonly safekeepers: readonly DemoSafekeeper[];
  readonly client: KubeClient;
  readonly timelines: readonly SafekeeperTimeline[];
  readonly times: HealingTimes;
}

/** Both end when the last timeline was Ready. */
export interface HealingTimes {
  readonly sinceReturnMs: number;
  /** Since the first copy began. */
  readonly sinceGraceMs: number;
}

interface Scene {
  readonly stage: Stage;
  readonly view: StoryView;
  readonly runtime: Runtime;
}

/** What each wait is given; a machine with nothing else to do needs a tenth. */
const READY_TIMEOUT_MS = 60_000;
const DETECTION_TIMEOUT_MS = 30_000;
const HEALING_TIMEOUT_MS = 90_000;
/** The one whose disk is lost, and watched. */
export const LOST_SAFEKEEPER = 2n;

/**
 * The story of the demo: healthy timelines, a lost disk, the operator's healing, the proof. Throws a Failure when a wait
 * ends without what it waited for or the proof fails, or the signal's reason.
 */
export async function playScenario(scene: Scene, signal: AbortSignal): Promise<Healing> {
  const { stage, view, runtime } = scene;
  await layData(scene, signal);
  view.begin('Starting a Kubernetes API and three safekeepers');
  const client = await stage.startApi(runtime, signal);
  const safekeepers = await stage.startSafekeepers(signal);
  view.done('A Kubernetes API and three safekeepers are running');
  const lost = safekeepers.find(({ safekeeperId }) => safekeeperId === LOST_SAFEKEEPER);
  assert(lost !== undefined, 'the safekeeper that loses its disk is one of those started');

  const watch = new TimelineWatch(client, runtime, lost);
  const watching = new AbortController();
  const watched = watch.run((rows) => view.show(rows), AbortSignal.any([signal, watching.signal]));
  try {
    await becomeReady(scene, client, watch, safekeepers, signal);
    const before = await record(scene, lost, signal);
    await loseDisk(scene, lost, before, signal);
    const times = await heal(scene, watch, lost, signal);
    const comparison = await prove(scene, safekeepers, lost, before, signal);
    return { comparison, lost, safekeepers, client, timelines: watch.timelines(), times };
  } catch (error) {
    throw withTrouble(error, watch);
  } finally {
    watching.abort();
    await watched;
  }
}

async function layData({ stage, view }: Scene, signal: AbortSignal): Promise<void> {
  view.begin('Writing real Postgres WAL for three safekeepers');
  await stage.prepareDirectories();
  await layTimelines(DEMO_TIMELINES, stage.directories, signal);
  view.done(`${DEMO_TIMELINES.length} timelines of real Postgres WAL lie on three safekeepers`);
}

async function becomeReady(
  { stage, view }: Scene,
  client: KubeClient,
  watch: TimelineWatch,
  safekeepers: readonly DemoSafekeeper[],
  signal: AbortSignal,
): Promise<void> {
  const manifests = timelineManifests(DEMO_TIMELINES);
  const fieldManager = FIELD_MANAGER;
  await client.apply(CLUSTER_RESOURCE, { ...clusterManifest(safekeepers) }, { fieldManager }, signal);
  for (const manifest of manifests) await client.apply(TIMELINE_RESOURCE, { ...manifest }, { fieldManager }, signal);
  view.done(`A SafekeeperCluster and ${manifests.length} SafekeeperTimelines are applied`);
  view.begin('Starting the operator, which looks at everything once');
  await stage.startOperator(signal);
  const allReady = (timelines: readonly SafekeeperTimeline[]) =>
    timelines.length === DEMO_TIMELINES.length && timelines.every(isReady);
  await watch.until(allReady, 'the wait until every timeline is Ready', READY_TIMEOUT_MS, signal);
  const found = watch.timelines().filter(({ metadata }) => isMadeByInventory(metadata.labels)).length;
  view.done(`All ${DEMO_TIMELINES.length} timelines are Ready; the operator found ${found} of them by itself`);
}

async function record({ view }: Scene, safekeeper: DemoSafekeeper, signal: AbortSignal): Promise<SafekeeperRecord> {
  view.begin(`Noting the SHA-256 of every WAL file of ${titleOf(safekeeper)}`);
  return await recordSafekeeper(safekeeper, DEMO_TIMELINES.map(timelineOf), signal);
}

async function loseDisk(
  { stage, view }: Scene,
  lost: DemoSafekeeper,
  before: SafekeeperRecord,
  signal: AbortSignal,
): Promise<void> {
  view.begin(`Killing ${titleOf(lost)} and removing its data directory`);
  await stage.loseDisk(lost);
  const bytes = [...before.values()].flatMap(({ walFiles }) =>
    [...walFiles.values()].map(({ sizeBytes }) => sizeBytes),
  );
  const sum = formatBytes(bytes.reduce((total, sizeBytes) => total + sizeBytes, 0));
  view.done(`Killed ${titleOf(lost)} and removed its disk: ${bytes.length} WAL files, ${sum}, are gone`);
  view.begin(`Starting ${titleOf(lost)} again`);
  await stage.restart(lost, signal);
  view.done(`Safekeeper ${lost.safekeeperId} is back, empty: it has never heard of any timeline`);
}

async function heal(
  { view, runtime: { clock } }: Scene,
  watch: TimelineWatch,
  lost: DemoSafekeeper,
  signal: AbortSignal,
): Promise<HealingTimes> {
  const returnedMs = clock.monotonicMs();
  view.begin('Waiting for the operator to notice');
  const isRestored = (timeline: SafekeeperTimeline) =>
    timelineRow(timeline, lost.safekeeperId, NO_BYTES).state === 'Restored';
  // On a very slow machine the first may be back before the last is seen lost.
  const allSeen = (timelines: readonly SafekeeperTimeline[]) =>
    timelines.every((timeline) => isLostOn(timeline, lost.safekeeperId) || isRestored(timeline));
  await watch.until(allSeen, 'the wait for the operator to find the loss', DETECTION_TIMEOUT_MS, signal);
  view.done(`The operator sees the loss: ${DEMO_TIMELINES.length} timelines are down to 2 of 3 replicas`);

  const graceEndsMs = clock.monotonicMs() + GRACE_PERIOD_MS;
  view.begin(
    `Waiting out the grace period of ${GRACE_PERIOD_MS / 1_000} s, in case the replicas return`,
    () => `: ${Math.max(0, Math.ceil((graceEndsMs - clock.monotonicMs()) / 1_000))} s left`,
  );
  const someCopied = (timelines: readonly SafekeeperTimeline[]) =>
    timelines.some((timeline) => isCopying(timeline) || isRestored(timeline));
  await watch.until(someCopied, 'the wait for the first recovery', HEALING_TIMEOUT_MS, signal);
  const startedMs = clock.monotonicMs();
  view.done('The grace period is over: each timeline is pulled from its most advanced peer');

  view.begin('Restoring', () => `: ${watch.timelines().filter(isRestored).length} of ${DEMO_TIMELINES.length}`);
  const allRestored = (timelines: readonly SafekeeperTimeline[]) => timelines.every(isRestored);
  await watch.until(allRestored, 'the recovery', HEALING_TIMEOUT_MS, signal);
  const endedMs = clock.monotonicMs();
  const times = { sinceReturnMs: endedMs - returnedMs, sinceGraceMs: endedMs - startedMs };
  view.done(
    `All timelines have 3 of 3 replicas again, ${formatSeconds(times.sinceReturnMs)} after the empty disk came up`,
  );
  return times;
}

async function prove(
  { view }: Scene,
  safekeepers: readonly DemoSafekeeper[],
  lost: DemoSafekeeper,
  before: SafekeeperRecord,
  signal: AbortSignal,
): Promise<Comparison> {
  view.begin('Comparing every byte with before the loss, and with the peers');
  const timelines = DEMO_TIMELINES.map(timelineOf);
  const after = await recordSafekeeper(lost, timelines, signal);
  const peers: SafekeeperRecord[] = [];
  for (const peer of safekeepers) if (peer !== lost) peers.push(await recordSafekeeper(peer, timelines, signal));
  const comparison = compareSafekeeper(before, after, peers);
  const [first] = comparison.problems;
  if (first !== undefined) {
    throw new Failure(
      'ProofFailed',
      `the restored disk is not what it was (${comparison.problems.length} differences), first ${first}`,
    );
  }
  view.done(`Proven: ${comparison.walFileCount} WAL files are the same to the byte as before, and as on the peers`);
  return comparison;
}

const NO_BYTES = { bytesOnDisk: 0, bytesExpected: 0 };

function isReady({ status }: SafekeeperTimeline): boolean {
  return findCondition(status?.conditions, 'Ready')?.status === 'True';
}

function isCopying({ status }: SafekeeperTimeline): boolean {
  return findCondition(status?.conditions, 'Reconciling')?.reason === 'Pulling';
}

/** A wait that was in vain is explained by what the API says of the first timeline that is not Ready. */
function withTrouble(error: unknown, watch: TimelineWatch): unknown {
  const trouble = watch.timelines().find((timeline) => !isReady(timeline));
  if (!(error instanceof Failure) || error.reason !== 'DeadlineExceeded') return error;
  const detail =
    trouble === undefined
      ? 'no timeline says why'
      : `${trouble.metadata.name}: ${trouble.status?.message ?? 'no status'}`;
  return new Failure(error.reason, `${error.message} (${detail})`);
}
