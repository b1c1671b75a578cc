import { expect, test } from 'vitest';
import { SECRETS } from '../../src/controllers/cluster/core-objects.ts';
import { TENANT } from '../agent/test-agent.ts';
import { type HttpStub, startHttpStub } from '../support/http-stub.ts';
import { conditionOf, isReady, place, reasonsOf, stateOf, TestWorld, timelineId } from './test-operator.ts';

const never = new AbortController().signal;

/** A storage controller that names timelines by their digits, as many safekeepers as asked for the same. */
interface Controller extends HttpStub {
  answer: (safekeeper: string) => { readonly status: number; readonly body: string };
  names(digits: Readonly<Record<string, readonly string[]>>): void;
}

async function startController(token?: string): Promise<Controller> {
  const stub = await startHttpStub((request, response) => {
    const safekeeper = /^\/control\/v1\/safekeeper\/(\d+)\/timelines$/.exec(request.url ?? '')?.[1];
    const isKnown = token === undefined || request.headers.authorization === `Bearer ${token}`;
    const { status, body } = isKnown ? controller.answer(safekeeper ?? '') : { status: 401, body: '{"msg":"who?"}' };
    response.writeHead(status, { 'content-type': 'application/json' }).end(body);
  });
  const controller: Controller = {
    ...stub,
    answer: () => ({ status: 500, body: '' }),
    names: (digits) => {
      controller.answer = (safekeeper) => {
        const timelines = (digits[safekeeper] ?? []).map((digit) => ({
          tenant_id: TENANT,
          timeline_id: timelineId(digit),
          peers: [1, 2, 18_446_744_073_709_551_615n].map(String),
        }));
        return { status: 200, body: JSON.stringify({ timelines, safekeeper_peers: [] }) };
      };
    },
    [Symbol.asyncDispose]: () => stub[Symbol.asyncDispose](),
  };
  return controller;
}

test('what the storage controller does not name on the wiped safekeeper stays away; the rest is restored', async () => {
  await using controller = await startController();
  controller.names({ 1: ['1', '2'], 2: ['1', '2'], 3: ['1', '2'] });
  await using world = await TestWorld.start(3, place(2));
  await world.createCluster({ storageController: { url: controller.url } });
  world.startOperator();
  await world.untilTimelines('Ready', 2, isReady);
  controller.names({ 1: ['1', '2'], 2: ['2'], 3: ['1', '2'] });
  await world.wipe(2);
  const deleted = 'TimelineDeleted/-/TimelineDeleted';
  const blocked = await world.untilTimeline('1', 'it is not restored', (skt) => reasonsOf(skt) === deleted);
  expect(blocked.status?.message).toContain('does not name this timeline on safekeeper 2');
  await world.untilTimeline('2', 'it is restored', ({ status }) => status?.history?.length === 1);
  await world.pass(40);
  expect(world.pulls().map(({ timeline_id }) => timeline_id)).toEqual([timelineId('2')]);
  expect(stateOf(await world.timeline('1'), 2)).toBe('Lost');
  controller.names({ 1: ['1', '2'], 2: ['1', '2'], 3: ['1', '2'] });
  await world.untilTimelines('named again, restored', 2, isReady);
});

test.each([
  ['an error', { status: 500, body: '{"msg":"no leader"}' }],
  ['an empty answer', { status: 200, body: '' }],
  ['half a list', { status: 200, body: '{"timelines": [{"tenant_id": "' }],
  ['a list with something else in it', { status: 200, body: '{"timelines": [{"tenant_id": "x"}]}' }],
  ['no list', { status: 200, body: '{}' }],
  ['not found', { status: 404, body: 'Not Found' }],
])('%s of the storage controller is no "no" and no "yes": nothing is restored until it answers', async (_, answer) => {
  await using controller = await startController();
  controller.answer = () => answer;
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster({ storageController: { url: controller.url } });
  world.startOperator();
  await world.untilTimelines('Ready all the same', 1, isReady);
  await world.wipe(2);
  const waits = 'ReplicaLost/WaitingForWitnesses/-';
  const waiting = await world.untilTimeline('1', 'it waits', (skt) => reasonsOf(skt) === waits);
  expect(waiting.status?.message).toContain('Waiting for the storage controller');
  expect(world.pulls()).toEqual([]);
  controller.names({ 1: ['1'], 2: ['1'], 3: ['1'] });
  await world.untilTimelines('restored', 1, isReady);
  expect(world.pulls()).toHaveLength(1);
});

test('its token comes from its own Secret, and a refusal is said', async () => {
  await using controller = await startController('controller-token');
  controller.names({ 1: ['1'], 2: ['1'], 3: ['1'] });
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster({
    storageController: { url: controller.url, tokenSecretRef: { name: 'controller', key: 'jwt' } },
  });
  const secret = (jwt: string) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { namespace: world.api.namespace, name: 'controller' },
    data: { jwt: Buffer.from(jwt).toString('base64') },
  });
  await world.client.create(SECRETS, secret('another-token'), never);
  world.startOperator();
  const cluster = await world.untilCluster(
    'refused',
    (skc) => conditionOf(skc, 'Ready')?.reason === 'CredentialsInvalid',
  );
  expect(cluster.status?.message).toContain('spec.storageController.tokenSecretRef');
  await world.client.apply(SECRETS, secret('controller-token'), { fieldManager: 'test', force: true }, never);
  await world.untilCluster('accepted', isReady);
});

test('a timeline that it names and nobody has is found, and is the loudest alarm', async () => {
  await using controller = await startController();
  controller.names({ 1: ['1', '7'], 2: ['1', '7'], 3: ['1', '7'] });
  await using world = await TestWorld.start(3, place(1));
  await world.createCluster({ storageController: { url: controller.url } });
  world.startOperator();
  await world.untilTimeline('1', 'Ready', isReady);
  expect((await world.timelines()).length).toBe(1);
  const alarm = await world.untilTimeline('7', 'found', (skt) => reasonsOf(skt).startsWith('AllReplicasLost/'));
  expect(alarm.metadata.ownerReferences).toMatchObject([{ kind: 'SafekeeperCluster' }]);
});
