import { describe, expect, test } from 'vitest';
import type { TenantId, TimelineId } from '../../src/domain/ids.ts';
import { generation } from '../../src/domain/membership.ts';
import { parsePullResult, type PullResult, pullRequestToJson } from '../../src/safekeeper/pull-result.ts';
import { bodyOf, readExchange, readExchanges } from '../support/http-fixtures.ts';

const timeline = {
  tenantId: '11111111111111111111111111111111' as TenantId,
  timelineId: 'b0000000000000000000000000000001' as TimelineId,
};

function resultOf(name: string): PullResult {
  const exchange = readExchange('pull', name);
  return parsePullResult({ status: exchange.response.status ?? 0, headers: {}, text: bodyOf(exchange) });
}

describe('recorded answers to a pull', () => {
  test.each([
    ['pull_ok_one_donor', 'Pulled'],
    ['pull_existing', 'AlreadyExists'],
    ['pull_existing_mconf_higher_gen', 'AlreadyExists'],
    ['pull_creation_in_progress', 'CreationInProgress'],
    ['pull_deleted', 'Deleted'],
    ['pull_excluded_same_generation', 'Deleted'],
    ['pull_dir_corrupt_control_file', 'ExistsOnDisk'],
    ['pull_empty_dir', 'ExistsOnDisk'],
    ['pull_mconf_without_me', 'NotMember'],
    ['pull_donor_higher_generation', 'DonorHigherGeneration'],
    ['pull_donor_killed', 'DonorStreamBroke'],
    ['pull_flush_lsn_at_segment_boundary', 'DonorStreamBroke'],
    ['pull_all_down', 'TooFewAnswers'],
    ['pull_empty_hosts', 'TooFewAnswers'],
    ['pull_bad_tenant', 'Failed'],
    ['pull_get', 'Failed'],
  ])('%s is %s', (name, kind) => expect(resultOf(name).kind).toBe(kind));

  test('name the chosen donor', () => {
    expect(resultOf('pull_most_advanced_flush')).toEqual({ kind: 'Pulled', host: 'http://127.0.0.1:7672' });
  });

  test('are all known, but for malformed requests', () => {
    const unknown = readExchanges('pull').filter(({ name }) => resultOf(name).kind === 'Failed');
    expect(unknown.map(({ response }) => response.status).filter((status) => status !== 400 && status !== 404)).toEqual(
      [],
    );
    expect(unknown.length).toBeLessThan(12);
  });
});

test('an older safekeeper answers a tombstone with 500', () => {
  const text = `{"msg":"Timeline ${timeline.tenantId}/${timeline.timelineId} has been deleted"}`;
  expect(parsePullResult({ status: 500, headers: {}, text }).kind).toBe('Deleted');
});

test('a success that says nothing is no success', () => {
  expect(() => parsePullResult({ status: 200, headers: {}, text: '{}' })).toThrow('pull: safekeeper_host');
});

test('a request has hosts without trailing slashes, and a configuration only when there is one', () => {
  expect(pullRequestToJson({ timeline, hosts: ['http://a:1/', 'http://b:2/prefix'] })).toEqual({
    tenant_id: timeline.tenantId,
    timeline_id: timeline.timelineId,
    http_hosts: ['http://a:1', 'http://b:2/prefix'],
  });
  const membership = { generation: generation(4), members: [], newMembers: null };
  expect(pullRequestToJson({ timeline, hosts: [], membership })).toMatchObject({
    mconf: { generation: 4, members: [], new_members: null },
  });
});
