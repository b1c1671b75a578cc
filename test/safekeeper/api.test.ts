import { describe, expect, test } from 'vitest';
import { formatLsn } from '../../src/domain/lsn.ts';
import { parseLosslessJson, stringifyLosslessJson } from '../../src/http/json.ts';
import {
  parseErrorMessage,
  parseFilesystemUsage,
  parseNodeStatus,
  parseTermBump,
  parseTimelineStatus,
  parseUtilization,
} from '../../src/safekeeper/api.ts';
import { createTimelineRequestToJson, timelineStatusToJson } from '../../src/safekeeper/api-json.ts';
import { bodyOf, readExchange, readExchanges } from '../support/http-fixtures.ts';

describe('timeline status', () => {
  const statuses = readExchanges('status').filter(
    ({ request, response }) => response.status === 200 && /\/timeline\/[0-9a-fA-F]{32}$/.test(request.path),
  );

  test('of every state is recorded', () => expect(statuses.length).toBeGreaterThanOrEqual(11));

  test.each(statuses)('$name is read and written back byte for byte', (exchange) => {
    const status = parseTimelineStatus(bodyOf(exchange));
    expect(stringifyLosslessJson(timelineStatusToJson(status))).toBe(bodyOf(exchange));
  });

  test('keeps 64-bit numbers whole', () => {
    const status = parseTimelineStatus(bodyOf(readExchange('status', 'status_resident')));
    expect(status.server.systemId).toBe(7711123713686317059n);
    expect(formatLsn(status.flushLsn)).toBe('0/4800030');
    expect(status.membership.members.map((member) => member.id)).toEqual([1n, 2n, 3n]);
  });

  test('tells connected computes', () => {
    const receivers = (name: string) => parseTimelineStatus(bodyOf(readExchange('status', name))).walreceivers;
    expect(receivers('status_with_streaming_walreceiver')).toEqual([{ connId: 4, status: 'Streaming' }]);
    expect(receivers('status_with_voting_walreceiver')).toEqual([{ connId: 4, status: 'Voting' }]);
  });

  test('of an older safekeeper may lack the configuration and the lists', () => {
    const body = changed((status) => {
      for (const name of ['mconf', 'peers', 'walsenders', 'walreceivers']) delete status[name];
    });
    expect(parseTimelineStatus(body)).toMatchObject({
      membership: { generation: 0, members: [], newMembers: null },
      peers: [],
      walreceivers: [],
    });
  });

  test.each([
    ['flush_lsn', 17, 'flush_lsn: must be an LSN like 0/466DF60'],
    ['flush_lsn', undefined, 'flush_lsn: is missing'],
    ['tenant_id', 'x', 'tenant_id: must be a tenant id of 32 hex digits'],
    ['pg_info', { pg_version: 150020, system_id: -1, wal_seg_size: 1048576 }, 'pg_info.system_id: must be an unsigned'],
    ['pg_info', { pg_version: 150020, system_id: 1, wal_seg_size: 0 }, 'pg_info.wal_seg_size: must be a power of two'],
    ['acceptor_state', { term: 1.5, epoch: 1, term_history: [] }, 'acceptor_state.term: must be an unsigned 64-bit'],
    ['peers', [{}], 'peers.0.sk_id: is missing'],
  ])('with a wrong %s is refused by name', (field, value, problem) => {
    const body = changed((status) => {
      status[field] = value;
    });
    expect(() => parseTimelineStatus(body)).toThrow(`timeline status: ${problem}`);
  });

  test('cut short is refused', () => {
    expect(() => parseTimelineStatus('{"tenant_id":"1111')).toThrow(/timeline status: not valid JSON/);
  });

  function changed(change: (status: Record<string, unknown>) => void): string {
    const status = parseLosslessJson(bodyOf(readExchange('status', 'status_resident'))) as Record<string, unknown>;
    change(status);
    return stringifyLosslessJson(status);
  }
});

test('node status, utilization, file system usage', () => {
  expect(parseNodeStatus(bodyOf(readExchange('node', 'status')))).toEqual({ id: 1n });
  expect(parseUtilization(bodyOf(readExchange('status', 'utilization')))).toEqual({ timelineCount: 6 });
  expect(parseFilesystemUsage(bodyOf(readExchange('node', 'filesystem_usage')))).toEqual({
    capacityBytes: 270553174016,
    dataDirectory: '/rig/dir/sk1',
    usageBytes: 199001001984,
  });
});

test('every recorded term bump', () => {
  const bumps = readExchanges('term_bump').filter(({ response }) => response.status === 200);
  for (const bump of bumps) {
    const { previousTerm, currentTerm } = parseTermBump(bodyOf(bump));
    expect(stringifyLosslessJson({ previous_term: previousTerm, current_term: currentTerm })).toBe(bodyOf(bump));
  }
  expect(bumps.length).toBeGreaterThanOrEqual(6);
});

test('the message of an error, and of what is none', () => {
  expect(parseErrorMessage(bodyOf(readExchange('status', 'status_bad_tenant')))).toBe('"failed to parse tenant_id"');
  expect(parseErrorMessage('Not Found')).toBeUndefined();
  expect(parseErrorMessage('{"message": "proxy"}')).toBeUndefined();
});

test('a create request is written as it was recorded', () => {
  const recorded = readExchange('create', 'create_ok').request.body as Record<string, unknown>;
  const status = parseTimelineStatus(bodyOf(readExchange('status', 'status_resident')));
  const json = createTimelineRequestToJson({
    timeline: status,
    membership: status.membership,
    server: status.server,
    startLsn: status.timelineStartLsn,
    commitLsn: status.timelineStartLsn,
  });
  expect(parseLosslessJson(stringifyLosslessJson({ ...json, timeline_id: recorded.timeline_id }))).toMatchObject(
    recorded,
  );
});
