import { isRecord } from './is-record.ts';

/**
 * Whether two JSON values say the same to the API server: order of fields does not matter, and a field that is
 * undefined or null is absent. Lists compare item by item.
 */
export function semanticEqual(a: unknown, b: unknown): boolean {
  if (a === b || (isAbsent(a) && isAbsent(b))) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => semanticEqual(item, b[index]));
  }
  if (!isRecord(a) || !isRecord(b)) return false;
  return (
    Object.keys(a).every((name) => semanticEqual(a[name], b[name])) &&
    Object.keys(b).every((name) => Object.hasOwn(a, name) || isAbsent(b[name]))
  );
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}
