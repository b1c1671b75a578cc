import type { Schema } from '../../src/dev-cluster/schema/structural.ts';

/** One node of a schema: where it is, and whether an object may lack it. */
export interface SchemaNode {
  /** `spec.safekeepers[].url` */
  readonly path: string;
  readonly schema: Schema;
  readonly isRequired: boolean;
  /** False for the items of lists and the values of maps. */
  readonly isProperty: boolean;
}

/** Every node below and including `schema`. */
export function schemaNodes(schema: Schema, path = '', isRequired = true, isProperty = false): SchemaNode[] {
  const nodes: SchemaNode[] = [{ path, schema, isRequired, isProperty }];
  for (const [field, child] of Object.entries(schema.properties ?? {})) {
    const required = schema.required?.includes(field) === true;
    nodes.push(...schemaNodes(child, path === '' ? field : `${path}.${field}`, required, true));
  }
  if (schema.items !== undefined) nodes.push(...schemaNodes(schema.items, `${path}[]`));
  if (typeof schema.additionalProperties === 'object')
    nodes.push(...schemaNodes(schema.additionalProperties, `${path}{}`));
  return nodes;
}
