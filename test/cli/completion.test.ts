import { spawn } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { complete } from '../../src/cli/completion/candidates.ts';
import { NameArgument } from '../../src/cli/completion/name-argument.ts';
import { completionScript, SHELLS } from '../../src/cli/completion/scripts.ts';
import { ObjectsWorld } from './api-objects.ts';
import {
  clusterObject,
  PULLING,
  proposedStatus,
  quorumLostStatus,
  redundantStatus,
  timelineObject,
} from './status-objects.ts';

function program(): Command {
  return new Command('tool')
    .option('--verbose')
    .addCommand(
      new Command('show')
        .description('shows')
        .addArgument(new NameArgument('[names...]', '', 'any'))
        .option('-n, --namespace <name>', 'where')
        .addOption(new Option('-o, --output <format>', 'how').choices(['json', 'yaml']))
        .option('--kubeconfig <file>', 'which')
        .option('-w, --watch', 'on and on'),
    )
    .addCommand(
      new Command('make').addArgument(new Argument('<shell>', '').choices(['bash', 'zsh'])).argument('<file>'),
    )
    .addCommand(new Command('hidden'), { hidden: true });
}

/** The words that may come next; `+files` where names of files may, too. */
async function offered(...words: string[]): Promise<string[]> {
  const names = (completes: string, _current: string, given: object) =>
    Promise.resolve([`${completes}-object`, 'show', `given:${JSON.stringify(given)}`]);
  const { candidates, files } = await complete(program(), words, names);
  return [...candidates.map(({ value }) => value), ...(files ? ['+files'] : [])];
}

describe('what may come next', () => {
  test.each([
    [[''], ['show', 'make', 'help']],
    [['sh'], ['show']],
    [['--v'], ['--verbose']],
    [
      ['show', '--'],
      ['--namespace', '--output', '--kubeconfig', '--watch', '--help'],
    ],
    [['show', '-w', '--watch', '--w'], []],
    [
      ['show', '--output', ''],
      ['json', 'yaml'],
    ],
    [['show', '-o', 'y'], ['yaml']],
    [['show', '--output=j'], ['--output=json']],
    [['show', '--output', '=', 'j'], ['json']],
    [
      ['show', '--output', '='],
      ['json', 'yaml'],
    ],
    [['show', '--kubeconfig', './'], ['+files']],
    [['show', '--kubeconfig=./'], ['+files']],
    [['show', '--namespace', ''], []],
    [['show', '--nonsense=x'], []],
    [
      ['make', ''],
      ['bash', 'zsh'],
    ],
    [['make', 'bash', ''], ['+files']],
    [['make', 'bash', 'file', ''], []],
    [['show', 'any-'], ['any-object']],
    [['show', 'x', 'y', 'any-'], ['any-object']],
    [['show', '--', '--any', 'any-'], ['any-object']],
    [['show', 's'], ['show']],
    [['unknown', ''], []],
  ])('%j', async (words, expected) => expect(await offered(...words)).toEqual(expected));

  test('names are asked for with the options that say where', async () => {
    const given = await offered('show', '-n', 'neon', '--kubeconfig=file', 'given');
    expect(given).toEqual(['given:{"namespace":"neon","kubeconfig":"file"}']);
  });
});

describe('in real shells', () => {
  const dist = resolve(import.meta.dirname, '../../dist');
  let world: ObjectsWorld;
  let bin: string;

  beforeAll(async () => {
    world = await ObjectsWorld.open();
    await world.put(clusterObject('main', PULLING));
    await world.put(timelineObject('shop-main', proposedStatus()));
    await world.put(timelineObject('shop-gone', quorumLostStatus()));
    await world.put(timelineObject('approve', redundantStatus()));
    bin = await mkdtemp(join(tmpdir(), 'completion-'));
    await writeFile(join(bin, 'kubeconfig'), world.api.kubeconfig());
    for (const name of ['safekeeper-operator', 'kubectl-safekeepers', 'kubectl_complete-safekeepers']) {
      const script = `#!/bin/sh\nexec "${process.execPath}" "${join(dist, `${name}.js`)}" "$@"\n`;
      await writeFile(join(bin, name), script, { mode: 0o755 });
    }
    await symlink(process.execPath, join(bin, 'node'));
  });

  afterAll(async () => {
    await rm(bin, { recursive: true, force: true });
    await world[Symbol.asyncDispose]();
  });

  /** Never in this process's way: the API server runs in it. */
  async function run(command: string, ...args: string[]): Promise<string> {
    const environment = { ...process.env, PATH: `${bin}:${process.env.PATH}`, KUBECONFIG: join(bin, 'kubeconfig') };
    const child = spawn(command, args, { cwd: bin, env: environment, stdio: ['ignore', 'pipe', 'ignore'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    await new Promise<void>((onEnd, onError) => {
      child.on('error', onError);
      child.on('close', () => onEnd());
    });
    return output;
  }

  async function exists(command: string): Promise<boolean> {
    return (await run('sh', '-c', `command -v ${command} || true`)) !== '';
  }

  /** What bash would offer for the line, whose last word is as far as it is written. */
  async function bashOffers(...words: string[]): Promise<string[]> {
    const quoted = words.map((word) => `'${word}'`).join(' ');
    const script = `
      source <(safekeeper-operator completion bash)
      complete -p safekeeper-operator
      COMP_WORDS=(safekeeper-operator ${quoted})
      COMP_CWORD=${words.length}
      _safekeeper_operator safekeeper-operator
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const [registered, ...offers] = (await run('bash', '-c', script)).trimEnd().split('\n');
    expect(registered).toBe('complete -F _safekeeper_operator safekeeper-operator');
    return offers;
  }

  test.each([
    [['st'], ['status']],
    [['status', '-o', 'w'], ['wide']],
    [['status', '--output', '=', 'w'], ['wide']],
    [['approve', ''], ['shop-main']],
    [['force-donor', 'sh'], ['shop-gone']],
    [['pause', 'skc/'], ['skc/main']],
    [
      ['status', 'skt/shop'],
      ['skt/shop-gone', 'skt/shop-main'],
    ],
    [['approve', '--kubeconfig', '/nowhere', ''], []],
    [['completion', 'f'], ['fish']],
  ])('bash offers for %j', async (words, expected) => {
    const offers = await bashOffers(...words);
    expect(offers.filter((offer) => offer !== '')).toEqual(expected);
  });

  test('every script is one that its shell reads, where the shell is there', async () => {
    for (const shell of SHELLS) {
      if (!(await exists(shell))) {
        process.stderr.write(`NOT TRIED: ${shell} is not installed here, so nobody read its completion script\n`);
        expect(completionScript(shell, 'tool')).toContain('__complete');
        continue;
      }
      await writeFile(join(bin, `script.${shell}`), completionScript(shell, 'safekeeper-operator'));
      expect(await run('sh', '-c', `${shell} -n ${join(bin, `script.${shell}`)} 2>&1 && echo read`)).toBe('read\n');
    }
  });

  test('fish and zsh offer the same, where they are installed', async () => {
    if (await exists('fish')) {
      const script = 'safekeeper-operator completion fish | source; complete -C "safekeeper-operator status -o w"';
      expect(await run('fish', '-c', script)).toMatch(/^wide/m);
    } else process.stderr.write('NOT TRIED: completion in fish, which is not installed here\n');
    if (await exists('zsh')) {
      const script = `autoload -Uz compinit && compinit -u -d ${join(bin, 'zcompdump')}; source <(safekeeper-operator completion zsh)
        _describe() { print -l -- "\${(@P)3}"; }
        words=(safekeeper-operator status -o w) CURRENT=4; _safekeeper_operator`;
      expect(await run('zsh', '-f', '-c', script)).toBe('wide\n');
    } else process.stderr.write('NOT TRIED: completion in zsh, which is not installed here\n');
  });

  test('kubectl completes its plugin, where it is installed', async () => {
    if (!(await exists('kubectl'))) {
      process.stderr.write('NOT TRIED: completion by kubectl, which is not installed here\n');
      return;
    }
    expect((await run('kubectl', '__complete', 'safekeepers', 'app')).split('\n')[0]).toMatch(/^approve\t/);
    expect(await run('kubectl', '__complete', 'safekeepers', 'approve', '')).toBe('shop-main\n:4\n');
    expect(await run('kubectl', '__complete', 'safekeepers', '-n', 'nowhere', 'shop')).toBe(':4\n');
  });

  test('an object that is called like a command is offered, and found, by its type', async () => {
    expect(await run('kubectl_complete-safekeepers', 'appr')).toMatch(/^approve\t.*\n:4\n$/);
    expect(await run('kubectl_complete-safekeepers', 'skt/appr')).toBe('skt/approve\n:4\n');
    expect(await run('kubectl-safekeepers', 'skt/approve')).toContain('3/3  approve');
  });
});
