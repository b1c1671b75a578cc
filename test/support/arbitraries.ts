import * as fc from 'fast-check';
import type { SafekeeperId, TenantId, TimelineId } from '../../src/domain/ids.ts';
import { type Lsn, lsn } from '../../src/domain/lsn.ts';
import { generation, type Membership, NO_MEMBERSHIP } from '../../src/domain/membership.ts';
import { type Term, term } from '../../src/domain/term.ts';
import type { ControlFile, EvictionState, PartialSegment } from '../../src/safekeeper/control-file.ts';

const u64 = () => fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const hexDigits = () => fc.stringMatching(/^[0-9a-f]{32}$/);
const text = () => fc.string({ unit: 'grapheme', maxLength: 30 });

export const lsns = (): fc.Arbitrary<Lsn> => u64().map(lsn);
export const terms = (): fc.Arbitrary<Term> => u64().map(term);
export const safekeeperIds = (): fc.Arbitrary<SafekeeperId> => u64().map((id) => id as SafekeeperId);
export const tenantIds = (): fc.Arbitrary<TenantId> => hexDigits().map((id) => id as TenantId);
export const timelineIds = (): fc.Arbitrary<TimelineId> => hexDigits().map((id) => id as TimelineId);
/** Every legal WAL segment size: powers of two from 1 MiB to 1 GiB. */
export const walSegmentSizes = (): fc.Arbitrary<number> => fc.integer({ min: 20, max: 30 }).map((bits) => 2 ** bits);

/** Generation above 0. */
export function memberships(): fc.Arbitrary<Membership> {
  const members = fc.array(
    fc.record({ id: safekeeperIds(), host: text(), pgPort: fc.integer({ min: 0, max: 65_535 }) }),
    { maxLength: 5 },
  );
  return fc.record({
    generation: fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(generation),
    members,
    newMembers: fc.option(members),
  });
}

/** Control files that their own format can hold: without a generation neither members nor a creation time. */
export function controlFiles(): fc.Arbitrary<ControlFile> {
  const partialSegment: fc.Arbitrary<PartialSegment> = fc.record({
    status: fc.constantFrom('InProgress', 'Uploaded', 'Deleting'),
    name: text(),
    commitLsn: lsns(),
    flushLsn: lsns(),
    term: terms(),
  });
  const eviction: fc.Arbitrary<EvictionState> = fc.oneof(
    fc.constant<EvictionState>({ kind: 'Present' }),
    lsns().map((flushLsn): EvictionState => ({ kind: 'Offloaded', flushLsn })),
  );
  const body = fc.record({
    tenantId: tenantIds(),
    timelineId: timelineIds(),
    term: terms(),
    termHistory: fc.array(fc.record({ term: terms(), lsn: lsns() }), { maxLength: 60 }),
    server: fc.record({
      pgVersion: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
      systemId: u64(),
      walSegmentSize: walSegmentSizes(),
    }),
    proposerUuid: hexDigits(),
    timelineStartLsn: lsns(),
    localStartLsn: lsns(),
    commitLsn: lsns(),
    backupLsn: lsns(),
    peerHorizonLsn: lsns(),
    remoteConsistentLsn: lsns(),
    partialBackup: fc.array(partialSegment, { maxLength: 5 }),
    eviction,
  });
  const heads = fc.oneof(
    fc.constant({ membership: NO_MEMBERSHIP, creation: { seconds: 0n, nanoseconds: 0 } }),
    fc.record({
      membership: memberships(),
      creation: fc.record({ seconds: u64(), nanoseconds: fc.integer({ min: 0, max: 999_999_999 }) }),
    }),
  );
  return fc.tuple(body, heads).map(([rest, head]) => ({ ...rest, ...head }));
}
