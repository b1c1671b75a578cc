import type { Clock } from '../base/clock.ts';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';

/** A value made from files that may change while the program runs. */
export interface Reloaded<Value> {
  /** At most `limits.credentialRecheckMs` behind the files; the same object as long as they are the same. */
  current(): Promise<Value>;
  /** Looks at the files now. */
  refresh(): Promise<Value>;
}

/** The text of a file, or of every file directly in a directory. */
export type ReadTexts = (path: string) => Promise<readonly string[]>;

/** What reading credentials needs of the world around it. */
export interface CredentialSource {
  readonly read: ReadTexts;
  readonly clock: Clock;
  /** Told of changes and of what is wrong with a file, never of its content. */
  readonly log: Logger;
}

/** Where a value comes from: named paths, and what their texts mean. */
export interface ReloadedOptions<Name extends string, Value> {
  /** What has no path has no texts. */
  readonly paths: Readonly<Record<Name, string | undefined>>;
  /** Throws when the texts must not be used; its message must not quote them. */
  readonly parse: (texts: Readonly<Record<Name, readonly string[]>>) => Value | Promise<Value>;
}

/**
 * Reads the files for the first time. Throws a Failure `CredentialsInvalid` when they cannot be used. Later on, files that
 * cannot be read or used leave the last good value in place: they may be half replaced, or come back.
 */
export async function openReloaded<Name extends string, Value>(
  options: ReloadedOptions<Name, Value>,
  source: CredentialSource,
): Promise<Reloaded<Value>> {
  const names = Object.keys(options.paths) as Name[];
  try {
    const texts = await readAll(names, options, source);
    return new ReloadedValue(names, options, source, JSON.stringify(texts), await options.parse(texts));
  } catch (cause) {
    throw new Failure('CredentialsInvalid', `${listPaths(options).join(', ')} cannot be used`, {
      retry: 'after-change',
      cause,
    });
  }
}

class ReloadedValue<Name extends string, Value> implements Reloaded<Value> {
  private readonly names: readonly Name[];
  private readonly options: ReloadedOptions<Name, Value>;
  private readonly source: CredentialSource;
  /** What `value` was made from. */
  private content: string;
  private value: Value;
  private checkedAtMs: number;
  private reading: Promise<Value> | undefined;
  /** The one that was logged last. */
  private problem: string | undefined;

  constructor(
    names: readonly Name[],
    options: ReloadedOptions<Name, Value>,
    source: CredentialSource,
    content: string,
    value: Value,
  ) {
    this.names = names;
    this.options = options;
    this.source = source;
    this.content = content;
    this.value = value;
    this.checkedAtMs = source.clock.monotonicMs();
  }

  async current(): Promise<Value> {
    const isFresh = this.source.clock.monotonicMs() - this.checkedAtMs < limits.credentialRecheckMs;
    return isFresh ? this.value : await this.refresh();
  }

  refresh(): Promise<Value> {
    this.reading ??= this.read().finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async read(): Promise<Value> {
    const { clock, log } = this.source;
    const paths = listPaths(this.options);
    try {
      const texts = await readAll(this.names, this.options, this.source);
      const content = JSON.stringify(texts);
      if (content !== this.content) {
        this.value = await this.options.parse(texts);
        this.content = content;
        log.info({ paths }, 'credentials were read again');
      }
      this.problem = undefined;
    } catch (error) {
      const problem = describeError(error);
      if (problem !== this.problem)
        log.error({ paths, problem }, 'credentials cannot be read, the old ones stay in use');
      this.problem = problem;
    }
    this.checkedAtMs = clock.monotonicMs();
    return this.value;
  }
}

function listPaths({ paths }: Pick<ReloadedOptions<string, unknown>, 'paths'>): string[] {
  return Object.values(paths).filter((path) => path !== undefined);
}

async function readAll<Name extends string>(
  names: readonly Name[],
  { paths }: Pick<ReloadedOptions<Name, unknown>, 'paths'>,
  { read }: CredentialSource,
): Promise<Record<Name, readonly string[]>> {
  const entries: [Name, readonly string[]][] = [];
  for (const name of names) {
    const path = paths[name];
    entries.push([name, path === undefined ? [] : await read(path)]);
  }
  return Object.fromEntries(entries) as Record<Name, readonly string[]>;
}
