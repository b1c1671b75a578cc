import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseCreateBody,
  parseMembershipBody,
  parsePullBody,
  parseTermBumpBody,
} from '../../src/agent/request-bodies.ts';
import { Failure } from '../../src/base/failure.ts';
import { formatLsn } from '../../src/domain/lsn.ts';
import { readRecordedCase, requestBody } from './recorded-case.ts';

const TENANT = '1'.repeat(32);
const TIMELINE = 'a'.repeat(32);

function problemOf(parse: (text: string) => unknown, text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof Failure && error.reason === 'InvalidRequest') return error.message;
    throw error;
  }
  throw new Error(`was accepted: ${text}`);
}

describe('refused bodies are described as recorded, line and column included', () => {
  test.each([
    ['create', 'create_bad_id', parseCreateBody],
    ['create', 'create_bad_json', parseCreateBody],
    ['create', 'create_bad_lsn', parseCreateBody],
    ['create', 'create_empty_body', parseCreateBody],
    ['create', 'create_lsn_number', parseCreateBody],
    ['create', 'create_missing_field', parseCreateBody],
    ['pull', 'pull_bad_tenant', parsePullBody],
    ['pull', 'pull_empty_body', parsePullBody],
    ['pull', 'pull_hosts_not_list', parsePullBody],
    ['pull', 'pull_missing_hosts', parsePullBody],
    ['pull', 'pull_short_timeline', parsePullBody],
    ['term_bump', 'term_bump_bad', parseTermBumpBody],
    ['term_bump', 'term_bump_negative', parseTermBumpBody],
    ['term_bump', 'term_bump_no_body', parseTermBumpBody],
  ] as const)('%s/%s', (group, name, parse) => {
    const recorded = readRecordedCase(group, name);
    const { msg } = JSON.parse(recorded.response.body_text) as { msg: string };
    expect(JSON.stringify(problemOf(parse, requestBody(recorded)))).toBe(msg);
  });
});

describe('accepted bodies', () => {
  test('a creation keeps 64-bit numbers and ignores unknown fields', () => {
    const body = parseCreateBody(requestBody(readRecordedCase('create', 'create_extra_field')));
    expect(body.systemId).toBe(7711123713686317059n);
    expect(formatLsn(body.startLsn)).toBe('0/466DF60');
    expect(body.membership.members.map((member) => member.id)).toEqual([1n, 2n, 3n]);
    expect(body.commitLsn).toBeUndefined();
  });

  test('a joint configuration', () => {
    const body = parseCreateBody(requestBody(readRecordedCase('create', 'create_joint_mconf')));
    expect(body.membership.newMembers?.map((member) => member.id)).toEqual([1n, 2n, 4n]);
  });

  test('a pull with null in its optional fields, ids in upper case', () => {
    const text = `{"tenant_id":"${TENANT}","timeline_id":"${TIMELINE.toUpperCase()}","http_hosts":["http://a"],"mconf":null,"ignore_tombstone":null}`;
    expect(parsePullBody(text)).toEqual({
      tenantId: TENANT,
      timelineId: TIMELINE,
      httpHosts: ['http://a'],
      membership: undefined,
      ignoreTombstone: false,
    });
  });

  test('a term bump to nothing in particular', () => {
    expect(parseTermBumpBody('{}')).toBeUndefined();
    expect(parseTermBumpBody(' {"term" : null } ')).toBeUndefined();
    expect(parseTermBumpBody('{"term": 18446744073709551615}')).toBe(2n ** 64n - 1n);
  });
});

describe('hostile bodies', () => {
  test.each([
    ['{"term":1', 'EOF while parsing an object at line 1 column 9'],
    ['{"term":1}x', 'trailing characters at line 1 column 11'],
    ['{"term":1,}', 'trailing comma at line 1 column 11'],
    ['{"term":1,"term":2}', 'term: duplicate field `term` at line 1 column 17'],
    ['{"term":1.5}', 'term: invalid type: floating point `1.5`, expected u64 at line 1 column 12'],
    [
      '{"term":18446744073709551616}',
      'term: invalid value: integer `18446744073709551616`, expected u64 at line 1 column 29',
    ],
    ['{\n"term":\n[1]}', 'term: invalid type: sequence, expected u64 at line 3 column 1'],
    ['"x"', 'invalid type: string "x", expected struct TimelineTermBumpRequest at line 1 column 3'],
    ['{"a":"\u0001"}', 'a: invalid string at line 1 column 6'],
    ['{"é":nope}', 'é: expected value at line 1 column 7'],
    ['', undefined],
  ])('%j', (text, problem) => {
    const expected = problem === undefined ? 'missing request body' : `Failed to parse json request: ${problem}`;
    expect(problemOf(parseTermBumpBody, text)).toBe(expected);
  });

  test('deep nesting is refused, not followed', () => {
    expect(problemOf(parseTermBumpBody, `{"x":${'['.repeat(100_000)}`)).toContain('recursion limit exceeded');
  });

  test('a key that names a prototype is an unknown field', () => {
    expect(parseTermBumpBody('{"__proto__":{"term":1},"constructor":1}')).toBeUndefined();
  });

  test('more hosts than a pull may have', () => {
    const hosts = JSON.stringify(Array.from({ length: 65 }, () => 'http://a'));
    const text = `{"tenant_id":"${TENANT}","timeline_id":"${TIMELINE}","http_hosts":${hosts}}`;
    expect(problemOf(parsePullBody, text)).toContain('http_hosts: more than 64 items');
  });

  test('any JSON is taken or refused as JSON.parse does it, never anything else', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.nat(), (value, cutAt) => {
        const text = `{"any":${value.slice(0, value.length - (cutAt % 3))}}`;
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        if (isJson) expect(parseTermBumpBody(text)).toBeUndefined();
        else expect(problemOf(parseTermBumpBody, text)).toMatch(/at line \d+ column \d+$/);
      }),
    );
  });

  test('any text at all', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        expect(problemOf(parseMembershipBody, text)).toMatch(/at line \d+ column \d+$/);
      }),
    );
  });
});
