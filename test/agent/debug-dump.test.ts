import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { term } from '../../src/domain/term.ts';
import { parseLosslessJson } from '../../src/http/json.ts';
import { exchange, rawExchange } from './exchange.ts';
import { readRecordedCase } from './recorded-case.ts';
import { placeTimeline, startTestAgent, type TestAgent } from './test-agent.ts';

type Json = Record<string, unknown>;
const TIME = /^2\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/;
/** What an agent, which takes no WAL, has in memory another way. */
const MEMORY_OF_A_SERVER = ['peers_info_len', 'active', 'last_removed_segno', 'epoch_start_lsn', 'file_open'];

let agent: TestAgent;

beforeAll(async () => {
  agent = await startTestAgent({
    prepare: async (dataDirectory) => {
      for (const digit of ['1', '2', '3']) {
        await placeTimeline(dataDirectory, {
          snapshot: 'resident_partial',
          timelineId: `b${digit.padStart(31, '0')}`,
          change: (controlFile) => ({ ...controlFile, term: term(digit === '1' ? 10n : 1n) }),
        });
      }
      await placeTimeline(dataDirectory, {
        snapshot: 'offloaded',
        change: (controlFile) => ({
          ...controlFile,
          partialBackup: controlFile.partialBackup.map((segment) => ({
            ...segment,
            name: segment.name.replace('_sk4', '_sk1'),
          })),
        }),
      });
    },
  });
});

afterAll(() => agent[Symbol.asyncDispose]());

describe('GET /v1/debug_dump answers in the recorded shape', () => {
  test.each([
    'debug_dump_all_one',
    'debug_dump_control_file',
    'debug_dump_disk',
    'debug_dump_memory',
    'debug_dump_no_history',
    'debug_dump_offloaded',
    'debug_dump_unknown_timeline',
  ])('%s', async (name) => {
    const recorded = readRecordedCase('debug_dump', name);
    const answer = await exchange(agent.url, { path: recorded.request.path });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toBe('application/octet-stream');
    expect(answer.headers['transfer-encoding']).toBe('chunked');
    expect(comparable(answer.body.toString())).toEqual(comparable(recorded.response.body_text));
  });

  test('without parameters everything is listed and nothing shown', async () => {
    const answer = await exchange(agent.url, { path: '/v1/debug_dump' });
    const { timelines, config } = parseLosslessJson(answer.body.toString()) as { timelines: Json[]; config: Json };
    expect(timelines.length).toBe(4);
    for (const { tenant_id: _tenant, timeline_id: _timeline, ...parts } of timelines)
      expect(Object.values(parts)).toEqual([null, null, null, null]);
    expect(config['listen_http_addr']).toBe(agent.url.slice('http://'.length));
    expect(config['workdir']).toBe(agent.dataDirectory);
  });

  test('HTTP/1.0 is refused: a cut would look like the end', async () => {
    expect(await rawExchange(agent.url, 'GET /v1/debug_dump HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 505 /);
  });
});

/** The dump with what depends on machine and moment replaced by its kind. */
function comparable(text: string): unknown {
  const dump = parseLosslessJson(text) as Json & { timelines: Json[] };
  const { start_time: start, finish_time: finish, config, ...rest } = dump;
  expect([start, finish]).toEqual([expect.stringMatching(TIME), expect.stringMatching(TIME)]);
  return { ...rest, config: Object.keys(config as Json).sort(), timelines: dump.timelines.map(comparableTimeline) };
}

function comparableTimeline(timeline: Json): Json {
  const controlFile = timeline['control_file'] as Json | null;
  const memory = timeline['memory'] as Json | null;
  const disk = timeline['disk_content'] as { files: Json[] } | null;
  return {
    ...timeline,
    control_file: controlFile && { ...controlFile, creation_ts: Object.keys(controlFile['creation_ts'] as Json) },
    memory: memory && Object.fromEntries(Object.entries(memory).map(([name, value]) => [name, ofServer(name, value)])),
    disk_content: disk && { files: disk.files.map(({ created: _c, modified: _m, ...file }) => file) },
    wal_last_modified: typeof timeline['wal_last_modified'] === 'string' ? 'a time' : null,
  };
}

function ofServer(name: string, value: unknown): unknown {
  return MEMORY_OF_A_SERVER.includes(name) ? typeof value : value;
}

test('GET /v1/debug_dump with a body is refused', async () => {
  const answer = await exchange(agent.url, { path: '/v1/debug_dump', body: '{}' });
  expect([answer.status, answer.body.toString()]).toEqual([400, '{"msg":"\\"Unexpected request body\\""}']);
});
