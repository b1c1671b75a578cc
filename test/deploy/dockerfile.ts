import { execFile } from 'node:child_process';
import { cp, mkdir, symlink } from 'node:fs/promises';
import { basename, join, posix } from 'node:path';
import { promisify } from 'node:util';

/** What a stage of a Dockerfile leaves: its files below `root`, and how its container starts. */
export interface BuiltStage {
  readonly root: string;
  readonly user: string | undefined;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
}

interface Instruction {
  readonly name: string;
  readonly rest: string;
}

/**
 * Follows a Dockerfile without a container: each stage is a directory, the absolute paths that it works with lie below it,
 * and commands run in it with this machine's Node. Only `npm ci` is not run: the packages that were installed by it here
 * are used. Knows the instructions that ours has, and refuses any other.
 */
export async function followDockerfile(text: string, context: string, scratch: string): Promise<BuiltStage> {
  const stages = new Map<string, StageState>();
  let current: StageState | undefined;
  for (const { name, rest } of instructionsOf(text)) {
    if (name === 'FROM') {
      const [, image, alias] = /^(\S+)(?:\s+AS\s+(\S+))?$/.exec(rest) ?? [];
      if (image === undefined) throw new Error(`FROM ${rest}`);
      const root = join(scratch, `stage-${stages.size}`);
      await mkdir(root, { recursive: true });
      current = { root, workdir: '/', paths: [], user: undefined, entrypoint: [], command: [] };
      stages.set(alias ?? `${stages.size}`, current);
      continue;
    }
    if (current === undefined) throw new Error(`${name} before FROM`);
    await follow(current, { name, rest }, context, stages);
  }
  if (current === undefined) throw new Error('there is no FROM');
  return current;
}

interface StageState {
  readonly root: string;
  workdir: string;
  /** Absolute paths that its commands may name. */
  readonly paths: string[];
  user: string | undefined;
  entrypoint: readonly string[];
  command: readonly string[];
}

function instructionsOf(text: string): Instruction[] {
  const lines = text.replaceAll(/\\\n/g, ' ').split('\n');
  return lines.flatMap((line) => {
    const [, name, rest] = /^([A-Z]+)\s+(.+)$/.exec(line.trim()) ?? [];
    return name === undefined || rest === undefined ? [] : [{ name, rest: rest.trim() }];
  });
}

async function follow(
  stage: StageState,
  { name, rest }: Instruction,
  context: string,
  stages: ReadonlyMap<string, StageState>,
): Promise<void> {
  switch (name) {
    case 'WORKDIR':
      stage.workdir = rest;
      stage.paths.push(rest);
      await mkdir(join(stage.root, rest), { recursive: true });
      return;
    case 'COPY':
      return await copy(stage, rest, context, stages);
    case 'RUN':
      return await run(stage, rest, context);
    case 'USER':
      stage.user = rest;
      return;
    case 'ENTRYPOINT':
      stage.entrypoint = JSON.parse(rest) as string[];
      return;
    case 'CMD':
      stage.command = JSON.parse(rest) as string[];
      return;
    case 'ENV':
    case 'EXPOSE':
      return;
    default:
      throw new Error(`this cannot follow ${name}`);
  }
}

async function copy(
  stage: StageState,
  rest: string,
  context: string,
  stages: ReadonlyMap<string, StageState>,
): Promise<void> {
  const [, from, list = ''] = /^(?:--from=(\S+)\s+)?(.+)$/.exec(rest) ?? [];
  const source = from === undefined ? context : stages.get(from)?.root;
  if (source === undefined) throw new Error(`there is no stage ${from}`);
  const paths = list.split(/\s+/);
  const target = paths.pop() ?? '';
  const into = join(stage.root, posix.resolve(stage.workdir, target));
  for (const path of paths) {
    await cp(join(source, path), target.endsWith('/') ? join(into, basename(path)) : into, { recursive: true });
  }
}

async function run(stage: StageState, command: string, context: string): Promise<void> {
  const cwd = join(stage.root, stage.workdir);
  if (/^npm ci\b/.test(command)) return await symlink(join(context, 'node_modules'), join(cwd, 'node_modules'));
  const below = command.replaceAll(/(?<=\s)\/(?=\w)/g, `${stage.root}/`);
  await promisify(execFile)('sh', ['-ec', below], { cwd });
}
