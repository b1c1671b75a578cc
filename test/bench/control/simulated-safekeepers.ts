import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

// A safekeeper that is nothing but its answers: GET /v1/status, its list of so many timelines and their statuses, each a
// recorded one with other ids. `POST /lose/<n>` takes timeline n away. Arguments: id and count.
const [id = '1', count = '0'] = process.argv.slice(2);
const RECORDED = join(process.cwd(), 'test/fixtures/http/status/status_uninitialized.json');
const recorded = (JSON.parse(readFileSync(RECORDED, 'utf8')) as { response: { body_text: string } }).response.body_text;
const TENANT = 'b'.repeat(32);
const timelineAt = (index: number) => index.toString(16).padStart(32, '0');
const held = new Set(Array.from({ length: Number(count) }, (_, index) => timelineAt(index)));
let list: string | undefined;

const server = createServer((request, response) => {
  request.resume();
  const path = request.url ?? '';
  const timeline = /^\/v1\/tenant\/\w+\/timeline\/(\w+)$/.exec(path)?.[1];
  const lost = /^\/lose\/(\d+)$/.exec(path)?.[1];
  if (path === '/v1/status') send(response, 200, JSON.stringify({ id: Number(id) }));
  else if (path === '/v1/tenant/timeline') send(response, 200, (list ??= listed()));
  else if (timeline !== undefined && held.has(timeline)) send(response, 200, statusOf(timeline));
  else if (timeline !== undefined) {
    send(response, 404, JSON.stringify({ msg: `NotFound: timeline ${TENANT}/${timeline} not found` }));
  } else if (lost !== undefined && held.delete(timelineAt(Number(lost)))) {
    list = undefined;
    send(response, 200, 'null');
  } else send(response, 404, 'Not Found');
});
server.listen(0, '127.0.0.1', () => {
  process.send?.({ kind: 'listening', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
});

function listed(): string {
  return JSON.stringify([...held].map((timeline) => ({ tenant_id: TENANT, timeline_id: timeline })));
}

function statusOf(timeline: string): string {
  return recorded
    .replace(/"tenant_id":"\w+"/, `"tenant_id":"${TENANT}"`)
    .replace(/"timeline_id":"\w+"/, `"timeline_id":"${timeline}"`);
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
