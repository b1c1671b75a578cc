import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readOverview } from '../../src/cli/status/read-overview.ts';
import { isAllRedundant } from '../../src/cli/status/overview.ts';
import { checkScope, type Scope } from '../../src/cli/status/scope.ts';
import { parseTargets } from '../../src/cli/targets.ts';
import { NEVER, ObjectsWorld } from './api-objects.ts';
import {
  clusterObject,
  PULLING,
  pullingStatus,
  quorumLostStatus,
  REDUNDANT,
  redundantStatus,
  timelineObject,
} from './status-objects.ts';

let world: ObjectsWorld;

beforeEach(async () => {
  world = await ObjectsWorld.open();
  await world.put(clusterObject('main', PULLING));
  await world.put(clusterObject('other', REDUNDANT));
  await world.put(timelineObject('safe', redundantStatus()), { tier: 'free' });
  await world.put(timelineObject('pulling', pullingStatus()), { tier: 'paid' });
  await world.put(timelineObject('gone', quorumLostStatus(), { cluster: 'other' }), { tier: 'paid' });
});

afterEach(() => world[Symbol.asyncDispose]());

async function read(args: string[], change: Partial<Scope> = {}, limit = 20) {
  const scope = { namespace: world.namespace, targets: parseTargets(args), ...change };
  checkScope(scope);
  const options = { limit, transform: <T>(timeline: T) => timeline, commands: ['approve'] };
  const overview = await readOverview(world.client, scope, options, NEVER);
  const names = (objects: ReadonlyArray<{ readonly metadata: { readonly name: string } }>) =>
    objects.map(({ metadata }) => metadata.name).join(' ');
  return { clusters: names(overview.clusters), timelines: names(overview.timelines), overview };
}

describe('what is read', () => {
  test.each([
    [[], 'main other', 'gone pulling safe'],
    [['skc'], 'main other', ''],
    [['safekeepertimelines.safekeeper.dev'], '', 'gone pulling safe'],
    [['skt,skc'], 'main other', 'gone pulling safe'],
    [['safe'], '', 'safe'],
    [['skt/safe', 'skt/gone'], '', 'gone safe'],
    [['skt', 'safe', 'gone'], '', 'gone safe'],
    [['skc/main'], 'main', 'pulling safe'],
    [['other'], 'other', 'gone'],
    [['SafekeeperCluster/other', 'safe'], 'other', 'gone safe'],
  ])('%j: clusters %s, timelines %s', async (args, clusters, timelines) => {
    expect(await read(args)).toMatchObject({ clusters, timelines });
  });

  test('selectors select timelines, with the clusters that they belong to', async () => {
    expect(await read([], { labelSelector: 'tier=free' })).toMatchObject({ clusters: 'main', timelines: 'safe' });
    expect(await read([], { labelSelector: 'tier in (paid)' })).toMatchObject({
      clusters: 'main other',
      timelines: 'gone pulling',
    });
    expect(await read([], { fieldSelector: 'metadata.name!=gone' })).toMatchObject({
      clusters: 'main',
      timelines: 'pulling safe',
    });
    expect(await read(['skc'], { fieldSelector: 'metadata.name=other' })).toMatchObject({
      clusters: 'other',
      timelines: '',
    });
  });

  test('the worst are kept, all are counted', async () => {
    const { clusters, timelines, overview } = await read([], {}, 1);
    expect({ clusters, timelines }).toEqual({ clusters: 'main', timelines: 'gone' });
    expect(overview.timelineCounts).toMatchObject({ QuorumLost: 1, AtRisk: 1, Redundant: 1 });
    expect(isAllRedundant((await read(['safe'])).overview)).toBe(true);
    expect(isAllRedundant((await read(['skc/other'], {}, 1)).overview)).toBe(false);
  });

  test('all namespaces hold those of this one', async () => {
    const { overview } = await read([], { namespace: undefined }, 1_000);
    const own = overview.timelines.filter(({ metadata }) => metadata.namespace === world.namespace);
    expect(own.map(({ metadata }) => metadata.name)).toEqual(['gone', 'pulling', 'safe']);
  });

  test('an unknown name is answered with what was probably meant', async () => {
    await expect(read(['skt/puling'])).rejects.toMatchObject({
      reason: 'NotFound',
      message: `there is no timeline "puling" in namespace ${world.namespace} (did you mean pulling?)`,
    });
    await expect(read(['aprove'])).rejects.toMatchObject({
      message: expect.stringContaining('(did you mean the command approve?)'),
    });
  });

  test.each([
    [['a/b/c'], {}, 'is no type that is known here'],
    [['skt/'], {}, 'is not of the form TYPE/NAME'],
    [['skt,skc', 'x'], {}, 'names need one type'],
    [['skt', 'skt/x'], {}, 'write skt x'],
    [['x'], { namespace: undefined }, 'use -n in place of -A'],
    [['x'], { labelSelector: 'a=b' }, 'exclude each other'],
  ])('%j with %j is bad usage', async (args, change, message) => {
    await expect(read(args, change)).rejects.toMatchObject({
      reason: 'BadUsage',
      message: expect.stringContaining(message),
    });
  });
});

test('pages follow each other until the end, and start anew when the server forgot where they were', async () => {
  let pages = 0;
  let expired = 0;
  world.api.door.react = ({ path }) => {
    if (!path.includes('/safekeepertimelines?')) return undefined;
    pages++;
    if (!path.includes('continue=') || expired > 0) return undefined;
    expired++;
    return { kind: 'Answer', status: 410, body: { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' } };
  };
  for (let index = 0; index < 600; index += 50) {
    await Promise.all(Array.from({ length: 50 }, (_, at) => world.put(timelineObject(`many-${index + at}`))));
  }
  const { overview } = await read([], {}, 5);
  expect(overview.timelineCounts).toMatchObject({ QuorumLost: 1, AtRisk: 1, Redundant: 1, Unseen: 600 });
  expect({ pages, expired }).toEqual({ pages: 4, expired: 1 });
});

test('kinds that are not installed are told apart from names that are not there', async () => {
  world.api.door.react = () => ({ kind: 'Answer', status: 404, body: '404 page not found\n' });
  for (const args of [[], ['x']]) {
    await expect(read(args)).rejects.toMatchObject({
      reason: 'NotInstalled',
      message: expect.stringContaining('crds | kubectl apply'),
    });
  }
});
