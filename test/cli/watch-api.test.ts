import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CLUSTER_RESOURCE } from '../../src/api/names.ts';
import { LiveStore } from '../../src/cli/status/live-store.ts';
import type { Scope } from '../../src/cli/status/scope.ts';
import { watchStatus } from '../../src/cli/status/watch.ts';
import { parseTargets } from '../../src/cli/targets.ts';
import type { Output } from '../../src/cli/terminal/output.ts';
import { NEVER, ObjectsWorld } from './api-objects.ts';
import {
  clusterObject,
  proposedStatus,
  PULLING,
  pullingStatus,
  redundantStatus,
  timelineObject,
  viewContext,
} from './status-objects.ts';

let world: ObjectsWorld;
let stop: AbortController;
let watching: Promise<void> | undefined;
let written: string;

beforeEach(async () => {
  world = await ObjectsWorld.open();
  stop = new AbortController();
  written = '';
  await world.put(clusterObject('main', PULLING));
  await world.put(timelineObject('a', redundantStatus()));
  await world.put(timelineObject('b', pullingStatus()));
});

afterEach(async () => {
  stop.abort();
  await watching;
  await world[Symbol.asyncDispose]();
});

function output(isTTY: boolean): Output {
  return {
    isTTY,
    columns: 80,
    rows: 24,
    write: (text) => {
      written += text;
      return true;
    },
  };
}

async function start(isTTY: boolean, args: string[] = []): Promise<void> {
  const scope: Scope = { namespace: world.namespace, targets: parseTargets(args) };
  const store = new LiveStore(world.access, world.runtime, scope);
  await store.start([], NEVER);
  const options = {
    store,
    limit: 20,
    namespace: world.namespace,
    contextOf: (width: number) => viewContext({ width, nowMs: Date.now() }),
    output: output(isTTY),
    environment: { TERM: 'xterm', LANG: 'C.UTF-8' },
    clock: world.runtime.clock,
  };
  watching = (async () => {
    await using _store = store;
    await watchStatus(options, stop.signal);
  })();
}

/** What stands on the terminal now, without colours. */
function picture(): string {
  const start = written.lastIndexOf('\u001B[J', written.length - 4);
  return stripVTControlCharacters(written.slice(start + 3));
}

test('a terminal is redrawn, and told when nothing can be heard of the API server', { timeout: 60_000 }, async () => {
  await start(true);
  await expect.poll(picture).toMatch(/▲ 2\/3 {2}b {2}Pulling\n(.|\n)*● 3\/3 {2}a\n/);
  expect(written.startsWith('\u001B[?25l')).toBe(true);
  await world.writeStatus('b', redundantStatus());
  await expect.poll(picture).toMatch(/● 3\/3 {2}a\n● 3\/3 {2}b\n/);
  {
    using _closed = world.api.door.close();
    await expect.poll(picture, { timeout: 10_000 }).toMatch(/No news for [0-9]+s, trying again: /);
    expect(picture()).toContain('● 3/3  a');
  }
  await expect.poll(picture, { timeout: 40_000 }).not.toContain('No news for');
  await world.writeStatus('a', { ...proposedStatus(), message: 'Needs you: look.' });
  await expect.poll(picture, { timeout: 10_000 }).toMatch(/✖ 2\/3 {2}a {2}ApprovalNeeded/);
  stop.abort();
  await watching;
  expect(written.endsWith('\u001B[?25h')).toBe(true);
  for (const frame of written.split('\u001B[J')) expect(frame.split('\n').length).toBeLessThanOrEqual(24);
});

test('elsewhere every change that counts is a line, also those of an outage', { timeout: 60_000 }, async () => {
  await start(false);
  await expect.poll(() => written).toContain('● 3/3  a\n');
  expect(written).not.toContain('\u001B');
  const initial = written;
  const lines = () =>
    written
      .slice(initial.length)
      .split('\n')
      .filter((line) => line !== '');
  await world.writeStatus('b', { recovery: { ...pullingStatus().recovery, bytesDone: 100_000_000 } });
  await world.writeStatus('a', proposedStatus());
  await expect.poll(lines).toHaveLength(1);
  expect(lines()[0]).toMatch(
    new RegExp(`^[0-9T:-]+Z {2}✖ 2/3 {2}${world.namespace}/a {2}ApprovalNeeded {2}Needs you: Restore `),
  );
  {
    using _closed = world.api.door.close();
    await expect.poll(lines, { timeout: 10_000 }).toHaveLength(2);
    expect(lines()[1]).toContain('No news from the API server: ');
  }
  await expect
    .poll(lines, { timeout: 40_000 })
    .toContainEqual(expect.stringContaining('The API server answers again.'));
  await world.client.delete(CLUSTER_RESOURCE, { namespace: world.namespace, name: 'main' }, {}, NEVER);
  await expect.poll(() => lines().at(-1), { timeout: 10_000 }).toMatch(/main {2}deleted$/);
});

test('only what was asked for is watched', async () => {
  await start(false, ['skt/b']);
  await expect.poll(() => written).toContain('1 timeline: 1 at risk');
  await world.writeStatus('a', proposedStatus());
  await world.writeStatus('b', redundantStatus());
  await expect.poll(() => written).toMatch(/b {2}AllReplicasPresent\n$/);
  expect(written).not.toMatch(/\/a /);
});

test('what cannot be read at all is an error at once', async () => {
  world.api.door.react = () => ({
    kind: 'Answer',
    status: 403,
    body: { kind: 'Status', code: 403, reason: 'Forbidden', message: 'not you' },
  });
  await expect(start(true)).rejects.toMatchObject({ reason: 'Forbidden' });
  world.api.door.react = () => undefined;
  await expect(start(true, ['skt/c'])).rejects.toMatchObject({ reason: 'NotFound' });
});
