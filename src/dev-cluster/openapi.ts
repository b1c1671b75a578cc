import { createHash } from 'node:crypto';
import { OBJECT_META } from './metadata.ts';
import type { Fields } from './object.ts';
import { apiVersionOf, type ResourceType, type ResourceTypes } from './resource-type.ts';

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const LIST_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';
const WRITE_PARAMETERS = ['dryRun', 'fieldManager', 'fieldValidation'];

/** `/openapi/v3`: where the document of each group version is. The hash lets clients cache it. */
export function openApiIndex(types: ResourceTypes): Fields {
  const paths = types.groupVersions().map(({ group, version }) => {
    const path = group === '' ? `api/${version}` : `apis/${group}/${version}`;
    const document = JSON.stringify(openApiDocument(types, group, version));
    const hash = createHash('sha256').update(document).digest('hex').slice(0, 32).toUpperCase();
    return [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` }] as const;
  });
  return { paths: Object.fromEntries(paths) };
}

/** `/openapi/v3/apis/<group>/<version>`: as much as kubectl needs to explain kinds and to ask for field validation. */
export function openApiDocument(types: ResourceTypes, group: string, version: string): Fields | undefined {
  const served = types.all().filter((type) => type.group === group && type.version === version);
  if (served.length === 0) return undefined;
  const schemas = served.flatMap((type) => [
    [type.definition, objectDefinition(type)] as const,
    [`${type.definition}List`, listDefinition(type)] as const,
  ]);
  return {
    openapi: '3.0.0',
    info: { title: 'Kubernetes', version: 'v1.32.0' },
    paths: Object.fromEntries(served.flatMap(pathsOf)),
    components: {
      schemas: { ...Object.fromEntries(schemas), [META]: OBJECT_META, [LIST_META]: { type: 'object', properties: {} } },
    },
  };
}

function gvk(type: ResourceType, kind = type.kind): Fields {
  return { group: type.group, version: type.version, kind };
}

function reference(name: string): Fields {
  return { $ref: `#/components/schemas/${name}` };
}

function objectDefinition(type: ResourceType): Fields {
  const { properties } = type.schema;
  const metadata = { description: 'Standard metadata of the object.', allOf: [reference(META)] };
  return {
    ...type.schema,
    description: type.description,
    properties: { ...properties, metadata },
    'x-kubernetes-group-version-kind': [gvk(type)],
  };
}

function listDefinition(type: ResourceType): Fields {
  return {
    type: 'object',
    description: `${type.kind}List is a list of ${type.kind}.`,
    required: ['items'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { allOf: [reference(LIST_META)] },
      items: { type: 'array', items: { allOf: [reference(type.definition)] } },
    },
    'x-kubernetes-group-version-kind': [gvk(type, `${type.kind}List`)],
  };
}

function pathsOf(type: ResourceType): (readonly [string, Fields])[] {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${apiVersionOf(type)}`;
  const collection = `${root}${type.namespaced ? '/namespaces/{namespace}' : ''}/${type.plural}`;
  const one = {
    get: operation(type, 'get', []),
    put: operation(type, 'put', WRITE_PARAMETERS),
    patch: operation(type, 'patch', [...WRITE_PARAMETERS, 'force']),
    delete: operation(type, 'delete', ['dryRun']),
  };
  const many = {
    get: operation(type, 'list', ['labelSelector', 'fieldSelector', 'limit', 'continue', 'watch']),
    post: operation(type, 'post', WRITE_PARAMETERS),
    delete: operation(type, 'deletecollection', ['labelSelector', 'fieldSelector']),
  };
  return [
    [collection, many],
    [`${collection}/{name}`, one],
    ...(type.hasStatus
      ? [[`${collection}/{name}/status`, { get: one.get, put: one.put, patch: one.patch }] as const]
      : []),
  ];
}

function operation(type: ResourceType, action: string, parameters: readonly string[]): Fields {
  return {
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': gvk(type),
    parameters: parameters.map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } })),
    responses: { 200: { description: 'OK' } },
  };
}
