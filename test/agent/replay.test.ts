import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseLosslessJson, stringifyLosslessJson } from '../../src/http/json.ts';
import { openRemoteStorage } from '../../src/remote-storage/open-remote-storage.ts';
import type { RemoteStorage } from '../../src/remote-storage/remote-storage.ts';
import { listFixtures } from '../support/fixtures.ts';
import { exchange } from './exchange.ts';
import { type RecordedCase, readRecordedCase, requestBody } from './recorded-case.ts';
import { NOT_REPLAYED, placeBrokenDirectories, SCENARIOS, type Scenario, TIES } from './replay-plan.ts';
import { placeTimeline, startTestAgent, type TestAgent } from './test-agent.ts';

const GROUPS = [
  'node',
  'create',
  'status',
  'pull',
  'snapshot',
  'delete',
  'membership',
  'term_bump',
  'debug_dump',
].concat(['misc', 'control_file']);

describe('answers equal the recorded ones', () => {
  test.each(SCENARIOS)('$name', async (scenario) => {
    await using agents = await startAgents(scenario);
    const asked = agents.get(scenario.asked);
    if (asked === undefined) throw new Error('nobody is asked');
    for (const step of scenario.steps) {
      if (typeof step === 'string') await replay(step, asked, agents);
      else await step.between(asked.dataDirectory);
    }
  });

  test('every recorded case is replayed or has a reason not to be', () => {
    const recorded = GROUPS.flatMap((group) =>
      listFixtures(`http/${group}`, '.json').map((name) => `${group}/${name}`),
    );
    const replayed = SCENARIOS.flatMap(({ steps }) => steps.filter((step) => typeof step === 'string'));
    expect([...replayed, ...Object.keys(NOT_REPLAYED)].sort()).toEqual(recorded.sort());
  });
});

/** By id, with the remote storage that they share. */
class Agents extends Map<number, TestAgent> implements AsyncDisposable {
  readonly remoteStorage: RemoteStorage;
  private readonly remoteDirectory: string;

  constructor(remoteDirectory: string) {
    super();
    this.remoteDirectory = remoteDirectory;
    this.remoteStorage = openRemoteStorage({ kind: 'Directory', path: remoteDirectory }, () => '0');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.values()) await agent[Symbol.asyncDispose]();
    rmSync(this.remoteDirectory, { recursive: true });
  }
}

async function startAgents(scenario: Scenario): Promise<Agents> {
  const remoteDirectory = mkdtempSync(join(tmpdir(), 'replay-remote-'));
  for (const key of scenario.remoteObjects ?? []) {
    mkdirSync(dirname(join(remoteDirectory, key)), { recursive: true });
    writeFileSync(join(remoteDirectory, key), 'WAL');
  }
  const agents = new Agents(remoteDirectory);
  for (const [id, timelines] of Object.entries(scenario.agents)) {
    const prepare = async (dataDirectory: string) => {
      for (const timeline of timelines) await placeTimeline(dataDirectory, timeline);
      if (scenario.brokenDirectories === true && Number(id) === scenario.asked)
        await placeBrokenDirectories(dataDirectory);
    };
    agents.set(Number(id), await startTestAgent({ id: Number(id), prepare, remoteStorage: agents.remoteStorage }));
  }
  return agents;
}

async function replay(name: string, asked: TestAgent, agents: Agents): Promise<void> {
  const [group = '', caseName = ''] = name.split('/');
  const recorded = readRecordedCase(group, caseName);
  const recordedHeaders = Object.fromEntries(recorded.response.headers);
  const body = recorded.request.body === null ? undefined : bodyToSend(recorded, agents);
  const answer = await exchange(asked.url, {
    method: recorded.request.method,
    path: recorded.request.path,
    ...(body === undefined ? {} : { body }),
    headers: { 'x-request-id': recordedHeaders['x-request-id'] ?? '' },
  });
  const text = toRecordedHosts(answer.body.toString(), agents);
  expect({ name, status: answer.status, isCut: answer.isCut, body: comparable(name, text) }).toEqual({
    name,
    status: recorded.response.status,
    isCut: recorded.response.read_error !== undefined,
    body: comparable(name, recorded.response.body_text),
  });
  expect(answer.headers['x-request-id'], name).toBe(recordedHeaders['x-request-id']);
  expect(answer.headers['content-type'], name).toBe(recordedHeaders['content-type']);
  if (TIES.has(name)) expectDonorAmongHosts(name, recorded, text);
}

/** The text, but for what an agent lawfully says otherwise: it hears of no peers, lists are in no order, ties. */
function comparable(name: string, text: string): string {
  if (name === 'status/timeline_list') {
    return stringifyLosslessJson((parseLosslessJson(text) as unknown[]).map(stringifyLosslessJson).sort());
  }
  if (TIES.has(name)) return text.replace(/127\.0\.0\.1:\d+/, 'donor');
  if (!name.startsWith('status/status_') || !text.includes('"peers"')) return text;
  return stringifyLosslessJson({ ...(parseLosslessJson(text) as object), peers: [] });
}

function expectDonorAmongHosts(name: string, recorded: RecordedCase, text: string): void {
  const { http_hosts: hosts } = recorded.request.body as { http_hosts: string[] };
  const { safekeeper_host: host } = JSON.parse(text) as { safekeeper_host: string };
  expect(hosts, name).toContain(host);
}

/** Refusals name columns and repeat what was sent, so those bodies go out as recorded. */
function bodyToSend(recorded: RecordedCase, agents: Agents): string {
  const text = requestBody(recorded);
  return recorded.response.status === 400 ? text : toRealHosts(text, agents);
}

/** Safekeeper N was recorded at port 7670 + N. */
function toRealHosts(text: string, agents: Agents): string {
  return [...agents].reduce((done, [id, agent]) => done.replaceAll(recordedUrl(id), agent.url), text);
}

function toRecordedHosts(text: string, agents: Agents): string {
  return [...agents].reduce((done, [id, agent]) => done.replaceAll(agent.url, recordedUrl(id)), text);
}

function recordedUrl(id: number): string {
  return `http://127.0.0.1:${7670 + id}`;
}
