import { describe, expect, test } from 'vitest';
import { FakeClock, settle } from '../support/fake-clock.ts';
import {
  openRecipient,
  recordedSnapshot,
  startRecordedDonor,
  startScriptedDonor,
  temporaryDirectory,
  statusText,
} from './harness.ts';

describe('asking all hosts', () => {
  test('needs max(hosts - 1, 1) answers; a host of the wrong form gives none', async () => {
    const snapshot = await recordedSnapshot('uninitialized');
    await using data = await temporaryDirectory();
    await using donor = await startRecordedDonor(snapshot);
    await using lacking = await startScriptedDonor({
      status: (response) => response.writeHead(404).end(JSON.stringify({ msg: 'NotFound: timeline not found' })),
      sendSnapshot: (response) => response.writeHead(404).end(),
    });
    await using recipient = await openRecipient(data.path);
    const down = 'http://127.0.0.1:1';
    const refusals: [string[], string][] = [
      [[], 'only got 0 successful status responses. required: 1'],
      [[down, down], 'only got 0 successful status responses. required: 1'],
      [[down, lacking.url, donor.url], 'only got 1 successful status responses. required: 2'],
      [[`${donor.url}/`], 'only got 0 successful status responses. required: 1'],
      [[donor.url.slice('http://'.length)], 'only got 0 successful status responses. required: 1'],
    ];
    for (const [hosts, message] of refusals) {
      await expect(recipient.pull(snapshot.id, hosts)).rejects.toMatchObject({ reason: 'NotEnoughAnswers', message });
    }
    expect(await recipient.pull(snapshot.id, [lacking.url, donor.url])).toBe(donor.url);
  });
});

describe('waiting for every peer', () => {
  test('asks again until all answer in one round', async () => {
    const snapshot = await recordedSnapshot('uninitialized');
    await using data = await temporaryDirectory();
    let rounds = 0;
    await using late = await startScriptedDonor({
      id: 2,
      status: (response) =>
        ++rounds < 3 ? response.writeHead(500).end('{"msg":"starting"}') : response.end(statusText(snapshot.status)),
      sendSnapshot: (response) => response.end(snapshot.body),
    });
    await using donor = await startRecordedDonor(snapshot);
    await using recipient = await openRecipient(data.path);
    const options = { waitForEveryPeerMs: 60_000 };
    expect(await recipient.pull(snapshot.id, [donor.url, late.url], { options })).toBe(donor.url);
    expect(rounds).toBe(3);
  });

  test('ends with null when one of them has no such timeline', async () => {
    const snapshot = await recordedSnapshot('uninitialized');
    await using data = await temporaryDirectory();
    const msg = `NotFound: timeline ${snapshot.id.tenantId}/${snapshot.id.timelineId} not found`;
    await using lacking = await startScriptedDonor({
      status: (response) => response.writeHead(404).end(JSON.stringify({ msg })),
      sendSnapshot: (response) => response.end(),
    });
    await using recipient = await openRecipient(data.path);
    const options = { waitForEveryPeerMs: 60_000 };
    expect(await recipient.pull(snapshot.id, [lacking.url, 'http://127.0.0.1:1'], { options })).toBeNull();
  });

  test('is bounded and can be cancelled', async () => {
    const snapshot = await recordedSnapshot('uninitialized');
    await using data = await temporaryDirectory();
    const clock = new FakeClock();
    await using recipient = await openRecipient(data.path, { clock });
    const options = { waitForEveryPeerMs: 250 };
    const hosts = ['http://127.0.0.1:1'];
    const bounded = recipient.pull(snapshot.id, hosts, { options });
    const outcome = expect(bounded).rejects.toMatchObject({
      reason: 'PeersNotReady',
      message: 'only 0 of 1 peers answered with a status within 250 ms',
    });
    for (let round = 0; round < 3; round++) {
      while (clock.pendingSleepsMs().length === 0) await settle();
      await clock.advance(100);
    }
    await outcome;

    const abort = new AbortController();
    const cancelled = recipient.pull(snapshot.id, hosts, { options, signal: abort.signal });
    while (clock.pendingSleepsMs().length === 0) await settle();
    abort.abort(new Error('no longer wanted'));
    await expect(cancelled).rejects.toThrow('no longer wanted');
  });
});
