import { limits } from '../base/limits.ts';
import type { KubeObject } from './object.ts';
import type { ResourceType } from './resource-type.ts';
import { forbidden, notFound } from './status-error.ts';
import { objectKey, type Store } from './store.ts';

/** The stored objects in the form of the type through which they are asked for. */
export class Objects {
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  find(type: ResourceType, namespace: string | undefined, name: string): KubeObject | undefined {
    const stored = this.store.get(type.collection, objectKey(namespace, name));
    return stored === undefined ? undefined : inViewOf(type, stored);
  }

  get(type: ResourceType, namespace: string | undefined, name: string): KubeObject {
    const found = this.find(type, namespace, name);
    if (found === undefined) throw notFound(type, name);
    return found;
  }

  /** The objects of one namespace, or of all, now or at a former revision. */
  list(type: ResourceType, namespace: string | undefined, revision?: number): KubeObject[] {
    const stored =
      revision === undefined ? this.store.list(type.collection) : this.store.listAt(type.collection, revision);
    return stored
      .filter((object) => namespace === undefined || object.metadata.namespace === namespace)
      .map((object) => inViewOf(type, object));
  }

  /** Whether any stored object fulfils the test, in no order and in the stored form. */
  some(type: ResourceType, test: (object: KubeObject) => boolean): boolean {
    return this.store.some(type.collection, test);
  }

  put(type: ResourceType, object: KubeObject): KubeObject {
    if (
      this.store.count(type.collection) >= limits.devClusterObjectsPerTypeMax &&
      this.find(type, object.metadata.namespace, object.metadata.name) === undefined
    ) {
      throw forbidden(type, object.metadata.name, `this server holds ${limits.devClusterObjectsPerTypeMax} at most`);
    }
    const stored = type.view === undefined ? object : (type.view.toStored(object) as KubeObject);
    return inViewOf(type, this.store.put(type.collection, stored));
  }

  /** Returns the last state. */
  remove(type: ResourceType, object: KubeObject): KubeObject {
    return inViewOf(type, this.store.remove(type.collection, object));
  }
}

export function inViewOf(type: ResourceType, stored: KubeObject): KubeObject {
  return type.view === undefined ? stored : type.view.fromStored(stored);
}
