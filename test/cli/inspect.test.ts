import { spawn } from 'node:child_process';
import { mkdir, readFile, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { runProgram } from '../../src/cli/program.ts';
import { parseLosslessJson } from '../../src/http/json.ts';
import { placeTimeline, startTestAgent, TENANT } from '../agent/test-agent.ts';
import { activeWalBytes, layTimeline } from '../bench/timelines.ts';
import { snapshotOf, testDirectory } from '../inspect/inspected.ts';
import { timelineId } from '../transfer/harness.ts';

const PROGRAM = resolve(import.meta.dirname, '../../dist/safekeeper-operator.js');
const SEGMENT = '000000010000000000000047';

afterEach(() => {
  vi.restoreAllMocks();
  process.exitCode = undefined;
});

/** Runs a command line in this process with everything it prints caught. */
async function run(...argv: string[]): Promise<{ code: number; output: string; errors: string }> {
  const printed: string[] = [];
  const errors: string[] = [];
  vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => printed.push(String(chunk)) > 0);
  vi.spyOn(process.stderr, 'write').mockImplementation((chunk) => errors.push(String(chunk)) > 0);
  const code = await runProgram(['inspect', ...argv]);
  return { code, output: stripVTControlCharacters(printed.join('')), errors: errors.join('') };
}

/** Runs the bundle, which has threads. */
async function runBundle(argv: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const { NO_COLOR: _no, FORCE_COLOR: _force, CI: _ci, ...inherited } = process.env;
  const child = spawn(process.execPath, [PROGRAM, 'inspect', ...argv], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [output, errors] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const code = child.exitCode ?? (await new Promise<number | null>((done) => child.once('exit', done)));
  return { code, output, errors };
}

describe('the table', () => {
  test('has a line for each timeline, its findings below, a summary at the end', async () => {
    await using data = await testDirectory();
    await data.place({ snapshot: 'resident_partial', timelineId: '1'.repeat(32) });
    const damaged = await data.place({ snapshot: 'resident_partial', timelineId: '2'.repeat(32) });
    await data.place({ snapshot: 'offloaded', timelineId: '3'.repeat(32) });
    await rm(join(damaged, SEGMENT));
    const { code, output } = await run(data.path);
    expect(code).toBe(1);
    const lines = output.split('\n');
    expect(lines[0]).toMatch(/^ {2}TENANT\/TIMELINE +WAL +TERM \(LOG\) +GEN +COMMIT_LSN +END OF WAL +SEGMENTS$/);
    expect(lines[1]).toMatch(/^● 1{32}\/1{32} on disk +1 \(1\) +1 +0\/4800030 +0\/4800030 +3\/3$/);
    expect(lines[2]).toMatch(/^✖ 1{32}\/2{32} on disk .* 2\/3$/);
    expect(lines[3]).toMatch(new RegExp(`^ {4}✖ SegmentsMissing: Segment ${SEGMENT} is missing: .*peer\\.$`));
    expect(lines[4]).toMatch(/^● 1{32}\/3{32} offloaded .* 0\/0$/);
    expect(lines.at(-2)).toBe(
      `✖ ${data.path} of safekeeper 4: 3 timelines, 1 of them unsound: 1 problem; --deep reads every record of the WAL, too`,
    );
  });

  test('keeps to ASCII where the locale has nothing else', async () => {
    await using data = await testDirectory();
    await data.place({ snapshot: 'resident_partial' });
    const { output } = await runBundle([data.path], { LC_ALL: 'C' });
    expect(output).toMatch(/^\* [0-9a-f]{32}\/[0-9a-f]{32} on disk/m);
    expect(output).toMatch(/^[\n -~]+$/);
  });

  test('shows all that the control files say when asked to', async () => {
    await using data = await testDirectory();
    await data.place({ snapshot: 'offloaded' });
    const { code, output } = await run('--data-dir', data.path, '--verbose');
    expect(code).toBe(0);
    for (const said of [
      'control file version 10, Postgres 150020, system id 7711123713686317059, segments of 1 MiB',
      'members 1 (127.0.0.1:5471), 2 (127.0.0.1:5472), 3 (127.0.0.1:5473)',
      'terms 0 at 0/466DF60, 1 at 0/466DF60',
      'backup 0/4800000, remote_consistent 0/4800030',
      'offloaded at 0/4800030',
      '_sk4.partial up to 0/4800030',
    ]) {
      expect(output).toContain(said);
    }
  });

  test('names that a terminal would act on are shown, not sent', async () => {
    await using data = await testDirectory();
    await writeFile(join(data.path, 'x\u001b[2J\ny'), '');
    const { code, output } = await run(data.path);
    expect(code).toBe(0);
    expect(output).toContain('x\\x1b[2J\\x0ay is nothing that a safekeeper writes');
  });

  test('has colours on request, and none with NO_COLOR', async () => {
    await using data = await testDirectory();
    await data.place({ snapshot: 'uninitialized' });
    const escape = String.fromCharCode(27);
    expect((await runBundle([data.path], { FORCE_COLOR: '1' })).output).toContain(`${escape}[32m●`);
    expect((await runBundle([data.path], { FORCE_COLOR: '1', NO_COLOR: '1' })).output).not.toContain(escape);
  });
});

interface Json {
  readonly directory: string;
  readonly safekeeper_id: number | null;
  readonly in_use_by: number | null;
  readonly deep: boolean;
  readonly sound: boolean;
  readonly timelines: ReadonlyArray<Record<string, unknown>>;
  readonly findings: readonly unknown[];
  readonly totals: Record<string, number>;
}

describe('the JSON document', () => {
  test('has everything that the table has, LSNs as text, numbers exact', async () => {
    await using data = await testDirectory();
    const directory = await data.place({ snapshot: 'resident_partial' });
    await truncate(join(directory, SEGMENT), 0);
    await truncate(join(directory, SEGMENT), 1024 * 1024);
    await mkdir(join(data.path, 'tmp', 'x_temptli'), { recursive: true });
    const { code, output } = await run(data.path, '--json', '--deep');
    expect(code).toBe(1);
    const json = parseLosslessJson(output) as Json;
    expect(json).toMatchObject({ directory: data.path, safekeeper_id: 4, in_use_by: null, deep: true, sound: false });
    expect(json.findings).toMatchObject([
      {
        kind: 'LeftoverTemp',
        severity: 'Notice',
        path: join(data.path, 'tmp', 'x_temptli'),
        message: expect.any(String),
      },
    ]);
    expect(json.timelines).toMatchObject([
      {
        tenant_id: TENANT,
        path: directory,
        sound: false,
        control_file: { version: 10, commit_lsn: '0/4800030', server: { system_id: 7711123713686317059n } },
        wal: { end_lsn: '0/4800030', segments: 3, required_segments: 3 },
        findings: [
          {
            kind: 'WalDamaged',
            severity: 'Problem',
            at: { record_lsn: '0/4699928', lsn: '0/4700000', problem: 'PageMagic' },
          },
        ],
      },
    ]);
    expect(json.totals).toMatchObject({ timelines: 1, unsound_timelines: 1, problems: 1, notices: 1 });
    expect(json.totals['wal_bytes_checked']).toBeGreaterThan(1_000_000);
  });

  test('of an empty directory is whole, too', async () => {
    await using data = await testDirectory();
    const { code, output } = await run('--json', data.path);
    expect(code).toBe(0);
    expect(parseLosslessJson(output)).toMatchObject({ timelines: [], findings: [], sound: true });
  });
});

test('only the timelines that are asked for', async () => {
  await using data = await testDirectory();
  for (const timeline of ['1', '2']) await data.place({ snapshot: 'uninitialized', timelineId: timeline.repeat(32) });
  const other = '9'.repeat(32);
  await data.place({ snapshot: 'uninitialized', tenantId: other, timelineId: '1'.repeat(32) });
  const idsOf = async (...flags: string[]) => {
    const { output } = await run(data.path, '--json', ...flags);
    vi.restoreAllMocks();
    return (parseLosslessJson(output) as Json).timelines.map(
      (it) => `${String(it['tenant_id'])[0]}${String(it['timeline_id'])[0]}`,
    );
  };
  expect(await idsOf()).toEqual(['11', '12', '91']);
  expect(await idsOf('--tenant', other)).toEqual(['91']);
  expect(await idsOf('--timeline', '1'.repeat(32))).toEqual(['11', '91']);
  const none = await run(data.path, '--tenant', other, '--timeline', '2'.repeat(32));
  vi.restoreAllMocks();
  expect(none.code).toBe(1);
  expect(none.output).toContain(`timeline that was asked for (${other}/${'2'.repeat(32)})`);
  expect(await idsOf('--tenant', TENANT.toUpperCase(), '--timeline', '2'.repeat(32))).toEqual(['12']);
});

describe('bad usage is one line and exit code 2', () => {
  const missing = join(tmpdir(), 'no-such-directory');
  test.each([
    [[], 'which data directory?'],
    [['/tmp', '--data-dir', '/tmp'], 'give the data directory once'],
    [[missing], `the data directory ${missing} must exist and be readable: ENOENT`],
    [['/etc/passwd'], 'the data directory /etc/passwd must exist and be readable: ENOTDIR'],
    [['/tmp', '--tenant', 'x'], 'It must be 32 hex digits.'],
    [['/tmp', '--threads', '0'], 'It must be a whole number from 1 to 64.'],
    [['/tmp', '--depp'], 'Did you mean --deep?'],
  ])('%j', async (argv, problem) => {
    const { code, output, errors } = await run(...argv);
    expect({ code, output }).toEqual({ code: 2, output: '' });
    expect(errors).toMatch(/^error: /);
    expect(errors).toContain(problem);
  });
});

test('a directory that an agent serves is read, told apart, and left as it was', async () => {
  await using agent = await startTestAgent({
    id: 4,
    prepare: async (directory) => void (await placeTimeline(directory, { snapshot: 'resident_partial' })),
  });
  const before = await snapshotOf(agent.dataDirectory);
  const { code, output } = await run(agent.dataDirectory, '--deep');
  expect(code).toBe(0);
  expect(output).toContain(`InUse: Process ${process.pid} holds safekeeper.pid`);
  expect(output).toMatch(/● .* of safekeeper 4: 1 timeline, nothing wrong, 1 notice; \d+ records in 1\.6 MiB of WAL/);
  expect(await snapshotOf(agent.dataDirectory)).toEqual(before);
  expect(await readFile(join(agent.dataDirectory, 'safekeeper.pid'), 'utf8')).toBe(String(process.pid));
});

test('a link that leads nowhere is told from a directory that is missing', async () => {
  await using links = await testDirectory();
  const link = join(links.path, 'link');
  await symlink('gone', link);
  for (const path of [link, `${link}/`]) {
    const { code, errors } = await run(path);
    expect(code).toBe(2);
    expect(errors).toContain(
      `${path} must exist and be readable: it is a symbolic link to gone, which does not exist\n`,
    );
  }
});

test('a data directory may be reached by a link', async () => {
  await using data = await testDirectory();
  await data.place({ snapshot: 'uninitialized' });
  await using links = await testDirectory();
  await symlink(data.path, join(links.path, 'link'));
  const { code, output } = await run(join(links.path, 'link'));
  expect(code).toBe(0);
  expect(output).toContain('1 timeline, nothing wrong');
});

describe('the bundle', () => {
  test('reads WAL in threads, and finds what one thread finds', async () => {
    await using data = await testDirectory();
    await layTimeline(data.path, timelineId(TENANT, '5'.repeat(32)), activeWalBytes(9));
    const before = await snapshotOf(data.path);
    const sound = await runBundle([data.path, '--deep', '--json', '--threads', '2'], { NODE_DEBUG: 'worker' });
    expect(sound.errors.match(/create new worker/g)).toHaveLength(2);
    expect(sound.code).toBe(0);
    expect(await snapshotOf(data.path)).toEqual(before);
    const segment = join(data.path, TENANT, '5'.repeat(32), '000000010000000000000006');
    const content = await readFile(segment);
    content.fill(0, 9_000_000, 9_000_100);
    await writeFile(segment, content);
    const inThreads = await runBundle([data.path, '--deep', '--json', '--threads', '2']);
    const inOne = await runBundle([data.path, '--deep', '--json', '--threads', '1']);
    expect([inThreads.code, inOne.code]).toEqual([1, 1]);
    const timelines = ({ output }: { output: string }) => (parseLosslessJson(output) as Json).timelines;
    expect(timelines(inThreads)).toEqual(timelines(inOne));
    expect(timelines(inThreads)).toMatchObject([{ findings: [{ kind: 'WalDamaged' }] }]);
    expect(inThreads.errors).toBe('');
  }, 60_000);

  test('ends quietly when nobody reads what it prints', async () => {
    await using data = await testDirectory();
    for (let index = 0; index < 40; index++) {
      await data.place({ snapshot: 'uninitialized', timelineId: index.toString(16).padStart(32, '0') });
    }
    const child = spawn('sh', ['-c', `"${process.execPath}" "${PROGRAM}" inspect "${data.path}" --json | true`]);
    expect(await text(child.stderr)).toBe('');
  });
});
