import { z } from 'zod';
import { assert } from '../base/assert.ts';
import { parseTenantId, parseTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import { bounds } from './bounds.ts';
import { flag, HEX_ID_FORM, OBJECT_NAME_FORM, safekeeperId, text, toSafekeeperId } from './fields.ts';
import { listSet } from './lists.ts';
import { CLUSTER_NAME_LENGTH_MAX } from './names.ts';
import { recoveryOverrideSchema, type RecoveryOverride } from './recovery.ts';
import { immutable } from './rules.ts';

/** A timeline's spec after defaulting and parsing. */
export interface TimelineSpec {
  /** Name of the SafekeeperCluster, in the same namespace. */
  readonly clusterName: string;
  readonly id: TenantTimelineId;
  /** Undefined: decided by the replicas' configuration, or by the cluster when it has exactly three safekeepers. */
  readonly members: readonly SafekeeperId[] | undefined;
  readonly recovery: RecoveryOverride;
  readonly paused: boolean;
}

/** A timeline's spec as people write it: what has a default may be absent. */
export type SafekeeperTimelineSpec = z.input<typeof timelineSpecSchema>;

export const timelineSpecSchema = z
  .object({
    clusterRef: z
      .object({
        name: text({ ...OBJECT_NAME_FORM, lengthMax: CLUSTER_NAME_LENGTH_MAX }, immutable('clusterRef')).describe(
          'Name of the SafekeeperCluster, in the same namespace.',
        ),
      })
      .describe('The cluster that keeps this timeline. Immutable.'),
    tenantId: text(HEX_ID_FORM, immutable('tenantId')).describe(
      'Id of the tenant: 32 lower-case hex digits, in quotes. Immutable.',
    ),
    timelineId: text(HEX_ID_FORM, immutable('timelineId')).describe(
      'Id of the timeline: 32 lower-case hex digits, in quotes. Immutable.',
    ),
    members: listSet(safekeeperId(), bounds.memberCountMax)
      .min(1, 'must name at least one safekeeper')
      .describe(
        'Ids of the safekeepers that keep this timeline. Where the replicas report a configuration, that one is binding ' +
          'and this must agree. When absent and none is reported: all of the cluster if it has exactly three.',
      )
      .optional(),
    recovery: recoveryOverrideSchema
      .describe("Settings for this timeline that differ from the cluster's recovery. When absent, none do.")
      .optional(),
    paused: flag()
      .describe(
        'Whether the operator only observes this timeline. The annotation safekeeper.dev/paused-until, an RFC 3339 time, ' +
          'does the same and expires by itself.',
      )
      .prefault(false),
  })
  .describe('Which timeline this object stands for, and how to treat it.')
  .transform(
    ({ clusterRef, tenantId, timelineId, members, recovery, ...same }): TimelineSpec => ({
      ...same,
      clusterName: clusterRef.name,
      id: toTenantTimelineId(tenantId, timelineId),
      members: members?.map(toSafekeeperId),
      recovery: recovery ?? {},
    }),
  );

/** The texts must have passed {@link HEX_ID_FORM}. */
function toTenantTimelineId(tenant: string, timeline: string): TenantTimelineId {
  const tenantId = parseTenantId(tenant);
  const timelineId = parseTimelineId(timeline);
  assert(tenantId !== undefined && timelineId !== undefined, 'the schema admits only hex ids');
  return { tenantId, timelineId };
}
