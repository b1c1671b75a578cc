import { assertNever } from '../base/assert.ts';
import type { Fields, KubeObject } from './object.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';
import type { Representation } from './negotiation.ts';
import { partialMetadata, tableOf } from './table.ts';

/** A JSON answer. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly contentType?: string;
  readonly warnings?: readonly string[];
}

export function renderObject(
  type: ResourceType,
  object: KubeObject,
  representation: Representation,
  nowMs: number,
): Fields {
  switch (representation.kind) {
    case 'object':
      return object;
    case 'metadata':
      return partialMetadata(object);
    case 'table': {
      const { resourceVersion } = object.metadata;
      return tableOf(type.columns, [object], { resourceVersion }, representation.include, nowMs);
    }
    default:
      return assertNever(representation);
  }
}

export function renderList(
  type: ResourceType,
  objects: readonly KubeObject[],
  metadata: Fields,
  representation: Representation,
  nowMs: number,
): Fields {
  switch (representation.kind) {
    case 'object':
      return { kind: `${type.kind}List`, apiVersion: apiVersionOf(type), metadata, items: objects };
    case 'metadata': {
      const items = objects.map(partialMetadata);
      return { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items };
    }
    case 'table':
      return tableOf(type.columns, objects, metadata, representation.include, nowMs);
    default:
      return assertNever(representation);
  }
}
