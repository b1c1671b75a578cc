import { randomUUID } from 'node:crypto';
import { stringify } from 'yaml';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/log.ts';
import { listen } from '../http/server.ts';
import { builtinTypes } from './builtin-types.ts';
import { compileCustomResource } from './custom-resource.ts';
import { Deletions } from './delete.ts';
import { Handlers } from './handlers.ts';
import { metaRoutes } from './meta-routes.ts';
import { Objects } from './objects.ts';
import { ResourceTypes } from './resource-type.ts';
import { apiListener } from './server.ts';
import { Store } from './store.ts';
import { Watches } from './watch.ts';
import { Writes } from './write.ts';

export interface DevClusterOptions {
  /** A loopback address, by default 127.0.0.1: there is no authentication. */
  readonly host?: string;
  /** By default 0: the system picks one. */
  readonly port?: number;
  readonly clock: Clock;
  readonly log: Logger;
  /** By default random UUIDs. */
  readonly newUid?: () => string;
}

export interface DevCluster extends AsyncDisposable {
  /** `http://127.0.0.1:<port>`, without a trailing slash. */
  readonly url: string;
  /** A kubeconfig (YAML) whose only context, `safekeeper-demo`, is this server. */
  kubeconfig(): string;
  /** Ends every watch and stops. */
  close(): Promise<void>;

  /** Forgets the history: a watch or paged list from any older resourceVersion is answered with 410. */
  compact(): void;
  /** Breaks the connection of every running watch. */
  dropWatches(): void;
  /** Keeps every watch open but silent, bookmarks included, until disposed; what was withheld follows then. */
  freezeWatches(): Disposable;
  /** Watches running now. */
  watchCount(): number;
}

/**
 * Starts a small Kubernetes API server in this process, all in memory, for the demo and for tests. Controllers and
 * kubectl cannot tell it from a real one in what they normally do: discovery, CustomResourceDefinitions with structural
 * schemas, defaults, pruning and CEL rules, lists in pages, watches, every kind of patch, server-side apply, the status
 * subresource, optimistic concurrency, finalizers, garbage collection and tables.
 *
 * What a real kube-apiserver has and this lacks:
 * - Persistence, authentication, authorization (and its reviews), TLS, admission webhooks and policies, aggregation,
 *   /openapi/v2, protobuf (but for what `kubectl create` sends of the kinds below).
 * - Kinds beyond Namespace, ConfigMap, Secret, ServiceAccount, Pod, Event, Lease and CustomResourceDefinition. Nothing
 *   runs pods, and much of a pod's spec is stored without being checked. Secrets can be changed though `immutable`.
 * - CustomResourceDefinitions with several versions or conversion, the scale subresource, embedded resources, schemas of
 *   metadata (all refused), name conflict detection.
 * - In CEL: Kubernetes' extension libraries but `url`/`isURL`, of absolute URLs (no quantity, ip, cidr, format, regex, list
 *   and set functions), `optionalOldSelf`, has() of an indexed value: a rule with these is refused with its definition. Not
 *   found out: has() of an undeclared field, a rule that is too costly for a real server (lists without `maxItems`),
 *   functions that only this CEL has (bytes.json, …). Regular expressions are JavaScript's, which know more than RE2.
 * - Foreground deletion (treated as background), finalizers of custom resources when their definition is deleted (not waited
 *   for), graceful deletion of pods, ratcheting of old invalid values.
 * - Server-side apply and strategic merge keep the order of existing list items and put new ones last.
 */
export async function startDevCluster(options: DevClusterOptions): Promise<DevCluster> {
  const { clock } = options;
  const newUid = options.newUid ?? randomUUID;
  const store = new Store();
  const types = new ResourceTypes(builtinTypes());
  const objects = new Objects(store);
  const watches = new Watches(store, objects, clock);
  serveCustomResources(store, types, watches);
  const deletions = new Deletions(objects, types, clock);
  const writes = new Writes({ objects, types, deletions, clock, newUid });
  const handlers = new Handlers({ store, objects, types, writes, deletions, watches, clock });
  createNamespaces(types, writes);
  const server = await listen(apiListener(metaRoutes(types), handlers, options.log), {
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
  });
  const close = () => server.close(0);
  return {
    url: server.url,
    kubeconfig: () => kubeconfigFor(server.url),
    close,
    [Symbol.asyncDispose]: close,
    compact: () => store.compact(),
    dropWatches: () => watches.drop(),
    freezeWatches: () => watches.freeze(),
    watchCount: () => watches.count,
  };
}

/** Types come and go with their definitions, before anybody else hears of the change. */
function serveCustomResources(store: Store, types: ResourceTypes, watches: Watches): void {
  store.subscribe('customresourcedefinitions.apiextensions.k8s.io', ({ key, object }) => {
    const collection = key.slice(1);
    if (object === undefined) {
      types.remove(collection);
      watches.endCollection(collection);
      return;
    }
    const compilation = compileCustomResource(object);
    if (compilation.kind === 'compiled') types.put(compilation.type);
  });
}

function createNamespaces(types: ResourceTypes, writes: Writes): void {
  const type = types.find('', 'v1', 'namespaces');
  if (type === undefined) return;
  for (const name of ['default', 'kube-system']) {
    writes.create(
      {
        type,
        namespace: undefined,
        subresource: '',
        fieldManager: 'dev-cluster',
        fieldValidation: 'Strict',
        dryRun: false,
        warnings: [],
      },
      { value: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }, duplicates: [] },
    );
  }
}

function kubeconfigFor(server: string): string {
  const name = 'safekeeper-demo';
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server } }],
    users: [{ name, user: {} }],
    contexts: [{ name, context: { cluster: name, user: name, namespace: 'default' } }],
    'current-context': name,
  });
}
