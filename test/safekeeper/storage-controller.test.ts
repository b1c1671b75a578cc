import { expect, test } from 'vitest';
import { HttpClient } from '../../src/http/client.ts';
import { parseOwnedTimelines, StorageControllerClient } from '../../src/safekeeper/storage-controller.ts';
import { safekeeperId } from '../agent/test-agent.ts';
import { startHttpStub } from '../support/http-stub.ts';

const never = new AbortController().signal;
const [A, B] = ['a'.repeat(32), 'b'.repeat(32)];

test('a list as the storage controller sends it; what nobody needs may be anything', () => {
  const text = `{"timelines": [
    {"tenant_id": "${A.toUpperCase()}", "timeline_id": "${B}", "peers": [1, 18446744073709551615]},
    {"tenant_id": "${B}", "timeline_id": "${A}"}
  ], "safekeeper_peers": [{"node_id": 1, "listen_http_addr": "sk-1", "http_port": 7676}]}`;
  expect(parseOwnedTimelines(text)).toEqual([
    { tenantId: A, timelineId: B },
    { tenantId: B, timelineId: A },
  ]);
});

test.each([
  ['{"timelines": [{"tenant_id": "a", "timeline_id": "b"}]}', 'timelines.0: must be a timeline'],
  ['{"timelines": [null]}', 'timelines.0: must be a timeline'],
  ['{"timelines": {}}', 'timelines: must be a list'],
  ['{"timelines": [', 'not valid JSON'],
  ['{"timelines": [], "__proto__": {}}', '__proto__'],
])('%s is no list', (text, problem) => {
  expect(() => parseOwnedTimelines(text)).toThrow(problem);
});

test.each([
  [401, 'CredentialsInvalid'],
  [403, 'CredentialsInvalid'],
  [404, 'StorageControllerRefused'],
  [503, 'StorageControllerRefused'],
] as const)('status %i is a Failure %s with its words', async (status, reason) => {
  await using stub = await startHttpStub((_, response) => response.writeHead(status).end('{"msg": "no such thing"}'));
  await using http = new HttpClient();
  const client = new StorageControllerClient({ http, url: `${stub.url}/` });
  const asked = client.timelinesOf(safekeeperId(7), never);
  await expect(asked).rejects.toMatchObject({ reason, message: expect.stringContaining('no such thing') });
  expect(stub.requests[0]?.path).toBe('/control/v1/safekeeper/7/timelines');
});
