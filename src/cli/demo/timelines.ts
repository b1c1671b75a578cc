import { assert } from '../../base/assert.ts';
import { parseTenantId, parseTimelineId, type TenantTimelineId } from '../../domain/ids.ts';

/** A timeline of the demo: recorded WAL under ids, and with terms, of its own. */
export interface DemoTimeline {
  /** Name of the SafekeeperTimeline that a person applied; undefined: left for the inventory to find. */
  readonly objectName?: string;
  readonly tenantId: string;
  readonly timelineId: string;
  /** Name of the recorded snapshot. */
  readonly snapshot: string;
  /** Later elections: WAL from `lsn`, a record boundary, on was written in `term`. */
  readonly elections?: ReadonlyArray<{ readonly term: bigint; readonly lsn: bigint }>;
  /** A member that had not received the last WAL yet, so that it is no donor: all before `fromSegment` is there. */
  readonly laggard?: { readonly safekeeperId: number; readonly fromSegment: string; readonly commitLsn: bigint };
}

const SHOP = '7c1f0e8ab3d94f6a91e2d05c6b74a8f3';
const BILLING = '2e94d1b7c05a4e83a6f71c3d9b082e54';
const ANALYTICS = 'b81d6f3e297c4ad0853e94f1a7c26d0b';

/** Postgres clusters of three tenants: full and partial segments, one and several terms, no WAL yet, no generation. */
export const DEMO_TIMELINES: readonly DemoTimeline[] = [
  {
    objectName: 'shop-main',
    tenantId: SHOP,
    timelineId: '4f2a9b1c7d3e8056a1b94c0e62d7f385',
    snapshot: 'resident_14_segments',
    elections: [
      { term: 4n, lsn: 0x4800030n },
      { term: 7n, lsn: 0x4afff88n },
    ],
  },
  {
    objectName: 'shop-staging',
    tenantId: SHOP,
    timelineId: '90e7c3d2184b4fa5b6c02d8e71f93a4c',
    snapshot: 'full_segments_no_partial',
  },
  {
    objectName: 'billing-main',
    tenantId: BILLING,
    timelineId: 'c5d80f2b6a1e4793980b7e3f4d2c1a65',
    snapshot: 'resident_14_segments',
    laggard: { safekeeperId: 1, fromSegment: '00000001000000000000004F', commitLsn: 0x4800030n },
  },
  {
    objectName: 'billing-new',
    tenantId: BILLING,
    timelineId: '1b3f5d7092e84c6ab5d3f10e8c7a2964',
    snapshot: 'uninitialized',
  },
  {
    tenantId: ANALYTICS,
    timelineId: '6e0b4c9d28f1473ea95c7d036b1e8f2a',
    snapshot: 'full_segments_no_partial',
    elections: [{ term: 12n, lsn: 0x4800030n }],
  },
  { tenantId: ANALYTICS, timelineId: 'a3917f5ce64d4b02871d9c0ef25b3e68', snapshot: 'resident_partial' },
  { tenantId: ANALYTICS, timelineId: 'd72e08b1954f4c3d8a6b1f90c3e57d24', snapshot: 'flush_lsn_at_segment_boundary' },
  { tenantId: ANALYTICS, timelineId: '38c5a2f70b6e4d19b04f8e61d97c3a5b', snapshot: 'gen0_v9' },
  { tenantId: SHOP, timelineId: 'e19d4a6082c74bf59f3a0d7e5b28c61f', snapshot: 'resident_partial' },
  {
    tenantId: SHOP,
    timelineId: '05b8e7f34d1a4c62934ec7f0a9162d8b',
    snapshot: 'resident_partial',
    elections: [
      { term: 2n, lsn: 0x466dfc0n },
      { term: 9n, lsn: 0x47fffc8n },
    ],
  },
  { tenantId: SHOP, timelineId: '7d46f1c8e0924a3b8e5d2b7f60c93a1e', snapshot: 'uninitialized' },
  { tenantId: BILLING, timelineId: 'f80a3c5e7b214d96a2c1e8d0496fb753', snapshot: 'full_segments_no_partial' },
  { tenantId: BILLING, timelineId: '29d6b0e4f83c4715bd9e5a1c70f2846d', snapshot: 'resident_partial' },
  { tenantId: BILLING, timelineId: '8c7b1e9f45a0463dae28f3c6d015b97e', snapshot: 'resident_partial' },
];

/** The ids of a demo timeline. */
export function timelineOf(timeline: DemoTimeline): TenantTimelineId {
  const tenantId = parseTenantId(timeline.tenantId);
  const timelineId = parseTimelineId(timeline.timelineId);
  assert(tenantId !== undefined && timelineId !== undefined, "the demo's ids are 32 hex digits");
  return { tenantId, timelineId };
}
