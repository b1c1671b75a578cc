import { OBJECT_META } from '../metadata.ts';
import type { Schema } from './structural.ts';

/** Completes a kind's own schema with apiVersion, kind and metadata, which every object has. */
export function objectSchema(schema: Schema): Schema {
  const { default: _ignored, ...rest } = schema;
  return {
    ...rest,
    type: 'object',
    properties: {
      ...schema.properties,
      apiVersion: { type: 'string', description: 'The versioned schema of this representation of an object.' },
      kind: { type: 'string', description: 'The REST resource that this object represents.' },
      metadata: OBJECT_META,
    },
  };
}

export function object(description: string, properties: Readonly<Record<string, Schema>>): Schema {
  return { type: 'object', description, properties };
}

/** An object whose fields this server keeps without knowing them. */
export function openObject(description: string): Schema {
  return { type: 'object', description, 'x-kubernetes-preserve-unknown-fields': true };
}

export function string(description: string): Schema {
  return { type: 'string', description };
}

export function integer(description: string): Schema {
  return { type: 'integer', description };
}

export function boolean(description: string): Schema {
  return { type: 'boolean', description };
}

export function time(description: string): Schema {
  return { type: 'string', format: 'date-time', nullable: true, description };
}

export function stringMap(description: string): Schema {
  return { type: 'object', description, additionalProperties: { type: 'string' } };
}

export function listOfMaps(description: string, keys: readonly string[], items: Schema): Schema {
  return { type: 'array', description, items, 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys };
}

export function atomicList(description: string, items: Schema): Schema {
  return { type: 'array', description, items, 'x-kubernetes-list-type': 'atomic' };
}
