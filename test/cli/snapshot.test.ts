import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acquirePidLock } from '../../src/disk/pid-lock.ts';
import { TokenVerifier, openPublicKeys } from '../../src/http/token-verifier.ts';
import { systemClock } from '../../src/base/clock.ts';
import { readTexts } from '../../src/disk/read-texts.ts';
import { gate } from '../agent/gate.ts';
import { PATIENCE, placeTimeline, readTar, startTestAgent, TENANT } from '../agent/test-agent.ts';
import { readGzipFixture } from '../support/fixtures.ts';
import { fingerprints, silentLog } from '../transfer/harness.ts';
import { tokenIssuer } from '../support/tokens.ts';
import { ended, runBuilt, startBuilt } from './run-built.ts';

const TIMELINE = `a${'1'.padStart(31, '0')}`;
const NAME = `${TENANT}/${TIMELINE}`;
const SNAPSHOT = 'resident_14_segments';

let directory: string;
let file: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'snapshot-'));
  file = join(directory, 'timeline.tar');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function place(dataDirectory: string): Promise<unknown> {
  return placeTimeline(dataDirectory, { snapshot: SNAPSHOT, timelineId: TIMELINE });
}

/** A data directory of safekeeper 1, which is not running. */
async function placeOffline(): Promise<string> {
  const data = mkdtempSync(join(directory, 'data-'));
  await place(data);
  writeFileSync(join(data, 'safekeeper.id'), '1');
  return data;
}

/** The files of the timeline as the archive must have them. */
async function expectWhole(archive: Buffer, from: string): Promise<void> {
  const entries = await readTar(archive);
  const names = [...(await readTar(readGzipFixture('snapshots', `${SNAPSHOT}.tar.gz`))).keys()];
  expect([...entries.keys()]).toEqual(names);
  const files = new Map(names.map((name) => [name, readFileSync(join(from, TENANT, TIMELINE, name))]));
  expect(fingerprints(entries)).toEqual(fingerprints(files));
}

describe('a timeline becomes a file', () => {
  test('from an agent, and the file is what the wire had', async () => {
    await using agent = await startTestAgent({ prepare: async (data) => void (await place(data)) });
    const { code, output, errors } = await runBuilt([
      'snapshot',
      NAME,
      '--from',
      agent.url,
      '--for',
      '4',
      '--to',
      file,
    ]);
    expect({ code, output: output.length }, errors).toEqual({ code: 0, output: 0 });
    expect(JSON.parse(errors)).toMatchObject({
      msg: 'snapshot written',
      tenant: TENANT,
      timeline: TIMELINE,
      file,
      segments: 14,
    });
    const wire = await fetch(`${agent.url}/v1/tenant/${TENANT}/timeline/${TIMELINE}/snapshot/4`);
    expect(Buffer.from(await wire.arrayBuffer()).equals(readFileSync(file))).toBe(true);
    await expectWhole(readFileSync(file), agent.dataDirectory);
    expect(readdirSync(directory)).toEqual(['timeline.tar']);
  });

  test('from the data directory of a safekeeper that is not running', async () => {
    const data = await placeOffline();
    const { code, errors } = await runBuilt(['snapshot', NAME, '--from', data, '--for', '4', '--to', file]);
    expect(code, errors).toBe(0);
    await expectWhole(readFileSync(file), data);
  });

  test('from a pipe, byte for byte', async () => {
    const data = await placeOffline();
    const { code, output, errors } = await runBuilt(['snapshot', NAME, '--from', data, '--for', '4', '--to', '-']);
    expect(code, errors).toBe(0);
    await expectWhole(output, data);
  });

  test('that was there before is only replaced with --force', async () => {
    const data = await placeOffline();
    writeFileSync(file, 'before');
    const argv = ['snapshot', NAME, '--from', data, '--for', '4', '--to', file];
    const refused = await runBuilt(argv);
    expect(refused).toMatchObject({ code: 1, errors: expect.stringContaining('only replaced with --force') as string });
    expect(readFileSync(file, 'utf8')).toBe('before');
    expect((await runBuilt([...argv, '--force'])).code).toBe(0);
    await expectWhole(readFileSync(file), data);
  });
});

describe('what was uploaded', () => {
  const placeUploaded = async () => {
    const data = mkdtempSync(join(directory, 'data-'));
    await placeTimeline(data, {
      snapshot: 'resident_partial_uploaded',
      timelineId: TIMELINE,
      change: (control) => ({
        ...control,
        partialBackup: control.partialBackup.map((it) => ({ ...it, name: it.name.replace(/_sk\d+/, '_sk1') })),
      }),
    });
    writeFileSync(join(data, 'safekeeper.id'), '1');
    return data;
  };

  test('stays its own for the same safekeeper on another disk', async () => {
    const data = await placeUploaded();
    const { code, errors } = await runBuilt(['snapshot', NAME, '--from', data, '--for', '1', '--to', file]);
    expect(code, errors).toBe(0);
    const sent = (await readTar(readFileSync(file))).get('safekeeper.control');
    expect(sent?.equals(readFileSync(join(data, TENANT, TIMELINE, 'safekeeper.control')))).toBe(true);
  });

  test('is not handed to another one without its remote storage', async () => {
    const data = await placeUploaded();
    const { code, errors } = await runBuilt(['snapshot', NAME, '--from', data, '--for', '4', '--to', file]);
    expect({ code, errors }).toEqual({ code: 1, errors: 'error: remote storage not configured\n' });
    expect(existsSync(file)).toBe(false);
  });
});

describe('a snapshot that does not come whole', () => {
  test('leaves no file, and of a pipe the end is missing', async () => {
    for (const to of [file, '-']) {
      const data = await placeOffline();
      const segments = readdirSync(join(data, TENANT, TIMELINE)).sort();
      rmSync(join(data, TENANT, TIMELINE, segments.at(-2) ?? ''));
      const { code, output, errors } = await runBuilt(['snapshot', NAME, '--from', data, '--for', '4', '--to', to]);
      expect(code).toBe(1);
      expect(errors.trimEnd().split('\n')).toHaveLength(1);
      expect(existsSync(file)).toBe(false);
      if (to === '-') await expect(readTar(output)).rejects.toThrow('Unexpected end of data');
    }
  });

  test('because it was killed leaves nothing under the name', async () => {
    const { afterSnapshotList, reached } = gate();
    await using agent = await startTestAgent({ afterSnapshotList, prepare: async (data) => void (await place(data)) });
    const child = startBuilt(['snapshot', NAME, '--from', agent.url, '--for', '4', '--to', file]);
    const end = ended(child);
    await reached();
    await expect.poll(() => readdirSync(directory), PATIENCE).toHaveLength(1);
    child.kill('SIGKILL');
    expect((await end).code).toBeNull();
    expect(readdirSync(directory)).toEqual([expect.stringMatching(/^\.timeline\.tar\.[0-9a-f]{32}\.partial$/)]);
  });

  test('because it was interrupted leaves nothing at all', async () => {
    const { afterSnapshotList, reached } = gate();
    await using agent = await startTestAgent({ afterSnapshotList, prepare: async (data) => void (await place(data)) });
    const child = startBuilt(['snapshot', NAME, '--from', agent.url, '--for', '4', '--to', file]);
    const end = ended(child);
    await reached();
    await expect.poll(() => readdirSync(directory), PATIENCE).toHaveLength(1);
    child.kill('SIGINT');
    expect(await end).toMatchObject({ code: 1, errors: 'error: interrupted (SIGINT): nothing was written\n' });
    expect(readdirSync(directory)).toEqual([]);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('because its reader stands still ends with one %s', async (signal) => {
    const data = await placeOffline();
    const child = startBuilt(['snapshot', NAME, '--from', data, '--for', '4', '--to', '-']);
    const exit = once(child, 'exit');
    const errors = text(child.stderr!);
    await once(child.stdout!, 'readable');
    child.kill(signal);
    expect(await exit).toEqual([1, null]);
    expect(await errors).toBe(`error: interrupted (${signal}): nothing was written\n`);
    child.stdout?.destroy();
  });

  test('because nobody reads it any more fails', async () => {
    const data = await placeOffline();
    const child = startBuilt(['snapshot', NAME, '--from', data, '--for', '4', '--to', '-']);
    child.stdout?.destroy();
    const chunks: string[] = [];
    child.stderr?.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
    const code = await new Promise((resolve) => child.once('exit', resolve));
    expect({ code, errors: chunks.join('') }).toEqual({
      code: 1,
      errors: 'error: whoever reads standard output has stopped: write EPIPE\n',
    });
  });
});

describe('bad input is one clear line', () => {
  const expectLine = async (argv: readonly string[], code: number, line: RegExp, environment = {}) => {
    const ran = await runBuilt(['snapshot', ...argv], environment);
    expect(ran.errors).toMatch(line);
    expect(ran.code).toBe(code);
    expect(ran.output).toHaveLength(0);
    if (code === 1) expect(ran.errors.trimEnd().split('\n')).toHaveLength(1);
  };

  test('a timeline that is not there', async () => {
    const data = await placeOffline();
    const other = `${TENANT}/${'b'.repeat(32)}`;
    await expectLine([other, '--from', data, '--for', '4', '--to', file], 1, /has no timeline 1{32}\/b{32}$/m);
    await using agent = await startTestAgent();
    await expectLine([other, '--from', agent.url, '--for', '4', '--to', file], 1, /has no timeline 1{32}\/b{32}$/m);
  });

  test('a directory in use', async () => {
    const data = await placeOffline();
    await using _lock = await acquirePidLock(data);
    await expectLine([NAME, '--from', data, '--for', '4', '--to', file], 3, /is in use by process \d+/);
  });

  test('a safekeeper that does not answer, or is the recipient itself', async () => {
    await expectLine([NAME, '--from', 'http://127.0.0.1:1', '--for', '4', '--to', file], 1, /ECONNREFUSED/);
    await using agent = await startTestAgent();
    await expectLine([NAME, '--from', agent.url, '--for', '1', '--to', file], 1, /is safekeeper 1 itself/);
  });

  test('a token that is refused, which is never shown', async () => {
    const [right, wrong] = [tokenIssuer(), tokenIssuer()];
    const key = join(directory, 'key.pem');
    writeFileSync(key, right.publicKey);
    const source = { read: readTexts, clock: systemClock, log: silentLog };
    const tokens = new TokenVerifier(await openPublicKeys(key, source), systemClock);
    await using agent = await startTestAgent({ tokens, prepare: async (data) => void (await place(data)) });
    const argv = [NAME, '--from', agent.url, '--for', '4', '--to', file];
    const refused = await wrong.issue({ scope: 'safekeeperdata' });
    await expectLine(argv, 1, /answered 403/, { SAFEKEEPER_AUTH_TOKEN: refused });
    await expectLine(argv, 1, /answered 401/);
    const token = join(directory, 'token');
    writeFileSync(token, await right.issue({ scope: 'tenant', tenant_id: TENANT }));
    await expectLine([...argv, '--auth-token-path', token], 0, /snapshot written/);
    expect(statSync(file).size).toBeGreaterThan(0);
  });

  test('arguments', async () => {
    const rest = ['--for', '4', '--to', file];
    await expectLine(['x', '--from', '/data', ...rest], 2, /It must be <tenant id>\/<timeline id>/);
    await expectLine([NAME, '--from', 'ftp://x', ...rest], 2, /it must be http:\/\/host:port/);
    await expectLine([NAME, ...rest], 2, /required option '--from/);
    await expectLine([NAME, '--from', '/data', '--to', file], 2, /required option '--for/);
    await expectLine([NAME, '--from', '/data', '--to', file, '--for', '-1'], 2, /It must be a number/);
  });
});
