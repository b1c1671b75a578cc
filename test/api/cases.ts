import { clusterObject, TENANT, timelineObject, withoutSpecField } from './objects.ts';

// Every object that must be refused is refused twice: by the API server, and by the parser, for servers whose
// definition is older. Both name the field.

/** An object that must be refused, and by which field. */
export interface Refused {
  readonly what: string;
  readonly object: unknown;
  /** The field that both name; the API server's name where it differs. */
  readonly field: string;
  readonly serverField?: string;
  readonly words?: RegExp;
}

export const safekeeper = (fields: object) => ({ safekeepers: [{ id: 1, url: 'http://sk-1:7676', ...fields }] });
const pods = (fields: object) => ({
  safekeepers: undefined,
  discovery: { pods: { selector: { matchLabels: { app: 'sk' } }, ...fields } },
});
export const discovered = (fields: object) => withoutSpecField(clusterObject({ ...pods(fields) }), 'safekeepers');

export const refusedClusters: readonly Refused[] = [
  { what: 'no spec', object: { ...clusterObject(), spec: undefined }, field: 'spec' },
  {
    what: 'no source',
    object: withoutSpecField(clusterObject(), 'safekeepers'),
    field: 'spec',
    words: /exactly one of safekeepers and discovery/,
  },
  {
    what: 'two sources',
    object: clusterObject({ discovery: { pods: { selector: { matchLabels: { app: 'sk' } } } } }),
    field: 'spec',
    words: /exactly one of/,
  },
  { what: 'an empty list', object: clusterObject({ safekeepers: [] }), field: 'spec.safekeepers' },
  {
    what: 'an id twice',
    object: clusterObject({
      safekeepers: [
        { id: 1, url: 'http://a' },
        { id: 1, url: 'http://b' },
      ],
    }),
    field: 'spec.safekeepers',
    serverField: 'spec.safekeepers[1]',
  },
  {
    what: 'a url twice',
    object: clusterObject({
      safekeepers: [
        { id: 1, url: 'http://a' },
        { id: 2, url: 'http://a' },
      ],
    }),
    field: 'spec.safekeepers',
    words: /same url twice/,
  },
  { what: 'an id in quotes', object: clusterObject(safekeeper({ id: '1' })), field: 'spec.safekeepers[0].id' },
  { what: 'a negative id', object: clusterObject(safekeeper({ id: -1 })), field: 'spec.safekeepers[0].id' },
  { what: 'no id', object: clusterObject({ safekeepers: [{ url: 'http://a' }] }), field: 'spec.safekeepers[0].id' },
  { what: 'no url', object: clusterObject({ safekeepers: [{ id: 1 }] }), field: 'spec.safekeepers[0].url' },
  ...[
    'sk-1:7676',
    'http://sk-1:7676/',
    'http://sk-1/v1',
    'ftp://sk-1',
    'http://user:secret@sk-1',
    'http://',
    'http://a b',
    'http://sk-1:',
  ].map((url) => ({
    what: `the url ${url}`,
    object: clusterObject(safekeeper({ url })),
    field: 'spec.safekeepers[0].url',
  })),
  {
    what: 'a peer url without scheme',
    object: clusterObject(safekeeper({ peerUrl: 'sk-1' })),
    field: 'spec.safekeepers[0].peerUrl',
    words: /must be http:\/\/ or https:\/\//,
  },
  {
    what: 'a short grace period',
    object: clusterObject({ recovery: { gracePeriod: '14s' } }),
    field: 'spec.recovery.gracePeriod',
    words: /from 15s to 24h/,
  },
  {
    what: 'a grace period in days',
    object: clusterObject({ recovery: { gracePeriod: '1d' } }),
    field: 'spec.recovery.gracePeriod',
  },
  {
    what: 'a grace period as a number',
    object: clusterObject({ recovery: { gracePeriod: 30 } }),
    field: 'spec.recovery.gracePeriod',
  },
  {
    what: 'an endless timeout',
    object: clusterObject({ recovery: { pullTimeout: '169h' } }),
    field: 'spec.recovery.pullTimeout',
  },
  {
    what: 'a percentage without sign',
    object: clusterObject({ recovery: { maxLost: '5' } }),
    field: 'spec.recovery.maxLost',
    words: /whole percentage/,
  },
  {
    what: 'a percentage above 100',
    object: clusterObject({ recovery: { maxUnavailable: '101%' } }),
    field: 'spec.recovery.maxUnavailable',
  },
  {
    what: 'an unknown mode',
    object: clusterObject({ recovery: { mode: 'automatic' } }),
    field: 'spec.recovery.mode',
    words: /Automatic/,
  },
  {
    what: 'no concurrency',
    object: clusterObject({ recovery: { maxConcurrent: 0 } }),
    field: 'spec.recovery.maxConcurrent',
  },
  {
    what: 'half a restore',
    object: clusterObject({ recovery: { maxPerDonor: 1.5 } }),
    field: 'spec.recovery.maxPerDonor',
  },
  {
    what: 'a sweep faster than the scan',
    object: clusterObject({ inventory: { interval: '2m', verifyInterval: '1m' } }),
    field: 'spec.inventory',
    words: /verifyInterval/,
  },
  { what: 'paused as a text', object: clusterObject({ paused: 'yes' }), field: 'spec.paused' },
  {
    what: 'two sources of authorities',
    object: clusterObject({ tls: { caSecretRef: { name: 'a' }, caConfigMapRef: { name: 'b' } } }),
    field: 'spec.tls',
    words: /at most one/,
  },
  {
    what: 'a Secret without name',
    object: clusterObject({ auth: { tokenSecretRef: { key: 'token' } } }),
    field: 'spec.auth.tokenSecretRef.name',
  },
  {
    what: 'a Secret of another namespace',
    object: clusterObject({ auth: { tokenSecretRef: { name: 'other/secret' } } }),
    field: 'spec.auth.tokenSecretRef.name',
  },
  {
    what: 'a selector of everything',
    object: discovered({ selector: {} }),
    field: 'spec.discovery.pods.selector',
    words: /every pod/,
  },
  {
    what: 'a requirement without values',
    object: discovered({ selector: { matchExpressions: [{ key: 'role', operator: 'In' }] } }),
    field: 'spec.discovery.pods.selector.matchExpressions[0]',
    words: /must have values for In/,
  },
  {
    what: 'a host that is the same for all pods',
    object: discovered({ host: 'sk.{namespace}.svc' }),
    field: 'spec.discovery.pods.host',
  },
  { what: 'a scheme in lower case', object: discovered({ scheme: 'http' }), field: 'spec.discovery.pods.scheme' },
  { what: 'port 0', object: discovered({ port: 0 }), field: 'spec.discovery.pods.port' },
];

export const refusedTimelines: readonly Refused[] = [
  { what: 'an id that YAML read as a number', object: timelineObject({ tenantId: 1e31 }), field: 'spec.tenantId' },
  {
    what: 'an upper-case id',
    object: timelineObject({ tenantId: TENANT.toUpperCase() }),
    field: 'spec.tenantId',
    words: /32 lower-case hex digits/,
  },
  { what: 'a short id', object: timelineObject({ timelineId: TENANT.slice(1) }), field: 'spec.timelineId' },
  { what: 'a long id', object: timelineObject({ timelineId: `${TENANT}0` }), field: 'spec.timelineId' },
  { what: 'no timeline id', object: withoutSpecField(timelineObject(), 'timelineId'), field: 'spec.timelineId' },
  { what: 'no cluster', object: withoutSpecField(timelineObject(), 'clusterRef'), field: 'spec.clusterRef' },
  { what: 'no member', object: timelineObject({ members: [] }), field: 'spec.members' },
  {
    what: 'a member twice',
    object: timelineObject({ members: [1, 2, 2] }),
    field: 'spec.members',
    serverField: 'spec.members[2]',
  },
  { what: 'a member by name', object: timelineObject({ members: ['sk-1'] }), field: 'spec.members[0]' },
  {
    what: 'a short grace period',
    object: timelineObject({ recovery: { gracePeriod: '5s' } }),
    field: 'spec.recovery.gracePeriod',
  },
  {
    what: 'an empty duration',
    object: timelineObject({ recovery: { stallTimeout: '' } }),
    field: 'spec.recovery.stallTimeout',
  },
];

export const acceptedClusters = [
  clusterObject(),
  clusterObject(safekeeper({ id: 0, url: 'https://[::1]:7676', peerUrl: 'http://safekeeper_1' })),
  clusterObject({ recovery: { gracePeriod: '15s', pullTimeout: '168h', maxLost: '0%', maxUnavailable: '100%' } }),
  clusterObject({ inventory: { interval: '1s', verifyInterval: '1m30s', timelines: 'None' } }),
  clusterObject({ auth: {}, tls: { caConfigMapRef: { name: 'ca' }, clientCertSecretRef: { name: 'client' } } }),
  clusterObject({ storageController: { url: 'http://controller:50051', tokenSecretRef: { name: 'token' } } }),
  discovered({ host: '{pod}.safekeepers.{namespace}.svc', scheme: 'HTTPS' }),
  discovered({ selector: { matchExpressions: [{ key: 'neon.tech/role', operator: 'Exists' }] } }),
];

export const acceptedTimelines = [
  timelineObject(),
  timelineObject({ members: [1, 2, 3], recovery: { mode: 'Propose' }, paused: true }),
];
