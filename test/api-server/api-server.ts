import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { inject } from 'vitest';
import { stringify } from 'yaml';
import { systemClock } from '../../src/base/clock.ts';
import { startDevCluster } from '../../src/dev-cluster/dev-cluster.ts';
import { findEnvtest } from '../envtest/find.ts';
import { type KubeApiserver, type KubeApiserverAddress, startKubeApiserver } from '../envtest/kube-apiserver.ts';
import { installDefinitions } from './definitions.ts';
import { type ApiDoor, openDoor } from './door.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The real server that all tests of this run share; absent in the run against the embedded API. */
    kubeApiserver: KubeApiserverAddress | undefined;
  }
}

/**
 * The Kubernetes API of one test, in the form that the run is about: a server of its own in this process, or the run's
 * real kube-apiserver. Either knows the kinds in crds/. Nobody else uses its namespace, and what a test does at its door
 * nobody else feels.
 */
export interface ApiServer extends AsyncDisposable {
  readonly form: ApiForm;
  /** `http://127.0.0.1:<port>`, through the door; everybody is an administrator. */
  readonly url: string;
  readonly door: ApiDoor;
  /** Exists, and is empty at first. */
  readonly namespace: string;
  /** A kubeconfig (YAML) for the door. */
  kubeconfig(): string;
  /**
   * Has it forget its history: a watch or paged list from an older resourceVersion is answered with 410. A real one that
   * others use, too, cannot do that: ask for one of your own.
   */
  expire(): Promise<void>;
  /** Ends it, and starts it again where it was once `meanwhile` is done. Needs one of your own, too. */
  restart(meanwhile: () => Promise<void>): Promise<void>;
}

export type ApiForm = 'embedded' | 'real';

/** Which one the tests of this run get. */
export function apiForm(): ApiForm {
  return inject('kubeApiserver') === undefined ? 'embedded' : 'real';
}

/** A real one that is the test's own takes some three seconds to start, and as long to expire. */
export async function openApi({ own = false } = {}): Promise<ApiServer> {
  const shared = inject('kubeApiserver');
  if (shared === undefined) return await openEmbedded();
  if (own) return await openOwnReal();
  const door = await openRealDoor(shared);
  const refuse = () => Promise.reject(new Error('the real server is shared: open one of your own'));
  return await withNamespace({ form: 'real', door, expire: refuse, restart: refuse, close: () => Promise.resolve() });
}

async function openEmbedded(): Promise<ApiServer> {
  const cluster = await startDevCluster({ clock: systemClock, log: pino({ level: 'error' }) });
  const door = await openDoor({ url: cluster.url });
  await installDefinitions(door.url);
  const expire = () => Promise.resolve(cluster.compact());
  const restart = async (meanwhile: () => Promise<void>) => {
    using _away = door.close();
    await meanwhile();
    // What it remembers of the past does not survive.
    cluster.compact();
  };
  return await withNamespace({ form: 'embedded', door, expire, restart, close: () => cluster.close() });
}

async function openOwnReal(): Promise<ApiServer> {
  const server = await startOwnKubeApiserver();
  const door = await openRealDoor(server);
  await installDefinitions(door.url);
  const restart = async (meanwhile: () => Promise<void>) => {
    await server.stop();
    await meanwhile();
    await server.start();
  };
  // It serves recent versions from a memory that only its end empties.
  const expire = () => restart(() => server.compact());
  const close = async () => await server[Symbol.asyncDispose]();
  return await withNamespace({ form: 'real', door, expire, restart, close });
}

async function openRealDoor(address: KubeApiserverAddress): Promise<ApiDoor> {
  return await openDoor({ ...address, headers: { authorization: `Bearer ${address.token}` } });
}

/** For tests that only make sense on a real one. */
export async function startOwnKubeApiserver(): Promise<KubeApiserver> {
  const programs = await findEnvtest();
  if ('missing' in programs) throw new Error(programs.missing);
  return await startKubeApiserver(programs.path);
}

async function withNamespace(
  api: Pick<ApiServer, 'form' | 'door' | 'expire' | 'restart'> & { close(): Promise<void> },
): Promise<ApiServer> {
  const { form, door } = api;
  const namespace = `test-${randomBytes(6).toString('hex')}`;
  const response = await fetch(`${door.url}/api/v1/namespaces`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } }),
  });
  if (response.status !== 201) throw new Error(`no namespace: ${await response.text()}`);
  return {
    form,
    door,
    expire: () => api.expire(),
    restart: (meanwhile) => api.restart(meanwhile),
    url: door.url,
    namespace,
    kubeconfig: () => kubeconfigFor(door.url, namespace),
    [Symbol.asyncDispose]: async () => {
      await door[Symbol.asyncDispose]();
      await api.close();
    },
  };
}

function kubeconfigFor(server: string, namespace: string): string {
  const name = 'test';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    'current-context': name,
  });
}
