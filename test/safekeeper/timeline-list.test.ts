import { describe, expect, test } from 'vitest';
import { limits } from '../../src/base/limits.ts';
import { HttpClient } from '../../src/http/client.ts';
import { stringifyLosslessJson } from '../../src/http/json.ts';
import { SafekeeperClient } from '../../src/safekeeper/client.ts';
import { readTimelineList } from '../../src/safekeeper/timeline-list.ts';
import { bodyOf, readExchange } from '../support/http-fixtures.ts';
import { startHttpStub } from '../support/http-stub.ts';

const never = new AbortController().signal;

async function read(...chunks: readonly string[]) {
  async function* body() {
    for (const chunk of chunks) yield await Promise.resolve(Buffer.from(chunk));
  }
  const all = [];
  for await (const batch of readTimelineList(body())) all.push(...batch);
  return all;
}

test.each(['timeline_list', 'list_during_pull'])('the recorded %s', async (name) => {
  const body = bodyOf(readExchange('status', name));
  const middle = Math.floor(body.length / 2);
  const list = await read(body.slice(0, middle), body.slice(middle));
  const back = list.map((id) => ({ tenant_id: id.tenantId, timeline_id: id.timelineId }));
  expect(stringifyLosslessJson(back)).toBe(body);
  expect(list.length).toBeGreaterThan(0);
});

test('fields that later versions may add are passed over', async () => {
  const item = `{"extra": [{"a": "]}\\"["}], "tenant_id": "${'A'.repeat(32)}", "timeline_id": "${'b'.repeat(32)}"}`;
  expect(await read(` [${item}`, `,${item}`, ' ] \n')).toEqual(
    [1, 2].map(() => ({ tenantId: 'a'.repeat(32), timelineId: 'b'.repeat(32) })),
  );
});

const ITEM = `{"tenant_id":"${'1'.repeat(32)}","timeline_id":"${'2'.repeat(32)}"}`;
test.each([
  ['[]]', 'not valid JSON'],
  ['{}', 'not a list'],
  ['[null]', '0: must have'],
  [`[${ITEM},{"tenant_id":"${'1'.repeat(32)}"}]`, '1: must have'],
  [`[${ITEM}`, 'does not end'],
  [`[${ITEM},`, 'does not end'],
  [`[${ITEM},]`, 'ends with a comma'],
  [`[,${ITEM}]`, 'missing'],
  ['', 'does not end'],
  [`[${'['.repeat(200_000)}`, 'does not end'],
])('%.40s is refused', async (body, problem) => {
  await expect(read(body)).rejects.toMatchObject({
    reason: 'UnexpectedAnswer',
    message: expect.stringContaining(problem),
  });
});

describe('bounds', () => {
  test('an item without an end', async () => {
    const chunks = Array(10).fill('x'.repeat(32 * 1024)) as string[];
    await expect(read('["', ...chunks, '"]')).rejects.toMatchObject({ reason: 'BodyTooLarge' });
  });

  test('a list without an end', async () => {
    async function* endless() {
      yield await Promise.resolve(Buffer.from('['));
      for (;;) yield Buffer.from(`${ITEM},`.repeat(10_000));
    }
    const consume = async () => {
      let count = 0;
      for await (const batch of readTimelineList(endless())) count += batch.length;
      return count;
    };
    await expect(consume()).rejects.toMatchObject({
      reason: 'BodyTooLarge',
      message: expect.stringContaining(String(limits.timelineListBytesMax)),
    });
  });

  test('a list that stops in its middle ends with the connection, and with the signal', async () => {
    await using stub = await startHttpStub((_, response) => {
      response.writeHead(200);
      response.write(`[${ITEM},`);
    });
    await using http = new HttpClient();
    const client = new SafekeeperClient({ http, url: stub.url });
    const stop = new AbortController();
    const consume = async () => {
      let count = 0;
      for await (const batch of client.listTimelines(stop.signal)) {
        count += batch.length;
        stop.abort(new Error('enough'));
      }
      return count;
    };
    await expect(consume()).rejects.toThrow('enough');
    const broken = (async () => {
      for await (const batch of client.listTimelines(never)) {
        expect(batch).toHaveLength(1);
        await stub[Symbol.asyncDispose]();
      }
    })();
    await expect(broken).rejects.toMatchObject({ reason: 'Unreachable' });
  });
});
