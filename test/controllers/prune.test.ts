import { beforeEach, describe, expect, test } from 'vitest';
import { inventoryLabels } from '../../src/api/names.ts';
import { parseClusterSpec } from '../../src/api/parse.ts';
import type { SafekeeperCluster, SafekeeperTimeline } from '../../src/api/resources.ts';
import { formatTimestamp } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import type { SafekeeperView } from '../../src/controllers/cluster/inventory.ts';
import type { Ownership } from '../../src/controllers/cluster/ownership.ts';
import { Pruner, type ScannedCluster } from '../../src/controllers/cluster/prune.ts';
import {
  formatTenantTimelineId,
  parseTenantId,
  parseTimelineId,
  type SafekeeperId,
  type TenantTimelineId,
} from '../../src/domain/ids.ts';
import type { OwnershipEvidence } from '../../src/domain/observation.ts';
import { KubeApiError } from '../../src/kube/api-error.ts';
import type { DeleteOptions, KubeClient } from '../../src/kube/kube-client.ts';
import type { TimelineAnswer } from '../../src/safekeeper/client.ts';
import { safekeeperId, TENANT } from '../agent/test-agent.ts';
import { clusterObject } from '../api/objects.ts';
import { FakeClock } from '../support/fake-clock.ts';

const never = new AbortController().signal;
const DAY_MS = 24 * 60 * 60_000;
const ID = { tenantId: parseTenantId(TENANT)!, timelineId: parseTimelineId('9'.repeat(32))! };
const OBJECT = { ...clusterObject(), metadata: { name: 'neon', namespace: 'default', uid: 'cluster-uid' } };

/** Three safekeepers that do not have the timeline, the first of which says that it was deleted; all are members. */
function absentEverywhere() {
  const clock = new FakeClock();
  const answers: Record<number, TimelineAnswer['kind']> = { 1: 'Deleted', 2: 'NotFound', 3: 'NotFound' };
  const states: Record<number, SafekeeperView['state']['kind']> = { 1: 'Reachable', 2: 'Reachable', 3: 'Reachable' };
  /** Undefined: it has never listed anything. */
  const lists: Record<number, boolean | undefined> = { 1: false, 2: false, 3: false };
  const world = {
    clock,
    answers,
    states,
    lists,
    inventory: { prune: true, timelines: 'All' } as Record<string, unknown>,
    paused: undefined as string | undefined,
    named: undefined as Record<number, OwnershipEvidence> | undefined,
    timeline: {
      apiVersion: 'safekeeper.dev/v1alpha1',
      kind: 'SafekeeperTimeline',
      metadata: {
        name: 'skt',
        namespace: 'default',
        uid: 'uid',
        resourceVersion: '5',
        labels: inventoryLabels('neon', ID),
        ownerReferences: [
          { apiVersion: 'safekeeper.dev/v1alpha1', kind: 'SafekeeperCluster', name: 'neon', uid: 'cluster-uid' },
        ],
      },
      spec: { clusterRef: { name: 'neon' }, tenantId: ID.tenantId, timelineId: ID.timelineId },
      status: { members: [1, 2, 3] },
    } as SafekeeperTimeline,
    deletions: [] as DeleteOptions[],
    failure: undefined as Error | undefined,
    others: [] as SafekeeperTimeline[],
    isAlarm: undefined as ((timeline: TenantTimelineId) => boolean) | undefined,
    asked: 0,
  };
  const remove = (_type: unknown, _at: unknown, options: DeleteOptions) => {
    world.deletions.push(options);
    world.others = world.others.filter(({ metadata }) => metadata.uid !== options.preconditions?.uid);
    return world.failure === undefined ? Promise.resolve() : Promise.reject(world.failure);
  };
  const client = { delete: remove } as unknown as Pick<KubeClient, 'delete'>;
  const pruner = new Pruner({ client, dropTimeline: () => undefined, clock, log: createLogger('silent') });
  const scanned = (): ScannedCluster => {
    const object = clusterObject({ inventory: world.inventory });
    const parsed = parseClusterSpec(object);
    if (!parsed.ok) throw new Error(parsed.error.message);
    const ids = Object.keys(lists).map((id) => safekeeperId(Number(id)));
    const listed = (id: SafekeeperId) => {
      const has = lists[Number(id)];
      return has === undefined ? undefined : new Map(has ? [[formatTenantTimelineId(ID), ID]] : []);
    };
    const timelineStatus = (id: SafekeeperId) => (timeline: TenantTimelineId) => {
      world.asked++;
      return Promise.resolve({ kind: world.isAlarm?.(timeline) === true ? 'NotFound' : answers[Number(id)] });
    };
    const views = ids.map((id) => ({
      id,
      url: '',
      state: { kind: states[Number(id)], problem: '' },
      timelines: listed(id),
      lastSeenMs: 0,
    }));
    const handles = ids.map((id) => [id, { id, client: { timelineStatus: timelineStatus(id) } }] as const);
    const { named } = world;
    const of = (id: SafekeeperId) => Promise.resolve(named?.[Number(id)] ?? 'NoAnswer');
    return {
      key: 'default/neon',
      spec: parsed.value,
      inventory: { views: new Map(views.map((view) => [view.id, view])) },
      safekeepers: new Map(handles),
      ownership: named === undefined ? undefined : ({ of } as unknown as Ownership),
      paused: world.paused,
    } as unknown as ScannedCluster;
  };
  const scan = async (times = 1) => {
    for (let n = 0; n < times; n++) {
      await pruner.prune(OBJECT as unknown as SafekeeperCluster, scanned(), [world.timeline, ...world.others], never);
    }
    return world.deletions.length;
  };
  return Object.assign(world, { scan });
}

let world: ReturnType<typeof absentEverywhere>;
beforeEach(() => {
  world = absentEverywhere();
});

describe('a timeline that was deleted', () => {
  test('its object is removed at the third scan, and only this very version of it', async () => {
    expect(await world.scan(2)).toBe(0);
    expect(await world.scan()).toBe(1);
    expect(world.deletions).toEqual([{ preconditions: { uid: 'uid', resourceVersion: '5' } }]);
    expect(world.asked).toBe(9);
  });

  test('"deleted" counts also when the tombstone is gone a scan later', async () => {
    await world.scan();
    world.answers[1] = 'NotFound';
    expect(await world.scan(2)).toBe(1);
  });

  test('the storage controller may say it instead, when it names it nowhere', async () => {
    world.answers[1] = 'NotFound';
    world.named = { 1: 'NotNamed', 2: 'NotNamed', 3: 'NotNamed' };
    expect(await world.scan(3)).toBe(1);
  });

  test('a change of the object in between is no error, and it is judged again', async () => {
    world.failure = new KubeApiError(409, 'Conflict', 'changed');
    expect(await world.scan(3)).toBe(1);
    world.failure = undefined;
    world.timeline = { ...world.timeline, metadata: { ...world.timeline.metadata, resourceVersion: '6' } };
    await world.scan();
    expect(world.deletions.at(-1)?.preconditions?.resourceVersion).toBe('6');
  });
});

type Change = (w: ReturnType<typeof absentEverywhere>) => void;
const withMetadata = (metadata: object): Change => {
  return (w) => (w.timeline = { ...w.timeline, metadata: { ...w.timeline.metadata, ...metadata } });
};

describe('never removed is', () => {
  test.each<[string, Change]>([
    ['anything, with prune: false', (w) => (w.inventory.prune = false)],
    ['anything of a paused cluster', (w) => (w.paused = 'Paused by spec.paused of the cluster.')],
    ['an object that a person made', withMetadata({ labels: undefined, ownerReferences: undefined })],
    ['an object with the label and no owner', withMetadata({ ownerReferences: undefined })],
    [
      'an object of another cluster of the same name',
      withMetadata({ ownerReferences: [{ apiVersion: 'v1', kind: 'SafekeeperCluster', name: 'neon', uid: 'old' }] }),
    ],
    ['an object with an owner and no label', withMetadata({ labels: {} })],
    ['an object with the label of another cluster', withMetadata({ labels: inventoryLabels('other', ID) })],
    ['what one safekeeper lists', (w) => (w.lists[3] = true)],
    [
      'what a safekeeper listed before it fell silent',
      (w) => Object.assign(w, { states: (w.states[4] = 'Unreachable'), lists: (w.lists[4] = true) }),
    ],
    ['what a safekeeper that never listed anything may have', (w) => (w.lists[4] = undefined)],
    ['a timeline with a silent member', (w) => (w.states[2] = 'Unreachable')],
    ['a timeline with a member that refuses the operator', (w) => (w.states[2] = 'Refused')],
    ['a timeline with a member whose id is disputed', (w) => (w.states[2] = 'IdConflict')],
    [
      'a timeline with a member outside of the cluster',
      (w) => (w.timeline = { ...w.timeline, status: { members: [1, 2, 7] } }),
    ],
    [
      'a timeline with a declared member outside of the cluster',
      (w) => (w.timeline = { ...w.timeline, spec: { ...w.timeline.spec, members: [1, 7] } }),
    ],
    ['what one member has after all, whatever its list says', (w) => (w.answers[2] = 'Status')],
    ['what one member does not answer about', (w) => (w.answers[2] = 'Unreachable')],
    ['what one member gives no clear answer about', (w) => (w.answers[2] = 'Unknown')],
    ['what is absent everywhere and was not deleted: the loudest alarm', (w) => (w.answers[1] = 'NotFound')],
    [
      'what the storage controller still names on one of them',
      (w) => Object.assign(w.answers, { 1: 'NotFound' }) && (w.named = { 1: 'NotNamed', 2: 'Named', 3: 'NotNamed' }),
    ],
    [
      'what the storage controller does not answer about',
      (w) => Object.assign(w.answers, { 1: 'NotFound' }) && (w.named = { 1: 'NotNamed', 3: 'NotNamed' }),
    ],
  ])('%s', async (_, change) => {
    change(world);
    expect(await world.scan(5)).toBe(0);
  });

  test.each<[string, Change, Change]>([
    ['a member was silent once', (w) => (w.states[2] = 'Unreachable'), (w) => (w.states[2] = 'Reachable')],
    ['it was listed once', (w) => (w.lists[2] = true), (w) => (w.lists[2] = false)],
    ['a member had it once', (w) => (w.answers[2] = 'Status'), (w) => (w.answers[2] = 'NotFound')],
    ['the cluster was paused once', (w) => (w.paused = 'Paused'), (w) => (w.paused = undefined)],
    ['the object is another one', withMetadata({ uid: 'new' }), () => undefined],
  ])('what was not confirmed three times in a row: %s', async (_, disturb, mend) => {
    await world.scan(2);
    disturb(world);
    await world.scan();
    mend(world);
    const counted = world.timeline.metadata.uid === 'new' ? 1 : 0;
    expect(await world.scan(2 - counted)).toBe(0);
    expect(await world.scan()).toBe(1);
  });
});

describe('UnderReplicated', () => {
  const healed = (w: typeof world, sinceMs: number, more: object = {}) => {
    w.inventory.timelines = 'UnderReplicated';
    Object.assign(w.lists, { 1: true, 2: true, 3: true });
    const since = formatTimestamp(w.clock.wallTimeMs() - sinceMs);
    const ready = {
      type: 'Ready',
      status: 'True' as const,
      reason: 'AllReplicasPresent',
      message: '',
      lastTransitionTime: since,
    };
    w.timeline = { ...w.timeline, status: { members: [1, 2, 3], conditions: [ready], ...more } };
  };

  test('an object is kept for a day after its timeline was healed, and then removed', async () => {
    healed(world, DAY_MS - 1_000);
    expect(await world.scan()).toBe(0);
    await world.clock.advance(1_000);
    expect(await world.scan()).toBe(1);
    expect(world.deletions[0]).toEqual({ preconditions: { uid: 'uid', resourceVersion: '5' } });
  });

  const fencedAt = (...terms: number[]) =>
    terms.map((term, at) => ({ safekeeperId: at + 1, state: 'Present', term: String(term) }));

  test('a fence that every member knows need not be remembered', async () => {
    healed(world, 2 * DAY_MS, { fencedTerm: '1024', replicas: fencedAt(1024, 1024, 2000) });
    expect(await world.scan()).toBe(1);
  });

  test.each<[string, Change]>([
    ['prune: false', (w) => (w.inventory.prune = false)],
    ['another mode', (w) => (w.inventory.timelines = 'All')],
    ['a pause', (w) => (w.paused = 'Paused')],
    ['a replica that is missing again', (w) => (w.lists[2] = false)],
    ['a member that never answered', (w) => (w.lists[2] = undefined)],
    ['a member outside of the cluster', (w) => healed(w, 2 * DAY_MS, { members: [1, 2, 7] })],
    ['members that are not known', (w) => healed(w, 2 * DAY_MS, { members: undefined })],
    [
      'a fence that one member does not know',
      (w) => healed(w, 2 * DAY_MS, { fencedTerm: '1024', replicas: fencedAt(1024, 1023, 2000) }),
    ],
    ['a fence, and a member that was not seen since', (w) => healed(w, 2 * DAY_MS, { fencedTerm: '1024' })],
    ['no condition yet', (w) => healed(w, 2 * DAY_MS, { conditions: undefined })],
    ["a person's object", withMetadata({ labels: undefined })],
    [
      "a person's settings",
      (w) => (w.timeline = { ...w.timeline, spec: { ...w.timeline.spec, recovery: { mode: 'Propose' } } }),
    ],
    ["a person's members", (w) => (w.timeline = { ...w.timeline, spec: { ...w.timeline.spec, members: [1, 2, 3] } })],
    ["a person's pause", (w) => (w.timeline = { ...w.timeline, spec: { ...w.timeline.spec, paused: true } })],
  ])('%s keeps it', async (_, change) => {
    healed(world, 2 * DAY_MS);
    change(world);
    expect(await world.scan(4)).toBe(0);
  });
});

test('hundreds of alarms that stay do not keep deleted timelines from having their turn, a few at a time', async () => {
  const make = (n: number): SafekeeperTimeline => ({
    ...world.timeline,
    metadata: { ...world.timeline.metadata, name: `skt-${n}`, uid: `uid-${n}` },
    spec: { ...world.timeline.spec, timelineId: n.toString(16).padStart(32, n < 500 ? 'a' : 'd') },
  });
  world.others = Array.from({ length: 800 }, (_, n) => make(n));
  world.isAlarm = ({ timelineId }) => timelineId.startsWith('a');
  const asked: number[] = [];
  for (let n = 0; n < 40; n++) {
    const before = world.asked;
    await world.scan();
    asked.push(world.asked - before);
  }
  expect(Math.max(...asked)).toBe(200 * 3);
  const removed = new Set(world.deletions.map(({ preconditions }) => preconditions?.uid));
  expect([...removed].filter((uid) => uid !== 'uid' && Number(uid?.slice(4)) < 500)).toEqual([]);
  expect(removed.size).toBe(301);
});
