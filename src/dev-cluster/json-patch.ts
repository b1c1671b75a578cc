import { type Fields, isFields, sameValue } from './object.ts';
import { badRequest, StatusError } from './status-error.ts';

/** Applies a JSON Patch (RFC 6902) to a copy of `document`. Throws BadRequest, or Invalid when a step does not fit. */
export function applyJsonPatch(document: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) throw badRequest('a JSON patch must be a list of operations');
  return (patch as unknown[]).reduce(
    (current, operation) => applyOperation(current, operation),
    structuredClone(document),
  );
}

function applyOperation(document: unknown, operation: unknown): unknown {
  if (!isFields(operation) || typeof operation.path !== 'string') {
    throw badRequest('every operation of a JSON patch must have "op" and "path"');
  }
  const path = parsePointer(operation.path);
  switch (operation.op) {
    case 'add':
      return edit(document, path, { kind: 'add', value: operation.value });
    case 'replace':
      valueAt(document, path);
      return edit(document, path, { kind: 'replace', value: operation.value });
    case 'remove':
      valueAt(document, path);
      return edit(document, path, { kind: 'remove' });
    case 'test':
      if (sameValue(valueAt(document, path), operation.value)) return document;
      throw doesNotFit(`testing value ${operation.path} failed`);
    case 'copy':
    case 'move': {
      const from = parsePointer(typeof operation.from === 'string' ? operation.from : '');
      const value = structuredClone(valueAt(document, from));
      const rest = operation.op === 'move' ? edit(document, from, { kind: 'remove' }) : document;
      return edit(rest, path, { kind: 'add', value });
    }
    default:
      throw badRequest(`unknown JSON patch operation ${JSON.stringify(operation.op)}`);
  }
}

type Edit = { readonly kind: 'add' | 'replace'; readonly value: unknown } | { readonly kind: 'remove' };

function edit(document: unknown, path: readonly string[], change: Edit): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return change.kind === 'remove' ? undefined : change.value;
  if (Array.isArray(document)) return editList(document as unknown[], step, rest, change);
  if (!isFields(document)) throw doesNotFit(`there is nothing at "${step}"`);
  if (rest.length === 0 && change.kind === 'remove') {
    return Object.fromEntries(Object.entries(document).filter(([field]) => field !== step));
  }
  if (rest.length > 0 && !Object.hasOwn(document, step)) throw doesNotFit(`there is nothing at "${step}"`);
  return { ...document, [step]: edit(document[step], rest, change) } satisfies Fields;
}

function editList(list: readonly unknown[], step: string, rest: readonly string[], change: Edit): unknown[] {
  const index = step === '-' ? list.length : Number(step);
  const end = rest.length === 0 && change.kind === 'add' ? list.length : list.length - 1;
  if (!Number.isInteger(index) || index < 0 || index > end) throw doesNotFit(`there is no list item "${step}"`);
  if (rest.length > 0) return list.with(index, edit(list[index], rest, change));
  return change.kind === 'remove'
    ? list.toSpliced(index, 1)
    : list.toSpliced(index, change.kind === 'add' ? 0 : 1, change.value);
}

function valueAt(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((at, step) => {
    if (Array.isArray(at) && Number(step) < at.length) return (at as unknown[])[Number(step)];
    if (isFields(at) && Object.hasOwn(at, step)) return at[step];
    throw doesNotFit(`there is nothing at "${step}"`);
  }, document);
}

function parsePointer(pointer: string): string[] {
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw badRequest(`${JSON.stringify(pointer)} is not a JSON pointer`);
  return pointer
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function doesNotFit(why: string): StatusError {
  return new StatusError(422, 'Invalid', `the JSON patch does not fit the object: ${why}`);
}
