import { fieldOf, type Fields, type KubeObject, omit, textOf } from './object.ts';
import type { ResourceType } from './resource-type.ts';
import { integer, object, objectSchema, openObject, string, time } from './schema/builder.ts';
import { invalidValue } from './schema/validate.ts';
import type { Schema } from './schema/structural.ts';
import type { Cause } from './status-error.ts';
import { column, formatAge, NAME_COLUMN } from './table.ts';

const reference = (description: string): Schema =>
  object(description, {
    apiVersion: string('API version of the object.'),
    kind: string('Kind of the object.'),
    namespace: string('Namespace of the object.'),
    name: string('Name of the object.'),
    uid: string('UID of the object.'),
    resourceVersion: string('Version of the object.'),
    fieldPath: string('A part of the object.'),
  });

const series: Schema = object('A run of similar events.', {
  count: integer('How many there were.'),
  lastObservedTime: time('When the last one was seen.'),
});

const SHARED: Readonly<Record<string, Schema>> = {
  reason: string('A short CamelCase reason for machines.'),
  type: string('Normal or Warning.'),
  action: string('What was done.'),
  eventTime: time('When the event was first seen.'),
  reportingInstance: string('The instance of the controller.'),
  related: reference('A second object.'),
  series,
};

const CORE_SCHEMA = objectSchema(
  object('Event reports something that happened to an object.', {
    ...SHARED,
    involvedObject: reference('The object that this event is about.'),
    message: string('What happened, for people.'),
    source: openObject('Component and host that report.'),
    firstTimestamp: time('When it was first recorded.'),
    lastTimestamp: time('When it was recorded last.'),
    count: integer('How often it happened.'),
    reportingComponent: string('The controller that reports.'),
  }),
);

const EVENT_SCHEMA = objectSchema(
  object('Event reports something that happened to an object.', {
    ...SHARED,
    regarding: reference('The object that this event is about.'),
    note: string('What happened, for people.'),
    reportingController: string('The controller that reports.'),
    deprecatedSource: openObject('Component and host that report.'),
    deprecatedFirstTimestamp: time('When it was first recorded.'),
    deprecatedLastTimestamp: time('When it was recorded last.'),
    deprecatedCount: integer('How often it happened.'),
  }),
);

/** Names of one field in core/v1, which is the stored form, and in events.k8s.io/v1. */
const RENAMED: readonly (readonly [string, string])[] = [
  ['involvedObject', 'regarding'],
  ['message', 'note'],
  ['reportingComponent', 'reportingController'],
  ['source', 'deprecatedSource'],
  ['firstTimestamp', 'deprecatedFirstTimestamp'],
  ['lastTimestamp', 'deprecatedLastTimestamp'],
  ['count', 'deprecatedCount'],
];

export function coreEventType(): ResourceType {
  return {
    group: '',
    version: 'v1',
    kind: 'Event',
    plural: 'events',
    singular: 'event',
    shortNames: ['ev'],
    categories: [],
    namespaced: true,
    description: 'Event reports something that happened to an object.',
    definition: 'io.k8s.api.core.v1.Event',
    schema: CORE_SCHEMA,
    rules: undefined,
    hasStatus: false,
    countsGenerations: false,
    allowsUnconditionalUpdate: true,
    columns: eventColumns('involvedObject', 'message'),
    selectableFields: [...referenceFields('involvedObject'), 'reason', 'type', 'reportingComponent', 'source'],
    collection: 'events',
    view: undefined,
    check: namespaceErrors('involvedObject'),
  };
}

/** The same events as events.k8s.io/v1 shows them. */
export function eventType(): ResourceType {
  const wrongNamespace = namespaceErrors('regarding');
  return {
    ...coreEventType(),
    group: 'events.k8s.io',
    definition: 'io.k8s.api.events.v1.Event',
    schema: EVENT_SCHEMA,
    columns: eventColumns('regarding', 'note'),
    selectableFields: [...referenceFields('regarding'), 'reason', 'type', 'reportingController'],
    view: {
      toStored: (event) => renamed(event, RENAMED, 'v1'),
      fromStored: (event) =>
        renamed(
          event,
          RENAMED.map(([core, view]) => [view, core] as const),
          'events.k8s.io/v1',
        ) as KubeObject,
    },
    check: (event, previous) => [...wrongNamespace(event), ...(previous === undefined ? missingFields(event) : [])],
  };
}

function renamed(event: Fields, names: readonly (readonly [string, string])[], apiVersion: string): Fields {
  const moved = names.filter(([, from]) => Object.hasOwn(event, from)).map(([to, from]) => [to, event[from]]);
  return {
    ...omit(
      event,
      names.map(([, from]) => from),
    ),
    ...Object.fromEntries(moved),
    apiVersion,
  };
}

function referenceFields(field: string): string[] {
  return ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map(
    (part) => `${field}.${part}`,
  );
}

/**
 * An event without an `eventTime`, as the older API has them, lives beside the object it is about, or in `default` when
 * that has no namespace. A newer one need only name a namespace, unless it lives with the system's.
 */
function namespaceErrors(field: string): (event: KubeObject) => Cause[] {
  return (event) => {
    const namespace = textOf(event[field], 'namespace');
    const own = event.metadata.namespace ?? '';
    const isNewer = textOf(event, 'eventTime') !== '';
    const fits = isNewer
      ? namespace !== '' || own === 'default' || own === 'kube-system'
      : namespace === (own === 'default' && namespace === '' ? '' : own);
    if (fits) return [];
    return [invalidValue(`${field}.namespace`, namespace, 'does not match event.namespace')];
  };
}

function missingFields(event: KubeObject): Cause[] {
  return ['eventTime', 'reportingController', 'reportingInstance', 'action', 'reason', 'type']
    .filter((field) => textOf(event, field) === '')
    .map((field) => ({ reason: 'FieldValueRequired', field, message: 'Required value' }));
}

function eventColumns(about: string, message: string): ResourceType['columns'] {
  const field = (event: KubeObject, core: string, view: string) => fieldOf(event, core) ?? fieldOf(event, view);
  const seen = (event: KubeObject) =>
    fieldOf(event.series, 'lastObservedTime') ??
    field(event, 'lastTimestamp', 'deprecatedLastTimestamp') ??
    event.eventTime ??
    event.metadata.creationTimestamp;
  const first = (event: KubeObject) => field(event, 'firstTimestamp', 'deprecatedFirstTimestamp') ?? seen(event);
  const count = (event: KubeObject) => fieldOf(event.series, 'count') ?? field(event, 'count', 'deprecatedCount') ?? 1;
  const source = (event: KubeObject) =>
    textOf(field(event, 'source', 'deprecatedSource'), 'component') ||
    textOf(event, 'reportingComponent') ||
    textOf(event, 'reportingController');
  const target = (event: KubeObject) => `${textOf(event[about], 'kind').toLowerCase()}/${textOf(event[about], 'name')}`;
  return [
    column('Last Seen', 'When it was seen last.', (event, nowMs) => formatAge(seen(event), nowMs)),
    column('Type', 'Normal or Warning.', (event) => textOf(event, 'type')),
    column('Reason', 'A short reason.', (event) => textOf(event, 'reason')),
    column('Object', 'What it is about.', target),
    column('Subobject', 'A part of the object.', (event) => textOf(event[about], 'fieldPath'), 1),
    column('Source', 'Who reports.', source, 1),
    column('Message', 'What happened.', (event) => textOf(event, message).trim()),
    column('First Seen', 'When it was first seen.', (event, nowMs) => formatAge(first(event), nowMs), 1),
    column('Count', 'How often.', (event) => JSON.stringify(count(event)), 1),
    { ...NAME_COLUMN, priority: 1 },
  ];
}
