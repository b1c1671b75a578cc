import { expect, test } from 'vitest';
import { TIMELINE_RESOURCE } from '../../src/api/names.ts';
import type { ApiReaction, ApiRequestLine } from '../api-server/door.ts';
import { isReady, place, TestWorld } from './test-operator.ts';

/** What the operator says when the API server does not answer as it should. Anything else is a defect. */
const API_IN_TROUBLE = ['Event not sent', 'List failed', 'Reconcile failed', 'Watch failed'];
const LISTED = [...API_IN_TROUBLE, 'Safekeeper lost timelines'];

async function readyWorld(options: { ownApi?: boolean } = {}): Promise<TestWorld> {
  const world = await TestWorld.start(3, place(2), options);
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('Ready', 2, isReady);
  await world.untilCluster('Ready', isReady);
  return world;
}

/** After a fault that ended: everything is as it was, each loss was made good once, by a donor that had it all. */
async function converges(world: TestWorld, recovered: number): Promise<void> {
  const healed = await world.untilTimelines(
    'all is healed',
    2,
    (timeline) => isReady(timeline) && (timeline.status?.history?.length ?? 0) >= recovered,
  );
  for (const { status } of healed) {
    expect(status?.history?.filter(({ outcome }) => outcome === 'Recovered')).toHaveLength(recovered);
    for (const { recipient, donor } of status?.history ?? [])
      expect([recipient, [1, 3].includes(donor)]).toEqual([2, true]);
  }
  const donors = new Set(world.pulls().flatMap(({ http_hosts: hosts }) => hosts));
  const rightful = [1, 3].map((id) => world.safekeeper(id).proxy.url);
  expect([...donors].filter((host) => !rightful.includes(host))).toEqual([]);
  await world.settles();
  expect(world.complaints().filter((message) => !LISTED.includes(message))).toEqual([]);
}

/** One of `share` requests that fit gets the reaction. */
function sometimes(share: number, fits: (line: ApiRequestLine) => boolean, reaction: ApiReaction) {
  let count = 0;
  return (line: ApiRequestLine) => (fits(line) && ++count % share === 0 ? reaction : undefined);
}

const tooMany: ApiReaction = {
  kind: 'Answer',
  status: 429,
  headers: { 'retry-after': '1' },
  body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'TooManyRequests', code: 429 },
};

test('an API server that restarts, and is away while a disk is lost', async () => {
  await using world = await readyWorld({ ownApi: true });
  await world.api.restart(async () => {
    await world.wipe(2);
    await world.pass(40);
  });
  await converges(world, 1);
});

test('an API server that asks to come back later', async () => {
  await using world = await readyWorld();
  // The lists are the test's.
  world.api.door.react = sometimes(2, ({ method, isWatch }) => method !== 'GET' || isWatch, tooMany);
  world.api.door.dropWatches();
  await world.wipe(2);
  await world.untilTimelines('healed', 2, ({ status }) => status?.history?.[0]?.outcome === 'Recovered');
  world.api.door.react = () => undefined;
  await converges(world, 1);
});

test('an API server that is slow, breaks connections and loses watches', async () => {
  await using world = await readyWorld();
  world.api.door.react = sometimes(3, () => true, { kind: 'Delay', delayMs: 150 });
  const breaking = setInterval(() => world.api.door.dropWatches(), 200);
  try {
    await world.wipe(2);
    await world.untilTimelines('healed', 2, ({ status }) => status?.history?.[0]?.outcome === 'Recovered');
  } finally {
    clearInterval(breaking);
    world.api.door.react = () => undefined;
  }
  await converges(world, 1);
});

test('somebody who writes to the same objects all the time', async () => {
  await using world = await readyWorld();
  const over = new AbortController();
  const writing = (async () => {
    for (let count = 0; !over.signal.aborted; count++) {
      for (const { metadata } of await world.timelines()) {
        const patch = { metadata: { annotations: { 'example.dev/count': String(count) } } };
        await world.client.mergePatch(TIMELINE_RESOURCE, metadata, patch, AbortSignal.timeout(5_000));
      }
      // Twice a second of operator time.
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    await world.wipe(2);
    await world.untilTimelines('healed', 2, ({ status }) => status?.history?.[0]?.outcome === 'Recovered');
  } finally {
    over.abort();
    await writing;
  }
  await converges(world, 1);
});

test('a safekeeper that flaps every second is never taken for one that lost its disk', async () => {
  await using world = await readyWorld();
  const flapping = flap(world, 3);
  await world.pass(60);
  expect(world.pulls()).toEqual([]);
  await world.wipe(2);
  await world.pass(30);
  flapping();
  await converges(world, 1);
});

test('a safekeeper that lost its disk and flaps every second', async () => {
  await using world = await readyWorld();
  await world.wipe(2);
  const flapping = flap(world, 2);
  await world.pass(60);
  flapping();
  await world.untilTimelines('healed', 2, ({ status }) => status?.history?.[0]?.outcome === 'Recovered');
  const timelines = await world.timelines();
  // Attempts that it broke off itself have failed; the last one of each did not.
  for (const { status } of timelines) {
    expect(status?.history?.every(({ recipient, donor }) => recipient === 2 && donor !== 2)).toBe(true);
  }
  await world.untilTimelines('Ready', 2, isReady);
  await world.settles();
});

test('safekeepers that answer slowly', async () => {
  await using world = await readyWorld();
  for (const { proxy } of world.safekeepers) proxy.react = () => ({ kind: 'Delay', delayMs: 150 });
  await world.wipe(2);
  await world.untilTimelines('healed', 2, ({ status }) => status?.history?.[0]?.outcome === 'Recovered');
  for (const { proxy } of world.safekeepers) proxy.react = () => undefined;
  await converges(world, 1);
});

/** Every second of operator time its connections are refused, or not. Returns what ends that. */
function flap(world: TestWorld, id: number): () => void {
  const { proxy } = world.safekeeper(id);
  const home = proxy.target;
  const timer = setInterval(() => (proxy.target = proxy.target === undefined ? home : undefined), 40);
  return () => {
    clearInterval(timer);
    proxy.target = home;
  };
}
