import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDebugDumpQuery } from '../../src/agent/debug-dump-query.ts';
import {
  parseCreateBody,
  parseMembershipBody,
  parsePullBody,
  parseTermBumpBody,
} from '../../src/agent/request-bodies.ts';
import { Failure } from '../../src/base/failure.ts';
import { parseLosslessJson, stringifyLosslessJson } from '../../src/http/json.ts';
import {
  parseErrorMessage,
  parseFilesystemUsage,
  parseNodeStatus,
  parseTermBump,
  parseTimelineStatus,
  parseUtilization,
} from '../../src/safekeeper/api.ts';
import { parseDiskDump } from '../../src/safekeeper/debug-dump.ts';
import { parsePullResult } from '../../src/safekeeper/pull-result.ts';
import { parseRunningTransfers } from '../../src/safekeeper/transfers.ts';
import { timelineId } from '../transfer/harness.ts';
import { parseOwnedTimelines } from '../../src/safekeeper/storage-controller.ts';
import { FUZZ_TIMEOUT_MS, fractions, fuzzRuns } from './runs.ts';

const ID = timelineId('1'.repeat(32), 'a'.repeat(32));
const IDS = { tenant_id: ID.tenantId, timeline_id: ID.timelineId };
const SERVER = { pg_version: 150020, system_id: 7711, wal_seg_size: 1024 * 1024 };
const MEMBERSHIP = { generation: 3, members: [{ id: 1, host: 'a', pg_port: 5471 }], new_members: null };
const LSNS = { backup_lsn: '0/1', remote_consistent_lsn: '0/1' };

interface Parser {
  readonly name: string;
  readonly parse: (text: string) => unknown;
  /** The reason of every refusal. */
  readonly reason: string;
  /** A body that is taken. */
  readonly example: unknown;
}

const ANSWERS: Parser[] = [
  { name: 'node status', parse: parseNodeStatus, example: { id: 1 } },
  { name: "storage controller's list", parse: parseOwnedTimelines, example: { timelines: [IDS] } },
  { name: 'term bump', parse: parseTermBump, example: { previous_term: 1, current_term: 2 } },
  {
    name: 'filesystem usage',
    parse: parseFilesystemUsage,
    example: { capacity_bytes: 5, data_dir: '/data', usage_bytes: 1 },
  },
  { name: 'utilization', parse: parseUtilization, example: { timeline_count: 1 } },
  { name: 'error', parse: parseErrorMessage, example: { msg: 'NotFound' } },
  {
    name: 'pull result',
    parse: (text: string) => parsePullResult({ status: 200, headers: {}, text }),
    example: { safekeeper_host: 'http://a' },
  },
  {
    name: 'pull refusal',
    parse: (text: string) => parsePullResult({ status: 409, headers: {}, text }),
    example: { msg: 'Conflict: Creation in progress' },
  },
  {
    name: 'disk dump',
    parse: (text: string) => parseDiskDump(ID, text),
    example: {
      timelines: [
        {
          ...IDS,
          control_file: { server: SERVER, ...LSNS, eviction_state: { Offloaded: '0/1' } },
          memory: { flush_lsn: '0/1' },
          disk_content: { files: [{ name: 'safekeeper.control' }] },
        },
      ],
    },
  },
  {
    name: 'transfers',
    parse: parseRunningTransfers,
    example: { running: [{ kind: 'Pull', ...IDS, bytes: 5 }] },
  },
  {
    name: 'timeline status',
    parse: parseTimelineStatus,
    example: {
      ...IDS,
      mconf: MEMBERSHIP,
      acceptor_state: { term: 1, epoch: 1, term_history: [{ term: 1, lsn: '0/1' }] },
      pg_info: SERVER,
      flush_lsn: '0/1',
      timeline_start_lsn: '0/1',
      local_start_lsn: '0/1',
      commit_lsn: '0/1',
      ...LSNS,
      peer_horizon_lsn: '0/1',
      peers: [
        {
          sk_id: 2,
          term: 1,
          last_log_term: 1,
          flush_lsn: '0/1',
          commit_lsn: '0/1',
          local_start_lsn: '0/1',
          pg_connstr: '',
          http_connstr: '',
        },
      ],
      walsenders: [{}],
      walreceivers: [{ conn_id: 1, status: 'Streaming' }],
    },
  },
].map((parser) => ({ ...parser, reason: 'UnexpectedAnswer' }));

const REQUESTS: Parser[] = [
  {
    name: 'creation',
    parse: parseCreateBody,
    example: { ...IDS, mconf: MEMBERSHIP, ...SERVER, start_lsn: '0/1', commit_lsn: '0/1' },
  },
  {
    name: 'pull',
    parse: parsePullBody,
    example: { ...IDS, http_hosts: ['http://a'], mconf: MEMBERSHIP, ignore_tombstone: false },
  },
  { name: 'membership', parse: parseMembershipBody, example: MEMBERSHIP },
  { name: 'term bump', parse: parseTermBumpBody, example: { term: 5 } },
].map((parser) => ({ ...parser, reason: 'InvalidRequest' }));

const PARSERS = [...ANSWERS, ...REQUESTS];

/** Values that break naive readers, wherever a value can stand. */
const oddValues: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(
    { toString: 1, valueOf: 1 },
    { toString: null },
    { constructor: null, hasOwnProperty: 1 },
    [ID.tenantId],
    [[ID.tenantId]],
    { length: 1e9, 0: 'a' },
    '',
    '0/',
    '0/0',
    'FFFFFFFF/FFFFFFFF',
    '1FFFFFFFF/0',
    -1,
    -0,
    0.5,
    1e300,
    2 ** 53,
    2 ** 63,
    2 ** 64,
    null,
    true,
  ),
);

/** A valid body with some of its values replaced, removed or added. */
function changed(example: unknown): fc.Arbitrary<unknown> {
  return fc
    .array(fc.tuple(fc.nat(), fc.constantFrom('replace', 'remove', 'repeat'), oddValues), {
      minLength: 1,
      maxLength: 3,
    })
    .map((changes) => {
      let value: unknown = structuredClone(example);
      for (const [where, what, odd] of changes) value = changeOne(value, where, what, structuredClone(odd));
      return value;
    });
}

function changeOne(root: unknown, where: number, what: string, odd: unknown): unknown {
  const places: Array<readonly [holder: Record<string, unknown>, key: string]> = [];
  const collect = (value: unknown) => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value)) {
      places.push([value as Record<string, unknown>, key]);
      collect(inner);
    }
  };
  collect(root);
  const place = places[where % (places.length + 1)];
  if (place === undefined) return odd;
  const [holder, key] = place;
  if (what === 'remove') delete holder[key];
  else holder[key] = what === 'repeat' ? Array.from({ length: 5 }, () => structuredClone(holder[key])) : odd;
  return root;
}

/** The text of a changed body, sometimes damaged or cut. */
function texts(example: unknown): fc.Arbitrary<string> {
  const cuts = fc.option(fc.tuple(fractions(), fc.string({ maxLength: 3 })), {
    freq: 1,
  });
  return fc.tuple(changed(example), cuts).map(([value, cut]) => {
    const text = JSON.stringify(value) ?? '';
    if (cut === null) return text;
    const at = Math.floor(cut[0] * text.length);
    return cut[1] === '' ? text.slice(0, at) : text.slice(0, at) + cut[1] + text.slice(at + cut[1].length);
  });
}

function refusalOf(parse: (text: string) => unknown, text: string): unknown {
  try {
    parse(text);
    return undefined;
  } catch (error) {
    return error;
  }
}

function expectTakenOrRefused({ parse, reason }: Parser, text: string): void {
  const error = refusalOf(parse, text);
  if (error === undefined) return;
  expect(error).toBeInstanceOf(Failure);
  expect(error).toMatchObject({ reason });
}

describe.each(PARSERS)('$name ($reason)', (parser) => {
  test('takes the example', () => {
    expect(refusalOf(parser.parse, JSON.stringify(parser.example))).toBeUndefined();
  });

  test(
    'is read or refused, whatever stands in it',
    () => {
      fc.assert(
        fc.property(fc.oneof({ weight: 9, arbitrary: texts(parser.example) }, fc.string()), (text) =>
          expectTakenOrRefused(parser, text),
        ),
        fuzzRuns(300),
      );
    },
    FUZZ_TIMEOUT_MS,
  );
});

/** Where a large value is put, so that something looks at it. */
const LARGE: ReadonlyArray<readonly [name: string, key: string]> = [
  ['timeline status', 'peers'],
  ['disk dump', 'timelines'],
  ['transfers', 'running'],
  ['creation', 'mconf'],
  ['pull', 'http_hosts'],
  ['term bump', 'term'],
];
const LARGE_BYTES = 512 * 1024;
const HEAP_GROWTH_BYTES_MAX = 150 * 1024 * 1024;

describe.each(LARGE)('a large body of a %s', (name, key) => {
  test.each([
    ['deep lists', '['.repeat(LARGE_BYTES)],
    ['deep objects', '{"a":'.repeat(LARGE_BYTES / 5)],
    ['a long list', `[${'0,'.repeat(LARGE_BYTES / 2)}0]`],
    ['a list of objects', `[${'{},'.repeat(LARGE_BYTES / 3)}{}]`],
    ['a long string', `"${'a'.repeat(LARGE_BYTES)}"`],
    ['a long escaped string', `"${'\\n'.repeat(LARGE_BYTES / 2)}"`],
    ['a long number', '1'.repeat(LARGE_BYTES)],
    ['white space', ' '.repeat(LARGE_BYTES)],
    ['many keys', `{${Array.from({ length: LARGE_BYTES / 12 }, (_, at) => `"k${at}":1`).join()}}`],
  ])('is refused soon, in few words and little memory: %s', (_what, value) => {
    for (const { parse, reason } of PARSERS.filter((parser) => parser.name === name)) {
      const before = process.memoryUsage().heapUsed;
      const error = refusalOf(parse, `{${JSON.stringify(key)}:${value}}`);
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(HEAP_GROWTH_BYTES_MAX);
      expect(error).toMatchObject({ reason });
      expect((error as Failure).message.length).toBeLessThan(1_000);
    }
  });
});

test(
  'every JSON text of any values survives the lossless parser unchanged',
  () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        fc.pre(!text.includes('__proto__'));
        const again = JSON.parse(stringifyLosslessJson(parseLosslessJson(text))) as unknown;
        expect(JSON.stringify(again)).toBe(JSON.stringify(JSON.parse(text)));
      }),
      fuzzRuns(300),
    );
  },
  FUZZ_TIMEOUT_MS,
);

test(
  'a debug dump query is read or refused',
  () => {
    const names = fc.constantFrom('dump_all', 'dump_memory', 'tenant_id', 'timeline_id', 'x', '__proto__', 'toString');
    const values = fc.oneof(fc.constantFrom('true', 'false', '', ID.tenantId), fc.string());
    fc.assert(
      fc.property(fc.array(fc.tuple(names, values), { maxLength: 5 }), (pairs) => {
        const query = new URLSearchParams(pairs);
        const error = refusalOf(() => parseDebugDumpQuery(query), '');
        expect(error === undefined || (error instanceof Failure && error.reason === 'InvalidRequest')).toBe(true);
      }),
      fuzzRuns(300),
    );
  },
  FUZZ_TIMEOUT_MS,
);
