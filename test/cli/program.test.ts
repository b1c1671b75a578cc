import { afterEach, expect, test, vi } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { EXIT, exitCodeOf, finalText } from '../../src/cli/errors.ts';
import { runKubectlPlugin, runProgram } from '../../src/cli/program.ts';

afterEach(() => vi.restoreAllMocks());

/** Runs a command line with everything it prints caught. */
function run(...argv: string[]): Promise<{ code: number; output: string }> {
  return runIt(runProgram, argv);
}

async function runIt(program: typeof runProgram, argv: string[]): Promise<{ code: number; output: string }> {
  const printed: string[] = [];
  const print = (chunk: string | Uint8Array) => printed.push(String(chunk)) > 0;
  vi.spyOn(process.stdout, 'write').mockImplementation(print);
  vi.spyOn(process.stderr, 'write').mockImplementation(print);
  const code = await program(argv);
  return { code, output: printed.join('') };
}

test('a near miss is answered with what was probably meant, exit code 2', async () => {
  const { code, output } = await run('agnt');
  expect(code).toBe(2);
  expect(output).toContain("unknown command 'agnt'");
  expect(output).toContain('Did you mean agent?');
});

test('bad options of every command are bad usage', async () => {
  for (const argv of [
    ['operator', '--nope'],
    ['operator', '--lease-duration', '0s'],
    ['operator', '--lease-renew-deadline', '15s'],
    ['operator', '--lease-retry-period', '9s'],
    ['agent'],
    ['agent', '--data-dir', '/tmp', '--listen', 'x'],
    ['demo', 'x'],
    ['inspect'],
    ['inspect', '/tmp', '/tmp'],
  ]) {
    const { code, output } = await run(...argv);
    expect({ argv, code }).toEqual({ argv, code: 2 });
    expect(output).toMatch(/^error: /);
  }
});

test('so is a data directory that is none, and the whole error is one line', async () => {
  const id = '1'.repeat(32);
  for (const path of ['/nowhere', '/dev/null']) {
    for (const argv of [
      ['inspect', path],
      ['restore', '--data-dir', path, '--peer', 'http://127.0.0.1:9'],
      ['snapshot', `${id}/${id}`, '--from', path, '--for', '3', '--to', '-'],
      ['install', '-', '--data-dir', path, '--peer', 'http://127.0.0.1:9'],
    ]) {
      const { code, output } = await run(...argv);
      expect({ argv, code }).toEqual({ argv, code: 2 });
      expect(output).toMatch(new RegExp(`^error: the data directory ${path} must exist and be readable: .+\n$`));
    }
  }
});

test('help and version are no errors', async () => {
  expect(await run('--version')).toEqual({ code: 0, output: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  const help = await run('--help');
  expect(help.code).toBe(0);
  for (const command of ['operator', 'agent', 'inspect', 'status', 'snapshot', 'install', 'restore', 'crds', 'demo'])
    expect(help.output).toContain(command);
});

test('what cannot be done is one line without a stack trace, exit code 1', async () => {
  const { code, output } = await run('crds', '--output-dir', '/dev/null/directory');
  expect(code).toBe(1);
  expect(output.trimEnd().split('\n')).toHaveLength(1);
  expect(output).toContain('/dev/null/directory');
});

test('every command shows examples of itself', async () => {
  for (const command of [
    'operator',
    'agent',
    'status',
    'approve',
    'pause',
    'resume',
    'force-donor',
    'crds',
    'demo',
    'completion',
  ]) {
    const { code, output } = await run(command, '--help');
    expect(code).toBe(0);
    const [, examples = ''] = output.split('Examples:\n');
    expect(examples).toContain(`safekeeper-operator ${command}`);
    for (const line of examples.trimEnd().split('\n')) expect(line).toMatch(/^( {2}(# .+|.*safekeeper-operator .+))?$/);
  }
});

test('where an error arose, and what caused it, is shown on request only', async () => {
  const argv = ['crds', '--output-dir', '/dev/null/directory'];
  expect((await run(...argv)).output).not.toMatch(/^ {4}at /m);
  for (const debugged of [
    [...argv, '--debug'],
    ['--debug', ...argv],
  ]) {
    const { code, output } = await run(...debugged);
    expect(code).toBe(1);
    expect(output).toMatch(/^error: .*\/dev\/null\/directory/);
    expect(output).toMatch(/^ {4}at /m);
    expect(output).toContain('[ENOTDIR]');
  }
});

test('the stack of an error is followed by those of its causes, and nothing else that they carry', () => {
  const cause = Object.assign(new Error('the socket broke'), {
    code: 'ECONNRESET',
    headers: { authorization: 'Bearer secret' },
  });
  const text = finalText(new Failure('Refused', 'not today', { cause }), true);
  expect(text).toMatch(/^refused: not today: the socket broke\nFailure: not today\n {4}at /);
  expect(text).toMatch(/\ncaused by: Error: the socket broke\n {4}at [^]*\[ECONNRESET\]$/);
  expect(text).not.toContain('secret');
  expect(finalText(new Failure('BadUsage', 'error: once'), false)).toBe('error: once');
  expect(exitCodeOf(new Failure('Refused', ''))).toBe(EXIT.refused);
});

test.each([
  [['--limit', '0'], 'must be a whole number above 0'],
  [['-o', 'table'], 'Allowed choices are wide, json, yaml'],
  [['-o', 'json', '--watch'], '-o json cannot be watched'],
  [['--watc'], 'Did you mean --watch?'],
  [['nope/x'], '"nope" is no type that is known here'],
  [['approve'], "missing required argument 'name'"],
  [['approve', 'x', '--yes'], "unknown option '--yes'"],
  [['pause', 'x', '--for', 'ever'], 'write it like 30s, 5m or 1h30m'],
])('kubectl safekeepers %j is bad usage', async (argv, message) => {
  const { code, output } = await runIt(runKubectlPlugin, argv);
  expect({ code, output }).toEqual({ code: 2, output: expect.stringMatching(/^error: /) });
  expect(output).toContain(message);
});

test('kubectl safekeepers has its help, that of its commands, and a version', async () => {
  const help = await runIt(runKubectlPlugin, ['--help']);
  expect(help).toMatchObject({ code: 0 });
  for (const shown of ['--watch', 'force-donor', 'skt/approve', 'kubectl safekeepers -A --watch']) {
    expect(help.output).toContain(shown);
  }
  const ofCommand = await runIt(runKubectlPlugin, ['help', 'approve']);
  expect(ofCommand.output).toContain('Usage: kubectl safekeepers approve [options] <name>');
  expect((await runIt(runKubectlPlugin, ['--version'])).output).toMatch(/^\d+\.\d+\.\d+\n$/);
});
