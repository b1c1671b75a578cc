import { type Clock, formatTimestamp } from '../base/clock.ts';
import type { KubeObject, OwnerReference } from './object.ts';
import type { Objects } from './objects.ts';
import type { ResourceType, ResourceTypes } from './resource-type.ts';
import { conflict, forbidden } from './status-error.ts';

export interface DeleteOptions {
  /** Empty: whatever the object's uid or version is. */
  readonly uid: string;
  readonly resourceVersion: string;
  /** `Orphan` keeps the dependents; `Foreground` is treated as `Background`. */
  readonly propagation: 'Orphan' | 'Background';
  readonly dryRun: boolean;
}

export type Deletion =
  | { readonly kind: 'removed'; readonly object: KubeObject }
  /** Finalizers, or the content of a namespace, hold it. */
  | { readonly kind: 'terminating'; readonly object: KubeObject };

const PLAIN: DeleteOptions = { uid: '', resourceVersion: '', propagation: 'Background', dryRun: false };
const PERMANENT_NAMESPACES: readonly string[] = ['default', 'kube-system'];

/** Removes objects, and with them what depends on them: a namespace's content, a definition's objects, owned objects. */
export class Deletions {
  private readonly objects: Objects;
  private readonly types: ResourceTypes;
  private readonly clock: Clock;

  constructor(objects: Objects, types: ResourceTypes, clock: Clock) {
    this.objects = objects;
    this.types = types;
    this.clock = clock;
  }

  delete(type: ResourceType, object: KubeObject, options: DeleteOptions): Deletion {
    requirePreconditions(type, object, options);
    const isNamespace = type.collection === 'namespaces';
    if (isNamespace && PERMANENT_NAMESPACES.includes(object.metadata.name)) {
      throw forbidden(type, object.metadata.name, 'this namespace may not be deleted');
    }
    if (options.dryRun) return { kind: 'removed', object };
    if (isNamespace) return { kind: 'terminating', object: this.deleteNamespace(type, object) };
    if ((object.metadata.finalizers ?? []).length > 0) {
      return { kind: 'terminating', object: this.markDeleted(type, object) };
    }
    return { kind: 'removed', object: this.finish(type, object, options.propagation) };
  }

  /** Goes on with a deletion after a write that may have taken the last finalizer. Returns the object's last state. */
  resume(type: ResourceType, object: KubeObject): KubeObject {
    const { deletionTimestamp, finalizers } = object.metadata;
    if (deletionTimestamp === undefined || (finalizers ?? []).length > 0) return object;
    if (type.collection !== 'namespaces') return this.finish(type, object);
    this.finishNamespace(object.metadata.name);
    return object;
  }

  /** Takes away an object that nothing holds any more. */
  private finish(
    type: ResourceType,
    object: KubeObject,
    propagation: DeleteOptions['propagation'] = 'Background',
  ): KubeObject {
    if (type.kind === 'CustomResourceDefinition') this.deleteCustomResources(object.metadata.name);
    const last = this.objects.remove(type, object);
    this.releaseDependents(object.metadata.uid, propagation);
    this.finishNamespace(object.metadata.namespace);
    return last;
  }

  /** Its content goes first; what finalizers hold of it keeps the namespace, too. */
  private deleteNamespace(type: ResourceType, namespace: KubeObject): KubeObject {
    const marked = this.markDeleted(type, namespace);
    this.deleteContent(marked.metadata.name);
    this.finishNamespace(marked.metadata.name);
    return marked;
  }

  private markDeleted(type: ResourceType, object: KubeObject): KubeObject {
    if (object.metadata.deletionTimestamp !== undefined) return object;
    const { generation } = object.metadata;
    const metadata = {
      ...object.metadata,
      deletionTimestamp: formatTimestamp(this.clock.wallTimeMs()),
      deletionGracePeriodSeconds: 0,
      ...(generation === undefined ? {} : { generation: generation + 1 }),
    };
    const marked = { ...object, metadata };
    return this.objects.put(
      type,
      type.collection === 'namespaces' ? { ...marked, status: { phase: 'Terminating' } } : marked,
    );
  }

  /** As a real server's finalizer does, but at once, and without waiting for finalizers of the objects. */
  private deleteCustomResources(collection: string): void {
    const type = this.types.ofCollection(collection);
    if (type === undefined) return;
    for (const object of this.objects.list(type, undefined)) this.objects.remove(type, object);
  }

  private deleteContent(namespace: string): void {
    for (const type of this.namespacedTypes()) {
      for (const object of this.objects.list(type, namespace)) this.deleteIfThere(type, object);
    }
  }

  private hasContent(namespace: string): boolean {
    const inside = (object: KubeObject) => object.metadata.namespace === namespace;
    return this.namespacedTypes().some((type) => this.objects.some(type, inside));
  }

  private namespacedTypes(): ResourceType[] {
    return this.storedTypes().filter((type) => type.namespaced);
  }

  /** One type for every collection. */
  private storedTypes(): ResourceType[] {
    return this.types.all().filter((type) => type.view === undefined);
  }

  private finishNamespace(namespace: string | undefined): void {
    const type = this.types.ofCollection('namespaces');
    if (type === undefined || namespace === undefined) return;
    const found = this.objects.find(type, undefined, namespace);
    if (found?.metadata.deletionTimestamp === undefined || this.hasContent(namespace)) return;
    if ((found.metadata.finalizers ?? []).length === 0) this.finish(type, found);
  }

  /** The garbage collector: an object all of whose owners are gone goes too, unless it is orphaned on purpose. */
  private releaseDependents(uid: string, propagation: DeleteOptions['propagation']): void {
    for (const type of this.storedTypes()) {
      const isOwned = (object: KubeObject) => ownersOf(object).some((owner) => owner.uid === uid);
      if (!this.objects.some(type, isOwned)) continue;
      for (const object of this.objects.list(type, undefined).filter(isOwned)) {
        const others = ownersOf(object).filter((owner) => owner.uid !== uid);
        if (others.length === 0 && propagation === 'Background') this.deleteIfThere(type, object);
        else this.objects.put(type, withOwners(object, others));
      }
    }
  }

  /** Deleting one object may already have taken others with it. */
  private deleteIfThere(type: ResourceType, object: KubeObject): void {
    const { namespace, name } = object.metadata;
    const found = this.objects.find(type, namespace, name);
    if (found !== undefined) this.delete(type, found, PLAIN);
  }
}

function ownersOf(object: KubeObject): readonly OwnerReference[] {
  return object.metadata.ownerReferences ?? [];
}

function withOwners(object: KubeObject, ownerReferences: OwnerReference[]): KubeObject {
  const { ownerReferences: _released, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...(ownerReferences.length === 0 ? {} : { ownerReferences }) } };
}

function requirePreconditions(type: ResourceType, object: KubeObject, options: DeleteOptions): void {
  const { name, uid, resourceVersion } = object.metadata;
  if (options.uid !== '' && options.uid !== uid) {
    throw conflict(type, name, `Precondition failed: UID in precondition: ${options.uid}, UID in object meta: ${uid}`);
  }
  if (options.resourceVersion !== '' && options.resourceVersion !== resourceVersion) {
    const versions = `${options.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`;
    throw conflict(type, name, `Precondition failed: ResourceVersion in precondition: ${versions}`);
  }
}
