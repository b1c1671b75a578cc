import type { ClusterSpec, SafekeeperAddress } from '../../api/cluster-spec.ts';
import type { ResourceProblem } from '../../domain/conditions.ts';
import type { SafekeeperId } from '../../domain/ids.ts';
import type { LostReplica } from '../../domain/storm-brake.ts';
import type { ObjectKey } from '../../kube/object.ts';
import { StorageControllerClient } from '../../safekeeper/storage-controller.ts';
import { Admission } from './admission.ts';
import type { ClusterConnection } from './cluster-connection.ts';
import type { CredentialProblem } from './credentials.ts';
import type { PodSearch } from './discover.ts';
import { EMPTY_INVENTORY, type Inventory } from './inventory.ts';
import { Ownership } from './ownership.ts';
import type { Discovery } from './pod-directory.ts';
import { Pruner, type PrunerOptions } from './prune.ts';
import { absentSafekeeper, connectSafekeeper, type SafekeeperHandle } from './safekeeper-handle.ts';
import { Sweep, type SweepOptions } from './sweep.ts';
import { TimelineNames } from './timeline-names.ts';

export interface ClusterRuntimeOptions extends PrunerOptions, SweepOptions {
  /** Told of a timeline for which it is worth asking for a slot again. */
  readonly onSlotFree: (timeline: ObjectKey) => void;
}

/** What the operator holds of one SafekeeperCluster between visits: shared by the cluster's and the timelines' controllers. */
export class ClusterRuntime {
  readonly key: ObjectKey;
  /** Of the object that this is about. */
  readonly uid: string | undefined;
  readonly connection: ClusterConnection;
  readonly admission: Admission;
  readonly pruner: Pruner;
  readonly names = new TimelineNames();
  readonly sweep: Sweep;
  spec: ClusterSpec;
  /** The `metadata.generation` that the timelines were last told of. */
  generation: number | undefined;
  safekeepers: ReadonlyMap<SafekeeperId, SafekeeperHandle>;
  /** How they are found, and what the last look showed; undefined when the spec lists them. */
  podSearch: PodSearch | undefined;
  discovery: Discovery | undefined;
  inventory: Inventory = EMPTY_INVENTORY;
  /** What the storage controller says (rule R17); undefined without one in the spec. */
  ownership: Ownership | undefined;
  /** Timelines that it names and no safekeeper lists, each since when (monotonic ms). */
  unlistedSince: ReadonlyMap<string, number> = new Map();
  /** Why no recovery may start (rule R20), if so. */
  brake: string | undefined;
  /** Replicas that went missing from a list and have not come back: what the brake counts. */
  lost: readonly LostReplica[] = [];
  /** Why the whole cluster is paused, if it is. */
  paused: string | undefined;
  /** Why the credentials in use may be old ones, if so. */
  credentialProblem: CredentialProblem | undefined;

  private readonly options: ClusterRuntimeOptions;

  constructor(
    { key, uid, connection }: Pick<ClusterRuntime, 'key' | 'uid' | 'connection'>,
    spec: ClusterSpec,
    options: ClusterRuntimeOptions,
  ) {
    this.options = options;
    this.key = key;
    this.uid = uid;
    this.spec = spec;
    this.connection = connection;
    this.admission = new Admission(spec.recovery, options.onSlotFree, options.clock);
    this.pruner = new Pruner(options);
    this.sweep = new Sweep(options);
    this.safekeepers = this.connectTo(spec.source.kind === 'static' ? spec.source.safekeepers : [], new Map());
    this.ownership = this.askOwnership(spec);
  }

  /** Every safekeeper of the cluster; undefined while it is not known who all of them are. */
  get memberIds(): SafekeeperId[] | undefined {
    return this.discovery?.isComplete === false ? undefined : [...this.safekeepers.keys()];
  }

  /** Takes a changed spec over; what did not change keeps its handle. Those found by pods stay until the next look. */
  update(spec: ClusterSpec): void {
    if (spec.source.kind === 'static') {
      this.safekeepers = this.connectTo(spec.source.safekeepers, this.safekeepers);
      this.podSearch = undefined;
      this.discovery = undefined;
    }
    this.admission.setLimits(spec.recovery);
    if (spec.storageController?.url !== this.spec.storageController?.url) this.ownership = this.askOwnership(spec);
    this.spec = spec;
  }

  private askOwnership({ storageController }: ClusterSpec): Ownership | undefined {
    if (storageController === undefined) return undefined;
    const { clock, log } = this.options;
    const http = this.connection.storageController;
    const client = new StorageControllerClient({ http, url: storageController.url });
    return new Ownership({ cluster: this.key, client, names: this.names, clock, log });
  }

  /** Takes over what the pods show. */
  found(discovery: Discovery): void {
    const there = discovery.safekeepers.filter(({ isGone }) => !isGone);
    const connected = this.connectTo(
      there.map(({ id, url }) => ({ id, url, peerUrl: url })),
      this.safekeepers,
    );
    const absent = (id: SafekeeperId, url: string) => {
      const known = this.safekeepers.get(id);
      return known?.isAbsent === true ? known : absentSafekeeper(id, url, this.options.clock);
    };
    this.safekeepers = new Map(
      discovery.safekeepers.map(({ id, url }) => [id, connected.get(id) ?? absent(id, url)] as const),
    );
    this.discovery = discovery;
  }

  private connectTo(
    addresses: readonly SafekeeperAddress[],
    before: ReadonlyMap<SafekeeperId, SafekeeperHandle>,
  ): Map<SafekeeperId, SafekeeperHandle> {
    return new Map(
      addresses.map(({ id, url, peerUrl }) => {
        const known = before.get(id);
        if (known?.isAbsent === false && known.url === url && known.peerUrl === peerUrl) return [id, known];
        return [id, connectSafekeeper({ id, url, peerUrl }, this.connection.safekeepers, this.options.clock)];
      }),
    );
  }
}

export type ClusterEntry =
  | { readonly kind: 'Usable'; readonly cluster: ClusterRuntime }
  | { readonly kind: 'Unusable'; readonly reason: ResourceProblem; readonly message: string };

/** The clusters that were visited. Filled by the cluster controller, read by the timeline controller. */
export class ClusterRegistry implements AsyncDisposable {
  private readonly entries = new Map<ObjectKey, ClusterEntry>();

  get(key: ObjectKey): ClusterEntry | undefined {
    return this.entries.get(key);
  }

  /** Closes the connections of a cluster that this takes the place of. */
  set(key: ObjectKey, entry: ClusterEntry): void {
    const before = this.entries.get(key);
    if (before?.kind === 'Usable' && !(entry.kind === 'Usable' && entry.cluster === before.cluster)) {
      before.cluster.connection.close();
    }
    this.entries.set(key, entry);
  }

  /** Closes its connections. */
  delete(key: ObjectKey): void {
    const entry = this.entries.get(key);
    if (entry?.kind === 'Usable') entry.cluster.connection.close();
    this.entries.delete(key);
  }

  /** Ends whatever is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    const entries = [...this.entries.values()];
    this.entries.clear();
    await Promise.all(
      entries.map(async (entry) => {
        if (entry.kind === 'Usable') await entry.cluster.connection[Symbol.asyncDispose]();
      }),
    );
  }
}
