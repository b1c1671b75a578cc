import { isFields } from './object.ts';

/** Finds all values of a path in an object. */
export type JsonPath = (value: unknown) => unknown[];

type Step = (value: unknown) => unknown[];

const TOKEN =
  /\.([A-Za-z_][-\w]*(?:\\\.[-\w]+)*)|\[\?\(@((?:\.[\w-]+)+)\s*==\s*(?:"([^"]*)"|'([^']*)')\)\]|\[(-?\d+)\]|\[(\*)\]|\.(\*)|\['([^']+)'\]/y;

/**
 * Compiles the JSONPath of a printer column: fields, `['quoted']`, indexes, `[*]` and filters for equality
 * (`.status.conditions[?(@.type=="Ready")].status`). Undefined when the path uses anything else.
 */
export function compileJsonPath(path: string): JsonPath | undefined {
  const steps: Step[] = [];
  const pattern = new RegExp(TOKEN);
  while (pattern.lastIndex < path.length) {
    const match = pattern.exec(path);
    if (match === null) return undefined;
    steps.push(stepOf(match));
  }
  if (steps.length === 0) return undefined;
  return (value) => steps.reduce<unknown[]>((found, step) => found.flatMap(step), [value]);
}

function stepOf(match: RegExpExecArray): Step {
  const [, field, filterPath, double, single, index, star, dotStar, quoted] = match;
  const name = field?.replaceAll('\\.', '.') ?? quoted;
  if (name !== undefined) return (value) => (isFields(value) && Object.hasOwn(value, name) ? [value[name]] : []);
  if (filterPath !== undefined) {
    const fields = filterPath.split('.').slice(1);
    const expected = double ?? single;
    const actual = (item: unknown) => fields.reduce<unknown>((at, key) => (isFields(at) ? at[key] : undefined), item);
    return (value) => items(value).filter((item) => actual(item) === expected);
  }
  if (index !== undefined) return (value) => items(value).slice(Number(index)).slice(0, 1);
  return star !== undefined || dotStar !== undefined ? items : () => [];
}

function items(value: unknown): unknown[] {
  if (Array.isArray(value)) return value as unknown[];
  return isFields(value) ? Object.values(value) : [];
}
