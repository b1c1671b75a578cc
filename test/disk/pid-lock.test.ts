import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { acquirePidLock, findPidLockHolder, PID_FILE_NAME } from '../../src/disk/pid-lock.ts';

async function temporary(): Promise<AsyncDisposable & { path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'pid-lock-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

describe('acquirePidLock', () => {
  test('writes the pid and keeps a second taker out until it is given back', async () => {
    await using directory = await temporary();
    {
      await using _lock = await acquirePidLock(directory.path);
      expect(await readFile(join(directory.path, PID_FILE_NAME), 'latin1')).toBe(String(process.pid));
      await expect(acquirePidLock(directory.path)).rejects.toMatchObject({
        reason: 'DataDirectoryLocked',
        message: expect.stringContaining(`in use by process ${process.pid}`) as string,
      });
    }
    await using _again = await acquirePidLock(directory.path);
    expect(await readFile(join(directory.path, PID_FILE_NAME), 'latin1')).toBe(String(process.pid));
  });

  const hasFlock = spawnSync('flock', ['--version']).status === 0;
  test.skipIf(!hasFlock)('excludes and is excluded by another program that uses flock', async () => {
    await using directory = await temporary();
    const path = join(directory.path, PID_FILE_NAME);
    const other = spawn('flock', ['--exclusive', path, '-c', 'echo locked; read line'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    await once(other.stdout, 'data');
    await expect(acquirePidLock(directory.path)).rejects.toMatchObject({ reason: 'DataDirectoryLocked' });
    other.stdin.end('\n');
    await once(other, 'exit');

    await using _lock = await acquirePidLock(directory.path);
    const refused = spawn('flock', ['--nonblock', '--exclusive', path, 'true'], { stdio: 'ignore' });
    const [code] = (await once(refused, 'exit')) as [number];
    expect(code).toBe(1);
  });

  test('says what is wrong with the file itself', async () => {
    await using directory = await temporary();
    await mkdir(join(directory.path, PID_FILE_NAME));
    const failure = { reason: 'PidLockFailed', cause: { code: 'EISDIR' } };
    await expect(acquirePidLock(directory.path)).rejects.toMatchObject(failure);
  });

  test('names the data directory that does not exist', async () => {
    await using directory = await temporary();
    const missing = join(directory.path, 'nowhere');
    await expect(acquirePidLock(missing)).rejects.toMatchObject({
      reason: 'DataDirectoryMissing',
      message: expect.stringContaining(missing) as string,
    });
  });
});

test('who holds the lock is seen without taking it', async () => {
  await using directory = await temporary();
  const { path } = directory;
  expect(await findPidLockHolder(path)).toBeUndefined();
  await writeFile(join(path, PID_FILE_NAME), '12345');
  // Left over by somebody who is gone.
  expect(await findPidLockHolder(path)).toBeUndefined();
  {
    await using _lock = await acquirePidLock(path);
    expect(await findPidLockHolder(path)).toBe(process.pid);
  }
  expect(await findPidLockHolder(path)).toBeUndefined();
});
