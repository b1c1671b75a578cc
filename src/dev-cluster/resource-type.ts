import type { Fields, KubeObject } from './object.ts';
import type { CompiledRules } from './schema/cel.ts';
import type { Schema } from './schema/structural.ts';
import type { Cause } from './status-error.ts';
import type { Column } from './table.ts';

/** A kind of object that the API serves, in one group and version. Built-in kinds and custom resources look the same. */
export interface ResourceType {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly description: string;
  /** Name of the schema in the OpenAPI document. */
  readonly definition: string;
  /** Of the whole object, metadata included. */
  readonly schema: Schema;
  readonly rules: CompiledRules | undefined;
  readonly hasStatus: boolean;
  /** Changes outside of metadata and status increase metadata.generation. */
  readonly countsGenerations: boolean;
  /** A PUT may come without a resourceVersion and then overwrites whatever is there. */
  readonly allowsUnconditionalUpdate: boolean;
  readonly columns: readonly Column[];
  /** Paths that a field selector may name, besides metadata.name and metadata.namespace. */
  readonly selectableFields: readonly string[];
  /** Where the objects are kept; two views of the same objects name the same collection. */
  readonly collection: string;
  /** Between the stored form and this type's form, when they differ. */
  readonly view: ObjectView | undefined;
  /** What this kind alone does to an object before it is validated and stored. */
  admit?(object: KubeObject, previous: KubeObject | undefined): KubeObject;
  /** What this kind alone refuses. */
  check?(object: KubeObject, previous: KubeObject | undefined): Cause[];
}

export interface ObjectView {
  toStored(object: Fields): Fields;
  fromStored(object: KubeObject): KubeObject;
}

export const VERBS: readonly string[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];
export const STATUS_VERBS: readonly string[] = ['get', 'patch', 'update'];

export function apiVersionOf(type: { readonly group: string; readonly version: string }): string {
  return type.group === '' ? type.version : `${type.group}/${type.version}`;
}

/** The types that are served at the moment: CustomResourceDefinitions come and go. */
export class ResourceTypes {
  private readonly types: ResourceType[];

  constructor(builtins: readonly ResourceType[]) {
    this.types = [...builtins];
  }

  all(): readonly ResourceType[] {
    return this.types;
  }

  find(group: string, version: string, plural: string): ResourceType | undefined {
    return this.types.find((type) => type.group === group && type.version === version && type.plural === plural);
  }

  ofCollection(collection: string): ResourceType | undefined {
    return this.types.find((type) => type.collection === collection);
  }

  /** Adds the type or replaces the one of the same collection. */
  put(type: ResourceType): void {
    this.remove(type.collection);
    this.types.push(type);
  }

  remove(collection: string): void {
    const index = this.types.findIndex((type) => type.collection === collection);
    if (index >= 0) this.types.splice(index, 1);
  }

  /** Group and version pairs in the order of first appearance, the core group first. */
  groupVersions(): readonly { readonly group: string; readonly version: string }[] {
    const seen = new Map<string, { group: string; version: string }>();
    for (const { group, version } of this.types) seen.set(apiVersionOf({ group, version }), { group, version });
    return [...seen.values()];
  }
}
