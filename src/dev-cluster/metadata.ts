import { childPath, type Fields, isFields } from './object.ts';
import { invalidValue } from './schema/validate.ts';
import type { Schema } from './schema/structural.ts';
import type { Cause } from './status-error.ts';

const text = (description: string): Schema => ({ type: 'string', description });
const time = (description: string): Schema => ({ type: 'string', format: 'date-time', description });
const texts = (description: string): Schema => ({
  type: 'object',
  additionalProperties: { type: 'string' },
  description,
});

/** The schema of every object's `metadata`. */
export const OBJECT_META: Schema = {
  type: 'object',
  description: 'Standard metadata that every persisted object has.',
  properties: {
    name: text('Unique within a namespace and a type. Cannot be changed.'),
    generateName: text('A prefix from which the server makes a unique name when name is empty.'),
    namespace: text('The space within which the name must be unique. Cannot be changed.'),
    uid: text('Unique in time and space; set by the server.'),
    resourceVersion: text('An opaque version of the object, for optimistic concurrency and watches.'),
    generation: { type: 'integer', format: 'int64', description: 'Counts the changes of the desired state.' },
    creationTimestamp: { ...time('When the object was created; set by the server.'), nullable: true },
    deletionTimestamp: {
      ...time('When deletion was asked for; the object goes when its finalizers are gone.'),
      nullable: true,
    },
    deletionGracePeriodSeconds: { type: 'integer', format: 'int64', description: 'Seconds given to end gracefully.' },
    selfLink: text('Unused.'),
    labels: texts('Keys and values by which objects are selected.'),
    annotations: texts('Keys and values that are not used for selection.'),
    finalizers: {
      type: 'array',
      description: 'Must be empty before the object is removed.',
      items: { type: 'string' },
      'x-kubernetes-list-type': 'set',
    },
    ownerReferences: {
      type: 'array',
      description: 'Objects this one depends on: when all of them are gone, it is removed.',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['uid'],
      items: {
        type: 'object',
        required: ['apiVersion', 'kind', 'name', 'uid'],
        properties: {
          apiVersion: text('API version of the owner.'),
          kind: text('Kind of the owner.'),
          name: text('Name of the owner.'),
          uid: text('UID of the owner.'),
          controller: { type: 'boolean', description: 'Whether the owner is the managing controller.' },
          blockOwnerDeletion: { type: 'boolean', description: 'Whether foreground deletion of the owner waits.' },
        },
      },
    },
    managedFields: {
      type: 'array',
      description: 'Which manager set which fields; kept by the server for server-side apply.',
      'x-kubernetes-list-type': 'atomic',
      items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    },
  },
};

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_PART = /^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;

/** Names, labels and annotations by the rules of Kubernetes. */
export function metadataErrors(metadata: Fields): Cause[] {
  const causes: Cause[] = [];
  const { name } = metadata;
  if (typeof name === 'string' && (name.length > 253 || !SUBDOMAIN.test(name))) {
    const rule =
      "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
    causes.push(invalidValue('metadata.name', name, rule));
  }
  for (const field of ['labels', 'annotations']) {
    for (const [key, value] of Object.entries(isFields(metadata[field]) ? metadata[field] : {})) {
      const path = childPath('metadata', field);
      if (!isQualifiedName(key)) causes.push(invalidValue(path, key, 'name part must be a qualified name'));
      if (field === 'labels' && value !== '' && !LABEL_PART.test(String(value))) {
        causes.push(
          invalidValue(
            path,
            value,
            "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.'",
          ),
        );
      }
    }
  }
  return causes;
}

function isQualifiedName(key: string): boolean {
  const parts = key.split('/');
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? (parts[0] ?? '') : undefined;
  return parts.length <= 2 && LABEL_PART.test(name) && (prefix === undefined || SUBDOMAIN.test(prefix.toLowerCase()));
}
