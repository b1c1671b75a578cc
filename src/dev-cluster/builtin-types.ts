import { customResourceDefinitionType } from './crd-type.ts';
import { coreEventType, eventType } from './event-types.ts';
import { fieldOf, type KubeObject, listOf, textOf } from './object.ts';
import type { ResourceType } from './resource-type.ts';
import {
  atomicList,
  boolean,
  integer,
  listOfMaps,
  object,
  objectSchema,
  openObject,
  string,
  stringMap,
  time,
} from './schema/builder.ts';
import type { Schema } from './schema/structural.ts';
import { badRequest } from './status-error.ts';
import { AGE_COLUMN, column, NAME_COLUMN } from './table.ts';

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** The kinds that exist before any CustomResourceDefinition. */
export function builtinTypes(): ResourceType[] {
  return [
    namespaceType(),
    configMapType(),
    secretType(),
    serviceAccountType(),
    podType(),
    coreEventType(),
    eventType(),
    leaseType(),
    customResourceDefinitionType(),
  ];
}

/** A core/v1 kind with the traits that most share; the plural is the collection. */
function coreType(kind: string, schema: Schema, traits: Partial<ResourceType>): ResourceType {
  const singular = kind.toLowerCase();
  return {
    group: '',
    version: 'v1',
    kind,
    plural: `${singular}s`,
    singular,
    shortNames: [],
    categories: [],
    namespaced: true,
    description: schema.description ?? '',
    definition: `io.k8s.api.core.v1.${kind}`,
    schema: objectSchema(schema),
    rules: undefined,
    hasStatus: false,
    countsGenerations: false,
    allowsUnconditionalUpdate: true,
    columns: [NAME_COLUMN, AGE_COLUMN],
    selectableFields: [],
    collection: `${singular}s`,
    view: undefined,
    ...traits,
  };
}

function namespaceType(): ResourceType {
  const schema = object('Namespace provides a scope for names.', {
    spec: openObject('The behaviour of the namespace.'),
    status: openObject('The phase of the namespace.'),
  });
  return coreType('Namespace', schema, {
    shortNames: ['ns'],
    namespaced: false,
    hasStatus: true,
    columns: [
      NAME_COLUMN,
      column('Status', 'The phase of the namespace.', (item) => textOf(item.status, 'phase')),
      AGE_COLUMN,
    ],
    selectableFields: ['status.phase'],
    admit: (item) => {
      const phase = item.metadata.deletionTimestamp === undefined ? 'Active' : 'Terminating';
      const labels = { ...item.metadata.labels, 'kubernetes.io/metadata.name': item.metadata.name };
      return { ...item, metadata: { ...item.metadata, labels }, status: { phase } };
    },
  });
}

function configMapType(): ResourceType {
  const schema = object('ConfigMap holds configuration data.', {
    data: stringMap('The configuration as text.'),
    binaryData: { type: 'object', description: 'Base64.', additionalProperties: { type: 'string', format: 'byte' } },
    immutable: boolean('Refuses changes of the data when true.'),
  });
  return coreType('ConfigMap', schema, {
    shortNames: ['cm'],
    columns: [NAME_COLUMN, column('Data', 'Number of entries.', countOf(['data', 'binaryData'])), AGE_COLUMN],
  });
}

function secretType(): ResourceType {
  const schema = object('Secret holds secret data.', {
    data: {
      type: 'object',
      description: 'The secret values in base64.',
      additionalProperties: { type: 'string' },
    },
    stringData: stringMap('Plain values that the server moves to data; never read back.'),
    type: { ...string('What the secret is for.'), default: 'Opaque' },
    immutable: boolean('Refuses changes of the data when true.'),
  });
  return coreType('Secret', schema, {
    columns: [
      NAME_COLUMN,
      column('Type', 'What the secret is for.', (item) => textOf(item, 'type')),
      column('Data', 'Number of entries.', countOf(['data'])),
      AGE_COLUMN,
    ],
    selectableFields: ['type'],
    admit: ({ stringData, ...item }) => {
      if (Object.values((item.data ?? {}) as Record<string, string>).some((value) => !BASE64.test(value))) {
        throw badRequest('Secret in version "v1" cannot be handled as a Secret: illegal base64 data');
      }
      if (stringData === undefined) return item;
      const plain = Object.entries(stringData as Record<string, string>);
      const encoded = plain.map(([key, value]) => [key, Buffer.from(value, 'utf8').toString('base64')]);
      return { ...item, data: { ...(item.data as object), ...Object.fromEntries(encoded) } };
    },
  });
}

function serviceAccountType(): ResourceType {
  const schema = object('ServiceAccount is an identity for processes in pods.', {
    secrets: listOfMaps('Secrets of this account.', ['name'], openObject('Reference to a secret.')),
    imagePullSecrets: atomicList('Secrets for pulling images.', openObject('Reference to a secret.')),
    automountServiceAccountToken: boolean('Whether pods get a token mounted.'),
  });
  return coreType('ServiceAccount', schema, { shortNames: ['sa'] });
}

function podType(): ResourceType {
  const schema = object('Pod is a group of containers. This server stores pods; nothing runs them.', {
    spec: {
      ...openObject('The desired containers and how to run them.'),
      properties: {
        containers: listOfMaps('The containers.', ['name'], openObject('One container.')),
        nodeName: string('The node that runs the pod.'),
      },
    },
    status: {
      ...openObject('The observed state.'),
      properties: {
        conditions: listOfMaps('Conditions of the pod.', ['type'], openObject('One condition.')),
        podIP: string('The address of the pod.'),
        phase: string('Where the pod is in its life.'),
      },
    },
  });
  const statuses = (item: KubeObject) => listOf(item.status, 'containerStatuses');
  const ready = (item: KubeObject) => statuses(item).filter((entry) => fieldOf(entry, 'ready') === true).length;
  const restarts = (item: KubeObject) =>
    statuses(item).reduce<number>((sum, entry) => sum + Number(fieldOf(entry, 'restartCount') ?? 0), 0);
  return coreType('Pod', schema, {
    shortNames: ['po'],
    categories: ['all'],
    hasStatus: true,
    selectableFields: ['spec.nodeName', 'status.phase', 'status.podIP'],
    columns: [
      NAME_COLUMN,
      column(
        'Ready',
        'Containers that are ready.',
        (item) => `${ready(item)}/${listOf(item.spec, 'containers').length}`,
      ),
      column('Status', 'The phase of the pod.', (item) => textOf(item.status, 'phase') || 'Pending'),
      column('Restarts', 'How often containers were restarted.', (item) => String(restarts(item))),
      AGE_COLUMN,
      column('IP', 'The address of the pod.', (item) => textOf(item.status, 'podIP') || '<none>', 1),
      column('Node', 'The node that runs the pod.', (item) => textOf(item.spec, 'nodeName') || '<none>', 1),
    ],
  });
}

function leaseType(): ResourceType {
  const spec = object('Who holds the lease and for how long.', {
    holderIdentity: string('The holder.'),
    leaseDurationSeconds: { ...integer('Candidates wait for so long after renewTime.'), minimum: 1 },
    acquireTime: time('When the lease was acquired.'),
    renewTime: time('When the holder renewed the lease last.'),
    leaseTransitions: { ...integer('Number of changes of the holder.'), minimum: 0 },
    strategy: string('The strategy of coordinated leader election.'),
    preferredHolder: string('The holder that the lease should go to.'),
  });
  return coreType('Lease', object('Lease is a lock with an expiry.', { spec }), {
    group: 'coordination.k8s.io',
    definition: 'io.k8s.api.coordination.v1.Lease',
    collection: 'leases.coordination.k8s.io',
    columns: [NAME_COLUMN, column('Holder', 'The holder.', (item) => textOf(item.spec, 'holderIdentity')), AGE_COLUMN],
  });
}

function countOf(fields: readonly string[]): (item: KubeObject) => number {
  return (item) =>
    fields.reduce((sum, field) => sum + Object.keys((item[field] as object | undefined) ?? {}).length, 0);
}
