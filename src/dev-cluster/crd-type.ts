import { compileCustomResource, collectionOf } from './custom-resource.ts';
import { fieldOf, isFields, type KubeObject, listOf, textOf } from './object.ts';
import type { ResourceType } from './resource-type.ts';
import { boolean, listOfMaps, object, objectSchema, openObject, string, time } from './schema/builder.ts';
import type { Schema } from './schema/structural.ts';
import { column, NAME_COLUMN } from './table.ts';

const texts: Schema = { type: 'array', items: { type: 'string' }, 'x-kubernetes-list-type': 'atomic' };

const names: Schema = {
  ...object('How the resource is called.', {
    plural: string('Plural name: the path of the API.'),
    singular: string('Singular name.'),
    kind: string('Kind of the objects.'),
    listKind: string('Kind of lists of the objects.'),
    shortNames: { ...texts, description: 'Short names for command lines.' },
    categories: { ...texts, description: 'Groups such as all.' },
  }),
  required: ['plural', 'kind'],
};

const version: Schema = {
  ...openObject('One version.'),
  required: ['name', 'served', 'storage'],
  properties: {
    name: string('Name of the version.'),
    served: boolean('Whether the API offers the version.'),
    storage: boolean('Whether objects are stored in the version.'),
    schema: openObject('The structural schema under openAPIV3Schema.'),
    subresources: openObject('Subresources such as status.'),
  },
};

const schema: Schema = object('CustomResourceDefinition defines a kind of objects.', {
  spec: {
    ...object('The definition.', {
      group: string('The API group.'),
      scope: { ...string('Namespaced or Cluster.'), enum: ['Namespaced', 'Cluster'] },
      names,
      versions: {
        type: 'array',
        description: 'All versions.',
        items: version,
        minItems: 1,
        'x-kubernetes-list-type': 'atomic',
      },
      conversion: openObject('Conversion between versions: only strategy None.'),
      preserveUnknownFields: { ...boolean('Must be false.'), enum: [false] },
    }),
    required: ['group', 'names', 'scope', 'versions'],
  },
  status: object('What the server made of it.', {
    conditions: listOfMaps('Conditions.', ['type'], {
      ...object('One condition.', {
        type: string('Type of the condition.'),
        status: string('True, False or Unknown.'),
        reason: string('A short reason.'),
        message: string('For people.'),
        lastTransitionTime: time('When the status changed.'),
      }),
    }),
    acceptedNames: { ...names, required: [] },
    storedVersions: { ...texts, description: 'Versions of stored objects.' },
  }),
});

/** `customresourcedefinitions.apiextensions.k8s.io`. A definition that this server cannot honour in full is refused. */
export function customResourceDefinitionType(): ResourceType {
  return {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    singular: 'customresourcedefinition',
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    namespaced: false,
    description: schema.description ?? '',
    definition: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition',
    schema: objectSchema({ ...schema, required: ['spec'] }),
    rules: undefined,
    hasStatus: true,
    countsGenerations: true,
    allowsUnconditionalUpdate: false,
    columns: [NAME_COLUMN, column('Created At', 'Creation time.', (item) => item.metadata.creationTimestamp)],
    selectableFields: [],
    collection: 'customresourcedefinitions.apiextensions.k8s.io',
    view: undefined,
    admit: withStatus,
    check: (item, previous) => {
      const compilation = compileCustomResource(item);
      const causes = compilation.kind === 'refused' ? [...compilation.causes] : [];
      if (previous !== undefined && textOf(item.spec, 'scope') !== textOf(previous.spec, 'scope')) {
        causes.push({ reason: 'FieldValueInvalid', field: 'spec.scope', message: 'Invalid value: field is immutable' });
      }
      if (item.metadata.name !== collectionOf(item)) {
        const message = `Invalid value: "${item.metadata.name}": must be spec.names.plural+"."+spec.group`;
        causes.push({ reason: 'FieldValueInvalid', field: 'metadata.name', message });
      }
      return causes;
    },
  };
}

function withStatus(item: KubeObject, previous: KubeObject | undefined): KubeObject {
  const spec = isFields(item.spec) ? item.spec : {};
  const given = isFields(spec.names) ? spec.names : {};
  const kind = textOf(given, 'kind');
  const acceptedNames = { singular: kind.toLowerCase(), listKind: `${kind}List`, ...given };
  const since = previous?.metadata.creationTimestamp ?? item.metadata.creationTimestamp;
  const condition = (type: string, reason: string, message: string) => {
    return { type, status: 'True', lastTransitionTime: since, reason, message };
  };
  return {
    ...item,
    spec: { conversion: { strategy: 'None' }, ...spec, names: acceptedNames },
    status: {
      conditions: [
        condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
        condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
      ],
      acceptedNames,
      storedVersions: listOf(spec, 'versions')
        .filter((entry) => fieldOf(entry, 'storage') === true)
        .map((entry) => textOf(entry, 'name')),
    },
  };
}
