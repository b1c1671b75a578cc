import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { nodeDiskUsage } from '../../src/disk/disk-usage.ts';
import { parseSafekeeperId } from '../../src/domain/ids.ts';
import { HttpClient } from '../../src/http/client.ts';
import { restore } from '../../src/restore/restore.ts';
import { Tally } from '../../src/restore/tally.ts';
import { TransferRegistry } from '../../src/transfer/transfer-progress.ts';
import { doomedFileSystem } from '../crash/doomed-file-system.ts';

// The program that bad-input.test.ts starts: restores `dataDirectory` of safekeeper `id` from the peers, and kills itself at
// the `killAt`-th step that changes the disk.

async function main([dataDirectory = '', id = '', killAt = '', ...peerUrls]: readonly string[]): Promise<void> {
  await using http = new HttpClient();
  await restore(
    {
      dataDirectory,
      safekeeperId: parseSafekeeperId(id),
      mode: 'OnlyIfEmpty',
      replaceHollow: false,
      peerUrls,
      storageController: undefined,
      readList: undefined,
      declared: undefined,
      concurrencyMax: 2,
      perDonorMax: 2,
      attemptsMax: 1,
      timeoutMs: 20_000,
      unknownTimeoutMs: 1_000,
      stallTimeoutMs: 5_000,
      files: doomedFileSystem(Number(killAt)),
      diskUsage: nodeDiskUsage,
      http,
      remoteStorage: undefined,
      transfers: new TransferRegistry(systemClock),
      tally: new Tally(),
      clock: systemClock,
      random: () => randomBytes(8).toString('hex'),
      log: createLogger('silent'),
    },
    new AbortController().signal,
  );
}

void main(process.argv.slice(2));
