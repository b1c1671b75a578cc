import { z } from 'zod';
import { parseDuration } from '../base/duration.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import { bounds } from './bounds.ts';
import {
  authSchema,
  storageControllerSchema,
  tlsSchema,
  type SecretKeyRef,
  type StorageControllerSettings,
  type TlsSettings,
} from './connection.ts';
import { discoverySchema, type PodDiscovery } from './discovery.ts';
import { choice, duration, flag, safekeeperId, text, toSafekeeperId, URL_FORM } from './fields.ts';
import { listMap } from './lists.ts';
import { recoverySchema, type RecoverySettings } from './recovery.ts';
import { withRule } from './rules.ts';

export const INVENTORY_MODES = ['All', 'UnderReplicated', 'None'] as const;
export type InventoryMode = (typeof INVENTORY_MODES)[number];

/** One safekeeper: `url` is where the operator reaches it, `peerUrl` where the other safekeepers do. */
export interface SafekeeperAddress {
  readonly id: SafekeeperId;
  readonly url: string;
  readonly peerUrl: string;
}

export type SafekeeperSource =
  | { readonly kind: 'static'; readonly safekeepers: readonly SafekeeperAddress[] }
  | { readonly kind: 'pods'; readonly pods: PodDiscovery };

export interface InventorySettings {
  readonly intervalMs: number;
  readonly verifyIntervalMs: number;
  readonly timelines: InventoryMode;
  readonly prune: boolean;
}

/** A cluster's spec after defaulting and parsing. */
export interface ClusterSpec {
  readonly source: SafekeeperSource;
  readonly storageController: StorageControllerSettings | undefined;
  readonly tokenSecretRef: SecretKeyRef | undefined;
  readonly tls: TlsSettings | undefined;
  readonly inventory: InventorySettings;
  readonly recovery: RecoverySettings;
  readonly paused: boolean;
}

/** A cluster's spec as people write it: what has a default may be absent. */
export type SafekeeperClusterSpec = z.input<typeof clusterSpecSchema>;

const safekeeperSchema = z
  .object({
    id: safekeeperId().describe("The safekeeper's own id, as GET /v1/status reports it."),
    url: text(URL_FORM).describe("Address of the safekeeper's HTTP API, as the operator reaches it."),
    peerUrl: text(URL_FORM)
      .describe('Address at which the other safekeepers reach it. When absent, the same as url.')
      .optional(),
  })
  .transform(({ id, url, peerUrl }): SafekeeperAddress => ({ id: toSafekeeperId(id), url, peerUrl: peerUrl ?? url }));

const safekeepersSchema = withRule(
  listMap(safekeeperSchema, 'id', bounds.safekeeperCountMax).min(1, 'must name at least one safekeeper'),
  {
    cel: 'self.all(a, self.exists_one(b, b.url == a.url))',
    holds: (safekeepers) => new Set(safekeepers.map(({ url }) => url)).size === safekeepers.length,
    message: 'must not have the same url twice: every safekeeper has its own id and address',
  },
).describe('The safekeepers of this cluster. When absent, discovery finds them.');

const inventorySchema = withRule(
  z.object({
    interval: duration('1s', '1h')
      .describe('How often each safekeeper is asked for its list of timelines.')
      .prefault('10s'),
    verifyInterval: duration('10s', '168h')
      .describe('How often every single replica is probed, spread evenly over this time.')
      .prefault('1h'),
    timelines: choice(INVENTORY_MODES)
      .describe(
        'Which timelines get a SafekeeperTimeline object: All; UnderReplicated, only those in trouble, kept for 24 hours ' +
          'after healing; None, which stops the creation of objects but not healing.',
      )
      .prefault('All'),
    prune: flag()
      .describe(
        'Whether objects that the inventory made are removed once the timeline is known to be deleted. Objects made by ' +
          'people are never removed, and no timeline is ever deleted.',
      )
      .prefault(true),
  }),
  {
    // The API server also checks the default `{}` by this rule, before it has filled in the fields.
    cel: '!has(self.interval) || !has(self.verifyInterval) || duration(self.interval) <= duration(self.verifyInterval)',
    holds: ({ interval, verifyInterval }) => parseDuration(interval) <= parseDuration(verifyInterval),
    message: 'must have an interval that is not longer than verifyInterval',
  },
)
  .describe('How the timelines of the cluster are found and listed.')
  .transform(
    ({ interval, verifyInterval, ...same }): InventorySettings => ({
      ...same,
      intervalMs: parseDuration(interval),
      verifyIntervalMs: parseDuration(verifyInterval),
    }),
  );

export const clusterSpecSchema = withRule(
  z.object({
    safekeepers: safekeepersSchema.optional(),
    discovery: discoverySchema.optional(),
    storageController: storageControllerSchema.optional(),
    auth: authSchema.optional(),
    tls: tlsSchema
      .describe(`${tlsSchema.description} When absent, the system's certificate authorities are trusted.`)
      .optional(),
    inventory: inventorySchema.prefault({}),
    recovery: recoverySchema.describe('How lost replicas are restored.').prefault({}),
    paused: flag()
      .describe(
        'Whether the operator only observes this cluster and its timelines. The annotation safekeeper.dev/paused-until, ' +
          'an RFC 3339 time, does the same and expires by itself.',
      )
      .prefault(false),
  }),
  {
    cel: 'has(self.safekeepers) != has(self.discovery)',
    holds: ({ safekeepers, discovery }) => (safekeepers === undefined) !== (discovery === undefined),
    message: 'must have exactly one of safekeepers and discovery',
  },
)
  .describe('Where the safekeepers are and how to treat them.')
  .transform(
    ({ safekeepers = [], discovery, storageController, auth, tls, ...same }): ClusterSpec => ({
      ...same,
      source: discovery === undefined ? { kind: 'static', safekeepers } : { kind: 'pods', pods: discovery.pods },
      storageController,
      tokenSecretRef: auth?.tokenSecretRef,
      tls,
    }),
  );
