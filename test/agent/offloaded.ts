import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { parseRemoteStorageLocation } from '../../src/remote-storage/location.ts';
import { openRemoteStorage } from '../../src/remote-storage/open-remote-storage.ts';
import { readGzipFixture } from '../support/fixtures.ts';
import { exchange } from './exchange.ts';
import { placeTimeline, readTar, startTestAgent, TENANT, type TestAgent } from './test-agent.ts';

const TIMELINE = `d${'1'.padStart(31, '0')}`;
const SEGMENT = '000000010000000000000048_1_0000000004800030_0000000004800030';

/** Key of the recorded offloaded timeline's partial segment, as its owner has it. */
export function uploadedKey(owner: number): string {
  return `${TENANT}/${TIMELINE}/${SEGMENT}_sk${owner}.partial`;
}

/** Agent 4 pulls an offloaded timeline from agent 1, both with this remote storage. */
export async function pullOffloaded(location: string): Promise<void> {
  const open = () => openRemoteStorage(parseRemoteStorageLocation(location), () => '0');
  await using storageOfDonor = open();
  await using storageOfRecipient = open();
  const prepare = async (directory: string) => {
    const rename = (name: string) => name.replace('_sk4', '_sk1');
    await placeTimeline(directory, {
      snapshot: 'offloaded',
      change: (file) => ({
        ...file,
        partialBackup: file.partialBackup.map((it) => ({ ...it, name: rename(it.name) })),
      }),
    });
  };
  await using donor = await startTestAgent({ id: 1, prepare, remoteStorage: storageOfDonor });
  await using recipient = await startTestAgent({ id: 4, remoteStorage: storageOfRecipient });
  const body = JSON.stringify({ tenant_id: TENANT, timeline_id: TIMELINE, http_hosts: [donor.url] });
  const answer = await exchange(recipient.url, { method: 'POST', path: '/v1/pull_timeline', body });
  expect(answer.body.toString()).toBe(JSON.stringify({ safekeeper_host: donor.url }));
  await expectInstalled(recipient);
}

/** What a real safekeeper with id 4 got. */
async function expectInstalled(recipient: TestAgent): Promise<void> {
  const recorded = await readTar(readGzipFixture('snapshots', 'offloaded.tar.gz'));
  const installed = readFileSync(join(recipient.directoryOf(TIMELINE), 'safekeeper.control'));
  expect(recorded.get('safekeeper.control')?.equals(installed)).toBe(true);
}
