import { isMadeByInventory } from '../../api/names.ts';
import type { SafekeeperTimeline } from '../../api/resources.ts';
import type { HistoryEntry } from '../../api/timeline-status.ts';
import { systemClock } from '../../base/clock.ts';
import { EVENTS, type KubeEvent } from '../../kube/events.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import { formatBytes, formatSeconds } from '../terminal/quantities.ts';
import { CLUSTER_NAME, NAMESPACE } from './manifests.ts';
import type { Healing } from './scenario.ts';
import { type Stage, titleOf } from './stage.ts';
import { DEMO_TIMELINES } from './timelines.ts';

const REASON_WIDTH = 15;
const TYPE_WIDTH = 9;
const EVENT_ATTEMPTS = 10;
const EVENT_PAUSE_MS = 200;

/** What was shown, in numbers. */
export function summaryLines({ comparison, times, timelines, lost }: Healing): string[] {
  const histories = timelines.flatMap(({ status }) => status?.history?.slice(0, 1) ?? []);
  const byTerms = histories.filter(({ fencing }) => fencing === 'ByTerms').length;
  const fencing = [
    ...(byTerms > 0 ? [`${byTerms} by terms: no compute was connected, so the peers' were raised`] : []),
    ...(byTerms < histories.length ? [`${histories.length - byTerms} by the grace period alone`] : []),
  ].join('; ');
  const { walFileCount, walBytes, peerCopyCount, raisedTermCount } = comparison;
  const waitedMs = times.sinceReturnMs - times.sinceGraceMs;
  return [
    'Healed.',
    `  timelines  ${comparison.timelineCount}, all back on ${titleOf(lost)}`,
    `  donors     ${donorsLine(histories)}`,
    `  WAL        ${walFileCount} files, ${formatBytes(walBytes)}: SHA-256 as before, and as ${peerCopyCount} copies on the peers`,
    `  state      ids, members, term history, LSNs as before; terms only up (${raisedTermCount} raised)`,
    `  time       ${formatSeconds(times.sinceReturnMs)} since the empty disk came up: ${formatSeconds(waitedMs)} waiting, ${formatSeconds(times.sinceGraceMs)} copying`,
    `  fencing    ${fencing}`,
  ];
}

/** A member that had not received the last WAL is passed over. */
function donorsLine(histories: readonly HistoryEntry[]): string {
  const counts = new Map<number, number>();
  for (const { donor } of histories) counts.set(donor, (counts.get(donor) ?? 0) + 1);
  const donors = [...counts].sort(([a], [b]) => a - b).map(([donor, count]) => `safekeeper ${donor}: ${count}`);
  const lagging = DEMO_TIMELINES.flatMap(({ objectName, laggard }) =>
    laggard === undefined ? [] : `safekeeper ${laggard.safekeeperId} lags on ${objectName}`,
  );
  return `${donors.join(', ')} (${lagging.join(', ')})`;
}

/** What the Kubernetes API has to say of one of the timelines. */
export async function apiLines({ client, timelines }: Healing, signal: AbortSignal): Promise<string[]> {
  const [shown] = timelines.filter(({ metadata }) => !isMadeByInventory(metadata.labels));
  if (shown === undefined) return [];
  const events = await eventsOf(shown, client, signal);
  return [
    `One of them, as kubectl describe skt ${shown.metadata.name} would show it:`,
    ...conditionLines(shown),
    ...events.map(eventLine),
  ];
}

/** Oldest first. They are sent a little after the status that they tell of: the last one is waited for, but not long. */
async function eventsOf(timeline: SafekeeperTimeline, client: KubeClient, signal: AbortSignal): Promise<KubeEvent[]> {
  const selection = { namespace: NAMESPACE, fieldSelector: `involvedObject.name=${timeline.metadata.name}` };
  for (let attempt = 1; ; attempt++) {
    const { items } = await client.list(EVENTS, selection, undefined, signal);
    const isTold = items.some(({ reason }) => reason === 'Recovered');
    if (isTold || attempt === EVENT_ATTEMPTS) return items.toSorted(byTime);
    await systemClock.sleep(EVENT_PAUSE_MS, signal);
  }
}

/** How to look around and break things again while everything goes on running. */
export function keepLines({ kubeconfigPath }: Stage, { lost, timelines }: Healing): string[] {
  const name = timelines.at(-1)?.metadata.name ?? '';
  return [
    'Everything goes on running until Ctrl-C. In another terminal:',
    '',
    `  export KUBECONFIG=${kubeconfigPath}`,
    '  kubectl get skc,skt',
    `  kubectl describe skc ${CLUSTER_NAME}`,
    `  kubectl describe skt ${name}`,
    '  kubectl get events --sort-by=.lastTimestamp',
    '  kubectl get skt -w',
    '',
    `and, while that watches, lose the disk of ${titleOf(lost)} once more (it is started again after 2 s):`,
    '',
    `  kill -9 $(cat ${lost.path}/safekeeper.pid); rm -rf ${lost.path}`,
  ];
}

function conditionLines({ status }: SafekeeperTimeline): string[] {
  return (status?.conditions ?? []).map(
    ({ type, status: value, reason }) =>
      `  condition  ${type.padEnd(REASON_WIDTH)}  ${value.padEnd(TYPE_WIDTH)}${reason}`,
  );
}

function eventLine({ type, reason, message }: KubeEvent): string {
  return `  event      ${reason.padEnd(REASON_WIDTH)}  ${type.padEnd(TYPE_WIDTH)}${message}`;
}

/** Within one second, as they were created. */
function byTime(a: KubeEvent, b: KubeEvent): number {
  const version = ({ metadata }: KubeEvent) => Number(metadata.resourceVersion);
  if (a.lastTimestamp !== b.lastTimestamp) return a.lastTimestamp < b.lastTimestamp ? -1 : 1;
  return version(a) - version(b);
}
