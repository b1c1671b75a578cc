import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { placeTimeline, TENANT } from '../agent/test-agent.ts';
import { conditionOf, isReady, TestWorld } from './test-operator.ts';

const SNAPSHOTS = ['resident_partial', 'full_segments_no_partial', 'gen0_v9', 'uninitialized'];

async function placeAll(dataDirectory: string): Promise<void> {
  for (const [index, snapshot] of SNAPSHOTS.entries()) {
    await placeTimeline(dataDirectory, {
      snapshot,
      timelineId: `${index + 1}`.repeat(32),
      change: (file) => ({
        ...file,
        membership:
          file.membership.generation === 0
            ? file.membership
            : {
                ...file.membership,
                members: [1n, 2n, 3n].map((id) => ({ id: id as never, host: '127.0.0.1', pgPort: 5454 })),
              },
      }),
    });
  }
}

/** SHA-256 of every WAL file, by `timeline/name`. */
function walOf(dataDirectory: string): Map<string, string> {
  const wal = new Map<string, string>();
  for (const timeline of readdirSync(join(dataDirectory, TENANT))) {
    for (const file of readdirSync(join(dataDirectory, TENANT, timeline))) {
      const content = readFileSync(join(dataDirectory, TENANT, timeline, file));
      if (file.startsWith('0000')) wal.set(`${timeline}/${file}`, createHash('sha256').update(content).digest('hex'));
    }
  }
  return wal;
}

test('a wiped safekeeper gets every timeline back, byte for byte', async () => {
  await using world = await TestWorld.start(3, placeAll);
  await world.createCluster();
  world.startOperator();
  await world.untilTimelines('the inventory finds them, all are Ready', SNAPSHOTS.length, isReady);
  const victim = world.safekeepers[1]!;
  const before = walOf(victim.dataDirectory);
  expect(before.size).toBeGreaterThan(5);

  await victim.stop();
  victim.wipe();
  await victim.start();
  await world.untilTimelines(
    'the loss is seen',
    SNAPSHOTS.length,
    (timeline) => conditionOf(timeline, 'Ready')?.reason === 'ReplicaLost',
  );
  const healed = await world.untilTimelines('all are Ready again', SNAPSHOTS.length, isReady);

  expect(walOf(victim.dataDirectory)).toEqual(before);
  for (const { status } of healed) {
    expect(status?.redundancy).toBe('3/3');
    expect(status?.history?.[0]).toMatchObject({
      recipient: 2,
      outcome: 'Recovered',
      fencing: 'ByTerms',
      forced: false,
    });
    expect(status?.recovery).toBeUndefined();
  }
  await world.untilEvents('ReplicaLost', 'RecoveryStarted', 'Recovered');
});
