/** A column of `kubectl get`; one with a priority above 0 shows with `-o wide` only. */
export interface PrinterColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'date';
  readonly jsonPath: string;
  readonly description: string;
  readonly priority?: number;
}

const readyStatus = '.status.conditions[?(@.type=="Ready")].status';
const readyReason = '.status.conditions[?(@.type=="Ready")].reason';
const ready: PrinterColumn = {
  name: 'Ready',
  type: 'string',
  jsonPath: readyStatus,
  description: 'Whether every replica is present.',
};
const status: PrinterColumn = {
  name: 'Status',
  type: 'string',
  jsonPath: readyReason,
  description: 'Why it is ready or not.',
};
const age: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Time since the object was created.',
};
const message: PrinterColumn = {
  name: 'Message',
  type: 'string',
  jsonPath: '.status.message',
  description: 'The state in one sentence.',
  priority: 1,
};

export const CLUSTER_COLUMNS: readonly PrinterColumn[] = [
  ready,
  status,
  { name: 'Timelines', type: 'integer', jsonPath: '.status.timelines.total', description: 'Timelines known.' },
  {
    name: 'Degraded',
    type: 'integer',
    jsonPath: '.status.timelines.degraded',
    description: 'Timelines that lack a replica.',
  },
  {
    name: 'Recovering',
    type: 'integer',
    jsonPath: '.status.timelines.recovering',
    description: 'Timelines with a restore under way or about to start.',
  },
  {
    name: 'Blocked',
    type: 'integer',
    jsonPath: '.status.timelines.blocked',
    description: 'Timelines that need a person.',
  },
  age,
  message,
];

export const TIMELINE_COLUMNS: readonly PrinterColumn[] = [
  {
    name: 'Redundancy',
    type: 'string',
    jsonPath: '.status.redundancy',
    description: 'Replicas present / members.',
  },
  ready,
  status,
  {
    name: 'Donor',
    type: 'integer',
    jsonPath: '.status.donor',
    description: 'The safekeeper that a lost replica is restored from.',
  },
  age,
  { name: 'Tenant', type: 'string', jsonPath: '.spec.tenantId', description: 'Id of the tenant.', priority: 1 },
  { name: 'Timeline', type: 'string', jsonPath: '.spec.timelineId', description: 'Id of the timeline.', priority: 1 },
  message,
];
