import { z } from 'zod';
import type { TenantTimelineId } from '../domain/ids.ts';
import type { Lsn } from '../domain/lsn.ts';
import { type Membership, NO_MEMBERSHIP } from '../domain/membership.ts';
import {
  countField,
  listField,
  lsnField,
  membershipField,
  parseAnswer,
  tenantIdField,
  timelineIdField,
} from './wire.ts';

/** What `GET /v1/debug_dump` tells of all timelines in one call, without a look at their files. Nothing is restored on its word alone. */
export interface TimelineActivity extends TenantTimelineId {
  readonly membership: Membership;
  readonly flushLsn: Lsn;
  readonly peerHorizonLsn: Lsn;
  /** Connected now. */
  readonly computes: number;
  /** Wall time; undefined where there is no WAL. */
  readonly walModifiedMs: number | undefined;
}

export const ACTIVITY_QUERY = [
  'dump_control_file=true',
  'dump_memory=true',
  'dump_disk_content=false',
  'dump_term_history=false',
  'dump_wal_last_modified=true',
].join('&');

const activitySchema = z.object({
  timelines: listField(
    z
      .object({
        tenant_id: tenantIdField,
        timeline_id: timelineIdField,
        control_file: z.object({ mconf: membershipField.nullish(), peer_horizon_lsn: lsnField }),
        memory: z.object({ flush_lsn: lsnField, num_computes: countField.default(0) }),
        wal_last_modified: z.string().nullish(),
      })
      .transform((dump): TimelineActivity => {
        const modifiedMs = Date.parse(dump.wal_last_modified ?? '');
        return {
          tenantId: dump.tenant_id,
          timelineId: dump.timeline_id,
          membership: dump.control_file.mconf ?? NO_MEMBERSHIP,
          flushLsn: dump.memory.flush_lsn,
          peerHorizonLsn: dump.control_file.peer_horizon_lsn,
          computes: dump.memory.num_computes,
          walModifiedMs: Number.isNaN(modifiedMs) ? undefined : modifiedMs,
        };
      }),
  ),
});

/** Throws a Failure `UnexpectedAnswer` that names the field. */
export function parseActivity(text: string): readonly TimelineActivity[] {
  return parseAnswer(activitySchema, 'debug dump', text).timelines;
}
