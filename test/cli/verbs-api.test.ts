import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { annotations, TIMELINE_RESOURCE } from '../../src/api/names.ts';
import { systemClock } from '../../src/base/clock.ts';
import { approve } from '../../src/cli/verbs/approve.ts';
import { APPROVE, decide, openProposal } from '../../src/cli/verbs/decide.ts';
import { forceDonor } from '../../src/cli/verbs/force-donor.ts';
import { pause, resume } from '../../src/cli/verbs/pause.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { FakeConsole, NEVER, ObjectsWorld } from './api-objects.ts';
import {
  clusterObject,
  conditions,
  PROPOSED,
  proposedStatus,
  PULLING,
  quorumLostStatus,
  redundantStatus,
  timelineObject,
} from './status-objects.ts';

let world: ObjectsWorld;
let console: FakeConsole;

beforeEach(async () => {
  world = await ObjectsWorld.open();
  console = new FakeConsole();
});

afterEach(() => world[Symbol.asyncDispose]());

function approveIt(name: string, id?: string) {
  return approve(world.client, world.namespace, name, id, console, systemClock, NEVER);
}

function forceIt(name: string, flags: { yes?: boolean; proposal?: string } = {}) {
  return forceDonor(world.client, world.namespace, name, flags, console, systemClock, NEVER);
}

async function annotationOf(name: string, annotation: string): Promise<string | undefined> {
  return (await world.timeline(name)).metadata.annotations?.[annotation];
}

describe('approve', () => {
  test('writes the id of the open proposal, once', async () => {
    await world.put(timelineObject('a', proposedStatus('abc')));
    await approveIt('skt/a', 'abc');
    expect(await annotationOf('a', annotations.approve)).toBe('abc');
    expect(console.printed).toEqual([
      'safekeepertimeline.safekeeper.dev/a approved: safekeeper 2 is restored from safekeeper 1',
    ]);
    const { resourceVersion } = (await world.timeline('a')).metadata;
    await approveIt('a');
    expect(console.printed[1]).toMatch(/unchanged: this is approved already/);
    expect((await world.timeline('a')).metadata.resourceVersion).toBe(resourceVersion);
  });

  test('says so when nothing runs because of a pause', async () => {
    const paused = conditions({ ...PROPOSED, Paused: ['True', 'Paused'] });
    await world.put(timelineObject('a', { ...proposedStatus(), conditions: paused }));
    await approveIt('a');
    expect(console.warned).toEqual(['Recovery is paused: it runs once that is over.']);
  });

  test('says so when the cluster has its brake on', async () => {
    const braked = clusterObject('main', PULLING);
    const brake = conditions({ Stalled: ['True', 'StormBrake'] }, { Stalled: 'Look first.' });
    await world.put({ ...braked, status: { ...braked.status, conditions: brake } });
    await world.put(timelineObject('a', proposedStatus()));
    await approveIt('a');
    expect(console.warned).toEqual(['The cluster starts no recovery at present. Look first.']);
  });

  test.each([
    ['there is no proposal', redundantStatus(), undefined, /has no open proposal\. Its status: Safe: every member/],
    ['nobody has looked yet', undefined, undefined, /has no open proposal\. Its status: nobody has looked/],
    ['it may lose WAL', quorumLostStatus(), undefined, /may lose WAL, so an approval is not enough/],
    ['another one is open', proposedStatus('new'), 'old', /the open proposal for timeline a is new, not old/],
  ])('is refused when %s', async (_what, status, id, message) => {
    await world.put(timelineObject('a', status));
    const error = await approveIt('a', id).catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({ reason: 'Refused', message: expect.stringMatching(message) });
    expect(await annotationOf('a', annotations.approve)).toBeUndefined();
  });

  test('the object may change between looking and writing, the proposal may not', async () => {
    await world.put(timelineObject('a', proposedStatus('abc')));
    const look = () => openProposal(world.client, world.namespace, 'a', APPROVE, undefined, NEVER);
    const shown = await look();
    await world.writeStatus('a', { message: 'Needs you: in other words.' });
    expect(await decide(world.client, shown, APPROVE, systemClock, NEVER)).toBe(true);
    expect(await annotationOf('a', annotations.approve)).toBe('abc');

    const again = await look();
    await world.writeStatus('a', { proposal: proposedStatus('def').proposal });
    await expect(
      decide(world.client, { ...again, proposal: { ...again.proposal, id: 'abd' } }, APPROVE, systemClock, NEVER),
    ).rejects.toMatchObject({
      reason: 'Refused',
      message:
        'the proposal for timeline a changed meanwhile: it is def now. Nothing was decided: look at it, then decide again',
    });
    expect(await annotationOf('a', annotations.approve)).toBe('abc');
    await world.writeStatus('a', { proposal: null });
    await expect(
      decide(world.client, { ...again, proposal: { ...again.proposal, id: 'abd' } }, APPROVE, systemClock, NEVER),
    ).rejects.toMatchObject({
      message: expect.stringContaining('there is none any more'),
    });
  });

  test('an object that was made anew is not the one that was shown', async () => {
    await world.put(timelineObject('a', proposedStatus('abc')));
    const shown = await openProposal(world.client, world.namespace, 'a', APPROVE, undefined, NEVER);
    await world.client.delete(TIMELINE_RESOURCE, { namespace: world.namespace, name: 'a' }, {}, NEVER);
    await world.put(timelineObject('a', proposedStatus('abc')));
    await expect(decide(world.client, shown, APPROVE, systemClock, NEVER)).rejects.toMatchObject({ reason: 'Refused' });
    expect(await annotationOf('a', annotations.approve)).toBeUndefined();
  });

  test('a proposal that comes back counts anew once the operator has seen the old annotation go', async () => {
    await world.put(timelineObject('a', { ...proposedStatus('abc'), lastHandledApprove: 'abc' }));
    const at = { namespace: world.namespace, name: 'a' };
    await world.client.mergePatch(
      TIMELINE_RESOURCE,
      at,
      { metadata: { annotations: { [annotations.approve]: 'abc' } } },
      NEVER,
    );
    const done = approveIt('a');
    await expect.poll(() => annotationOf('a', annotations.approve)).toBeUndefined();
    await world.writeStatus('a', { lastHandledApprove: null });
    await done;
    expect(await annotationOf('a', annotations.approve)).toBe('abc');
  });

  test('an operator that takes no notice is told of', async () => {
    await world.put(timelineObject('a', { ...proposedStatus('abc'), lastHandledApprove: 'abc' }));
    const clock = new FakeClock();
    const outcome = approve(world.client, world.namespace, 'a', undefined, console, clock, NEVER).catch(
      (error: unknown) => error,
    );
    let error: unknown;
    void outcome.then((value) => (error = value));
    await expect
      .poll(async () => {
        await clock.advance(10_000);
        return error;
      })
      .toMatchObject({ reason: 'DeadlineExceeded', message: expect.stringContaining('is it running?') });
    expect(await annotationOf('a', annotations.approve)).toBeUndefined();
  });
});

describe('a name', () => {
  test('that nobody has is answered with names like it', async () => {
    await world.put(timelineObject('shop-main', redundantStatus()));
    await world.put(timelineObject('billing', redundantStatus()));
    await expect(approveIt('shop-mian')).rejects.toMatchObject({
      reason: 'NotFound',
      message: `there is no timeline "shop-mian" in namespace ${world.namespace} (did you mean shop-main?)`,
    });
  });

  test('of a cluster has no proposal', async () => {
    await world.put(clusterObject('main', PULLING));
    for (const name of ['main', 'skc/main']) {
      await expect(approveIt(name)).rejects.toMatchObject({
        reason: 'BadUsage',
        message: expect.stringContaining('is a cluster'),
      });
    }
  });
});

describe('force-donor', () => {
  const shownLoss = '  at least 16777216 bytes of WAL (16.0 MiB).';

  test('states the loss and wants the id typed', async () => {
    await world.put(timelineObject('a', quorumLostStatus('abc')));
    const questions: string[] = [];
    console = new FakeConsole((question) => {
      expect(console.warned).toContain(shownLoss);
      questions.push(question);
      return Promise.resolve('abc');
    });
    await forceIt('a');
    expect(questions).toEqual(["Type the proposal's id, abc, to go on: "]);
    expect(await annotationOf('a', annotations.forceDonor)).toBe('abc');
    expect(console.warned).toContain('  safekeeper 2: Lost');
    expect(console.printed).toEqual([
      'safekeepertimeline.safekeeper.dev/a forced: safekeeper 2 is restored from safekeeper 1',
    ]);
  });

  test.each([
    ['another answer', new FakeConsole(() => Promise.resolve('yes')), 'not confirmed, nothing was written'],
    ['the end of the input', new FakeConsole(() => Promise.resolve(undefined)), 'not confirmed, nothing was written'],
    ['nobody to ask', new FakeConsole(), 'standard input is no terminal to confirm this on: add --yes if you mean it'],
  ])('%s is a refusal', async (_what, answering, message) => {
    await world.put(timelineObject('a', quorumLostStatus('abc')));
    console = answering;
    await expect(forceIt('a')).rejects.toMatchObject({ reason: 'Refused', message });
    expect(console.warned).toContain(shownLoss);
    expect(await annotationOf('a', annotations.forceDonor)).toBeUndefined();
  });

  test('--yes asks nobody, and still states the loss', async () => {
    await world.put(timelineObject('a', quorumLostStatus('abc')));
    await forceIt('a', { yes: true, proposal: 'abc' });
    expect(console.warned).toContain(shownLoss);
    expect(await annotationOf('a', annotations.forceDonor)).toBe('abc');
  });

  test('a loss that grew while somebody thought it over is not what was accepted', async () => {
    await world.put(timelineObject('a', quorumLostStatus('abc')));
    console = new FakeConsole(async () => {
      await world.writeStatus('a', { proposal: quorumLostStatus('abc', 33_554_432).proposal });
      return 'abc';
    });
    await expect(forceIt('a')).rejects.toMatchObject({
      reason: 'Refused',
      message: expect.stringContaining('changed meanwhile'),
    });
    expect(await annotationOf('a', annotations.forceDonor)).toBeUndefined();
  });

  test('is refused where nothing needs to be forced', async () => {
    await world.put(timelineObject('a', proposedStatus()));
    await expect(forceIt('a', { yes: true })).rejects.toMatchObject({
      reason: 'Refused',
      message: expect.stringContaining('approve it'),
    });
  });
});

describe('pause and resume', () => {
  const pauseIt = (name: string, durationMs?: number, clock = new FakeClock()) =>
    pause(world.client, world.namespace, name, durationMs, console, clock, NEVER);
  const resumeIt = (name: string, clock = new FakeClock()) =>
    resume(world.client, world.namespace, name, console, clock, NEVER);

  test('a timeline, by its spec', async () => {
    await world.put(timelineObject('a', redundantStatus()));
    await pauseIt('a');
    expect((await world.timeline('a')).spec.paused).toBe(true);
    await resumeIt('a');
    expect((await world.timeline('a')).spec.paused).toBe(false);
    expect(console.printed).toEqual(['paused', 'resumed'].map((what) => `safekeepertimeline.safekeeper.dev/a ${what}`));
  });

  test('a cluster for a time, by the annotation that expires by itself', async () => {
    await world.put(clusterObject('main', PULLING));
    await pauseIt('main', 2 * 60 * 60_000);
    expect(console.printed).toEqual(['safekeepercluster.safekeeper.dev/main paused until 2026-01-01T02:00:00Z']);
    const paused = await world.cluster('main');
    expect(paused.spec.paused).not.toBe(true);
    expect(paused.metadata.annotations?.[annotations.pausedUntil]).toBe('2026-01-01T02:00:00Z');
    await resumeIt('skc/main');
    expect((await world.cluster('main')).metadata.annotations?.[annotations.pausedUntil]).toBeUndefined();
  });

  test('a pause that is over, and one that never was, need no end', async () => {
    await world.put(timelineObject('a', redundantStatus()));
    await pauseIt('a', 60_000);
    await resumeIt('a', new FakeClock('2026-01-01T00:02:00Z'));
    expect(console.printed.at(-1)).toBe('safekeepertimeline.safekeeper.dev/a is not paused');
  });

  test('what stays paused all the same is told', async () => {
    await world.put(clusterObject('main', PULLING));
    await world.put(timelineObject('a', redundantStatus(), { paused: true }));
    await pauseIt('a', 60_000);
    expect(console.warned).toEqual(['It is paused by spec.paused, too, which does not expire.']);
    await pauseIt('main');
    await resumeIt('a');
    expect(console.warned.at(-1)).toMatch(/^Its cluster is paused, so nothing is restored yet: resume skc\/main\./);
  });

  test('a name of both kinds is not guessed', async () => {
    await world.put(clusterObject('main', PULLING));
    await world.put(timelineObject('main', redundantStatus()));
    await expect(pauseIt('main')).rejects.toMatchObject({
      reason: 'BadUsage',
      message: expect.stringContaining('skc/main or skt/main'),
    });
    await pauseIt('safekeepertimelines.v1alpha1.safekeeper.dev/main');
    expect((await world.timeline('main')).spec.paused).toBe(true);
    expect((await world.cluster('main')).spec.paused).not.toBe(true);
  });
});
