import { expect, test } from 'vitest';
import { type Pod, PODS } from '../../src/controllers/cluster/core-objects.ts';
import { type DownloadRequest, HttpClient, type HttpClientOptions, type HttpRequest } from '../../src/http/client.ts';
import { onRequest } from './proxy.ts';
import { isReady, place, reasonsOf, stateOf, TestWorld } from './test-operator.ts';

const never = new AbortController().signal;
const LABELS = { app: 'safekeeper' };
const SELECTOR = { matchLabels: LABELS, matchExpressions: [{ key: 'canary', operator: 'DoesNotExist' }] };

/** Brings requests for addresses of pods to where the safekeepers of this test are. */
class PodNetwork {
  private readonly routes = new Map<string, string>();

  readonly openHttp = (options: HttpClientOptions): HttpClient => {
    const route = <Request extends DownloadRequest>(request: Request): Request => {
      const { origin } = new URL(request.url);
      // Whatever is not there refuses the connection.
      return { ...request, url: request.url.replace(origin, this.routes.get(origin) ?? 'http://127.0.0.1:9') };
    };
    return new (class extends HttpClient {
      override request(request: HttpRequest, signal: AbortSignal) {
        return super.request(route(request), signal);
      }
      override stream(request: HttpRequest, signal: AbortSignal) {
        return super.stream(route(request), signal);
      }
      override download(request: DownloadRequest, signal: AbortSignal) {
        return super.download(route(request), signal);
      }
    })(options);
  };

  route(host: string, url: string | undefined): void {
    if (url === undefined) this.routes.delete(`http://${host}:7676`);
    else this.routes.set(`http://${host}:7676`, url);
  }
}

async function createPod(world: TestWorld, name: string, podIP: string | undefined, labels = {}): Promise<void> {
  const metadata = { namespace: world.api.namespace, name, labels: { ...LABELS, ...labels } };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [{ name: 'main', image: 'none' }] } };
  await world.client.create<Pod>(PODS, pod, never);
  const status = { podIP, podIPs: podIP === undefined ? undefined : [{ ip: podIP }] };
  await world.client.patchStatus(PODS, metadata, { status }, never);
}

async function deletePod(world: TestWorld, name: string): Promise<void> {
  await world.client.delete(PODS, { namespace: world.api.namespace, name }, {}, never);
}

/** Three safekeepers in pods at 10.0.0.1 to 10.0.0.3. */
async function startWithPods(count: number, host?: string) {
  const network = new PodNetwork();
  const world = await TestWorld.start(3, place(count), { http: network.openHttp({}) });
  for (const { id, proxy } of world.safekeepers) {
    network.route(host === undefined ? `10.0.0.${id}` : host.replace('{pod}', `sk-${id}`), proxy.url);
    await createPod(world, `sk-${id}`, `10.0.0.${id}`);
  }
  await createPod(world, 'somebody-else', '10.0.0.99', { app: 'pageserver' });
  const pods = { selector: SELECTOR, ...(host === undefined ? {} : { host }) };
  await world.createCluster({ safekeepers: undefined, discovery: { pods } });
  world.startOperator({ openHttp: network.openHttp });
  await world.untilTimelines('Ready', count, isReady);
  await world.untilCluster('Ready', isReady);
  return { world, network };
}

const urlsOf = async (world: TestWorld) =>
  (await world.cluster()).status?.safekeepers?.map(({ id, url, reachable }) => [id, url, reachable]);

test('safekeepers are found by their pods, and a wiped one is restored from where its peers are', async () => {
  const { world } = await startWithPods(2);
  await using _world = world;
  expect(await urlsOf(world)).toEqual([
    [1, 'http://10.0.0.1:7676', true],
    [2, 'http://10.0.0.2:7676', true],
    [3, 'http://10.0.0.3:7676', true],
  ]);
  await world.wipe(2);
  await world.untilTimelines('lost', 2, (skt) => stateOf(skt, 2) === 'Lost');
  await world.untilTimelines('restored', 2, isReady);
  for (const { http_hosts } of world.pulls()) expect(http_hosts[0]).toMatch(/^http:\/\/10\.0\.0\.[13]:7676$/);
});

test('a pod that comes back elsewhere with an empty disk is the same safekeeper, and is restored', async () => {
  const { world, network } = await startWithPods(1);
  await using _world = world;
  await world.safekeeper(2).stop();
  network.route('10.0.0.2', undefined);
  await deletePod(world, 'sk-2');
  const cluster = await world.untilCluster('it is missed', (skc) => !isReady(skc));
  expect(cluster.status?.message).toContain('no pod answers as safekeeper 2');
  await world.untilTimeline('1', 'it is missed', (skt) => stateOf(skt, 2) === 'Unreachable');

  await createPod(world, 'sk-2', undefined);
  world.safekeeper(2).wipe();
  await world.safekeeper(2).start();
  network.route('10.0.0.22', world.safekeeper(2).proxy.url);
  await world.client.patchStatus(
    PODS,
    { namespace: world.api.namespace, name: 'sk-2' },
    { status: { podIP: '10.0.0.22' } },
    never,
  );
  await world.untilTimeline('1', 'it is empty', (skt) => stateOf(skt, 2) === 'Lost');
  await world.untilTimelines('restored', 1, isReady);
  await world.untilCluster('Ready again', isReady);
  expect((await urlsOf(world))?.[1]).toEqual([2, 'http://10.0.0.22:7676', true]);
  expect(world.pulls()).toHaveLength(1);
});

test('a second pod with the id of another is reported, and neither is used while both are there', async () => {
  const { world, network } = await startWithPods(1);
  await using _world = world;
  network.route('10.0.0.7', world.safekeeper(2).proxy.url);
  await createPod(world, 'sk-2-again', '10.0.0.7');
  const conflict = 'SafekeeperIdConflict/-/SafekeeperIdConflict';
  const cluster = await world.untilCluster('it is reported', (skc) => reasonsOf(skc) === conflict);
  expect(cluster.status?.message).toContain('http://10.0.0.2:7676 and http://10.0.0.7:7676 both answer with id 2');
  const timeline = await world.untilTimeline('1', 'it is not used', (skt) => stateOf(skt, 2) === 'Unknown');
  expect(reasonsOf(timeline)).toBe(conflict);
  await world.wipe(3);
  await world.pass(40);
  expect(world.pulls()).toEqual([]);
  await deletePod(world, 'sk-2-again');
  await world.untilTimelines('all is well', 1, isReady);
  expect(world.pulls()).toHaveLength(1);
});

test('a pod that changes its id is not used under either', async () => {
  const { world } = await startWithPods(1);
  await using _world = world;
  world.safekeeper(2).proxy.react = onRequest(/\/v1\/status$/, { kind: 'Answer', status: 200, body: { id: 9 } });
  const cluster = await world.untilCluster('it is reported', (skc) =>
    reasonsOf(skc).startsWith('SafekeeperIdConflict/'),
  );
  expect(cluster.status?.message).toContain('answers with id 9, not 2');
  world.safekeeper(2).proxy.react = () => undefined;
  await world.untilCluster('it is itself again', isReady);
});

test('a pod that does not answer yet is shown as such, and members are not guessed meanwhile', async () => {
  const { world, network } = await startWithPods(1, '{pod}.safekeepers.default.svc');
  await using _world = world;
  expect((await urlsOf(world))?.[0]).toEqual([1, 'http://sk-1.safekeepers.default.svc:7676', true]);
  await createPod(world, 'sk-4', '10.0.0.4');
  const cluster = await world.untilCluster('it is missed', (skc) => reasonsOf(skc).startsWith('ReplicaUnreachable/'));
  expect(cluster.status?.message).toContain('pod sk-4 does not answer');
  await world.wipe(3);
  await world.untilTimeline('1', 'members unknown', (skt) => reasonsOf(skt).startsWith('MembersUnknown/'));
  expect(world.pulls()).toEqual([]);
  await deletePod(world, 'sk-4');
  await world.untilTimelines('three again', 1, isReady);
  network.route('sk-1.safekeepers.default.svc', undefined);
  await world.untilCluster('unreachable', (skc) => skc.status?.safekeepers?.[0]?.reachable === false);
});

test('without any pod the cluster is not called safe', async () => {
  await using world = await TestWorld.start(0, place(0));
  await world.createCluster({ safekeepers: undefined, discovery: { pods: { selector: SELECTOR } } });
  world.startOperator();
  const cluster = await world.untilCluster('it is said', (skc) => reasonsOf(skc).startsWith('ReplicaUnreachable/'));
  expect(cluster.status?.message).toContain('no pod matches spec.discovery.pods.selector');
});
