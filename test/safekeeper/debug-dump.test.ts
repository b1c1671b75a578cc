import { expect, test } from 'vitest';
import type { TenantId, TimelineId } from '../../src/domain/ids.ts';
import { formatLsn } from '../../src/domain/lsn.ts';
import { diskDumpQuery, parseDiskDump } from '../../src/safekeeper/debug-dump.ts';
import { snapshotSegmentRange } from '../../src/safekeeper/wal-segment.ts';
import { bodyOf, readExchange } from '../support/http-fixtures.ts';

const timelineOf = (name: string) => {
  const query = new URL(readExchange('debug_dump', name).request.path, 'http://localhost').searchParams;
  return { tenantId: query.get('tenant_id') as TenantId, timelineId: query.get('timeline_id') as TimelineId };
};
const dumpOf = (name: string) => parseDiskDump(timelineOf(name), bodyOf(readExchange('debug_dump', name)));

test('a resident timeline shows its positions and every file of its snapshot', () => {
  const dump = dumpOf('debug_dump_all_one');
  expect(dump?.offloaded).toBe(false);
  expect(dump?.files).toEqual([
    'safekeeper.control',
    '000000010000000000000046',
    '000000010000000000000047',
    '000000010000000000000048.partial',
  ]);
  expect(dump && snapshotSegmentRange(dump.positions)).toEqual({ first: 0x46n, last: 0x48n });
});

test('an offloaded timeline says so', () => {
  const dump = dumpOf('debug_dump_offloaded');
  expect(dump?.offloaded).toBe(true);
  expect(dump && formatLsn(dump.positions.flushLsn)).toBe('0/4800030');
  expect(dump?.files).toEqual(['safekeeper.control']);
});

test('an unknown timeline has no dump', () => expect(dumpOf('debug_dump_unknown_timeline')).toBeUndefined());

test('a dump without the parts that were asked for is refused', () => {
  expect(() => dumpOf('debug_dump_disk')).toThrow('debug dump: timelines.0.control_file');
});

test('the query asks for those parts of one timeline', () => {
  const query = new URLSearchParams(diskDumpQuery(timelineOf('debug_dump_all_one')));
  expect(Object.fromEntries(query)).toEqual({
    dump_control_file: 'true',
    dump_memory: 'true',
    dump_disk_content: 'true',
    dump_term_history: 'false',
    tenant_id: '11111111111111111111111111111111',
    timeline_id: 'b0000000000000000000000000000001',
  });
});
