import { existsSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { complaints, type OperatorProcess, startOperatorProcess } from '../deploy/operator-process.ts';
import { eventually } from '../support/eventually.ts';
import { onRequest } from './proxy.ts';
import { conditionOf, isReady, place, TestWorld } from './test-operator.ts';

// The operator as processes of its own, in real time: a lease lasts 15 s, and so does the shortest grace period. Nearly all
// of it is waiting, so the tests wait together.

const PROGRAM = ['node', resolve(import.meta.dirname, '../../dist/safekeeper-operator.js')];
const LEADS = 'leader_election_leader{name="safekeeper-operator"}';
const PATIENCE = { timeout: 30_000, interval: 100 };
const WAIT_MS = 60_000;

async function startOperator(world: TestWorld, name: string): Promise<OperatorProcess> {
  const { api } = world;
  const flags = ['--namespace', api.namespace, '--lease-namespace', api.namespace];
  return await startOperatorProcess({ program: PROGRAM, flags, kubeconfig: api.kubeconfig(), env: { HOSTNAME: name } });
}

async function readyWorld(): Promise<TestWorld> {
  const world = await TestWorld.start(3, place(1));
  await world.createCluster();
  return world;
}

/** Healed by one recovery from a rightful donor, and then nothing is written for 30 s. */
async function converged(world: TestWorld, leader: OperatorProcess): Promise<void> {
  const healed = await world.untilTimeline(
    '1',
    'healed',
    (timeline) => isReady(timeline) && timeline.status?.history?.[0]?.outcome === 'Recovered',
    WAIT_MS,
  );
  expect(healed.status?.history).toMatchObject([{ recipient: 2, outcome: 'Recovered' }]);
  const donors = world.pulls().flatMap(({ http_hosts: hosts }) => hosts);
  expect([world.safekeeper(1), world.safekeeper(3)].map(({ proxy }) => proxy.url)).toEqual(
    expect.arrayContaining([...new Set(donors)]),
  );
  await world.untilCluster('Ready', isReady, WAIT_MS);
  const versions = async () =>
    [await world.cluster(), await world.timeline('1')].map(({ metadata }) => metadata.resourceVersion);
  const before = await versions();
  await new Promise((resolve) => setTimeout(resolve, 30_000));
  expect(await versions()).toEqual(before);
  expect(complaints(leader).filter((line) => line !== 'Safekeeper lost timelines')).toEqual([]);
}

test.concurrent('of two operators one is frozen past its lease, and does nothing when it thaws', async () => {
  await using world = await readyWorld();
  await using first = await startOperator(world, 'first');
  await expect.poll(() => first.metric(LEADS), PATIENCE).toBe(1);
  await using second = await startOperator(world, 'second');
  await world.untilTimelines('Ready', 1, isReady);

  first.signal('SIGSTOP');
  await world.wipe(2);
  await expect.poll(() => second.metric(LEADS), PATIENCE).toBe(1);
  await world.untilTimeline('1', 'the loss is seen', (timeline) => conditionOf(timeline, 'Ready')?.status === 'False');
  first.signal('SIGCONT');
  expect(await first.ended).toBe(1);
  expect(complaints(first).join('\n')).toContain('Leadership lost');
  await converged(world, second);
  expect(world.pulls()).toHaveLength(1);
}, 180_000);

test.concurrent('an operator that is killed in the middle of a pull leaves it to the next one', async () => {
  await using world = await readyWorld();
  await using first = await startOperator(world, 'first');
  await world.untilTimelines('Ready', 1, isReady, WAIT_MS);
  await using second = await startOperator(world, 'second');
  world.safekeeper(1).proxy.react = onRequest(/\/snapshot\//, { kind: 'Stall', afterBytes: 5_000 }, 1);
  await world.wipe(2);
  const temp = join(world.safekeeper(2).dataDirectory, 'tmp');
  const arriving = () => existsSync(temp) && readdirSync(temp).length > 0;
  await expect.poll(arriving, PATIENCE).toBe(true);

  first.signal('SIGKILL');
  expect(await first.ended).toBe('SIGKILL');
  await eventually('its pull is given up', () => !arriving());
  await expect.poll(() => second.metric(LEADS), PATIENCE).toBe(1);
  await converged(world, second);
  expect(world.pulls()).toHaveLength(2);
}, 180_000);
