import { API_GROUP, API_VERSION_NAME, CLUSTER_NAMES, type ResourceNames, TIMELINE_NAMES } from '../api/names.ts';
import { badUsage } from './errors.ts';

export type TargetKind = 'cluster' | 'timeline';

/** One object that was asked for; a name without a kind may be of either. */
export interface Target {
  readonly kind: TargetKind | 'either';
  readonly name: string;
}

/** What was asked for: kinds as a whole, or objects by name. Both empty: everything. */
export interface Targets {
  readonly kinds: readonly TargetKind[];
  readonly named: readonly Target[];
}

const KINDS: ReadonlyArray<{ readonly kind: TargetKind; readonly names: ResourceNames }> = [
  { kind: 'cluster', names: CLUSTER_NAMES },
  { kind: 'timeline', names: TIMELINE_NAMES },
];

/**
 * Arguments as kubectl takes them: `NAME`, `TYPE/NAME`, `TYPE NAME…`, `TYPE` and `TYPE,TYPE`; a type by its plural,
 * singular, short name or kind, also with the group (and version) behind it. Throws a Failure `BadUsage`.
 */
export function parseTargets(args: readonly string[]): Targets {
  const [first = '', ...rest] = args;
  const kinds = first.split(',').map(kindOf);
  if (!first.includes('/') && kinds.every((kind) => kind !== undefined)) {
    const [kind, another] = kinds;
    if (rest.length === 0) return { kinds, named: [] };
    if (another !== undefined || kind === undefined) throw badUsage('names need one type: TYPE NAME… or TYPE/NAME…');
    const named = rest.map((name) => {
      if (name.includes('/'))
        throw badUsage(`there is no need for the type in "${name}": write ${first} ${name.replace(/^.*\//, '')}`);
      return { kind, name };
    });
    return { kinds: [], named };
  }
  return { kinds: [], named: args.map(parseTarget) };
}

/** `NAME` or `TYPE/NAME`. Throws a Failure `BadUsage`. */
export function parseTarget(text: string): Target {
  const [type = '', name, ...more] = text.split('/');
  if (name === undefined) {
    if (text === '') throw badUsage('a name must not be empty');
    return { kind: 'either', name: text };
  }
  const kind = kindOf(type);
  if (kind === undefined) {
    throw badUsage(`"${type}" is no type that is known here: write skt/NAME for a timeline, skc/NAME for a cluster`);
  }
  if (name === '' || more.length > 0) throw badUsage(`"${text}" is not of the form TYPE/NAME`);
  return { kind, name };
}

/** As kubectl prints it: `safekeepertimeline.safekeeper.dev/NAME`. */
export function formatTarget(kind: TargetKind, name: string): string {
  return `${kind === 'cluster' ? CLUSTER_NAMES.singular : TIMELINE_NAMES.singular}.${API_GROUP}/${name}`;
}

function kindOf(text: string): TargetKind | undefined {
  const type = text.toLowerCase();
  return KINDS.find(({ names }) => {
    const { plural, singular, shortNames } = names;
    return [plural, singular, ...shortNames].some(
      (name) => type === name || type === `${name}.${API_GROUP}` || type === `${name}.${API_VERSION_NAME}.${API_GROUP}`,
    );
  })?.kind;
}
