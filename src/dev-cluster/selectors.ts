import { fieldOf, textOf, type KubeObject } from './object.ts';
import { badRequest } from './status-error.ts';

export type Selector = (object: KubeObject) => boolean;

const REQUIREMENT =
  /^(?:(!)\s*([^\s!=(),]+)|([^\s!=(),]+)(?:\s*(==|=|!=)\s*([^\s!=(),]*)|\s+(in|notin)\s*\(([^()]*)\))?)$/;

/** Parses a label selector: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. Throws BadRequest. */
export function parseLabelSelector(text: string): Selector {
  const tests = splitOutsideParentheses(text).map(parseLabelRequirement);
  return (object) => tests.every((test) => test(object.metadata.labels ?? {}));
}

function parseLabelRequirement(text: string): (labels: Readonly<Record<string, string>>) => boolean {
  const match = REQUIREMENT.exec(text);
  if (match === null)
    throw badRequest(`unable to parse requirement: ${JSON.stringify(text)} is not a label requirement`);
  const [, not, absentKey, key = '', operator, value = '', setOperator, set = ''] = match;
  if (not !== undefined && absentKey !== undefined) return (labels) => !Object.hasOwn(labels, absentKey);
  if (operator === '!=') return (labels) => labels[key] !== value;
  if (operator !== undefined) return (labels) => labels[key] === value;
  if (setOperator === undefined) return (labels) => Object.hasOwn(labels, key);
  const values = new Set(set.split(',').map((item) => item.trim()));
  const within = (labels: Readonly<Record<string, string>>) =>
    values.has(labels[key] ?? '') && Object.hasOwn(labels, key);
  return setOperator === 'in' ? within : (labels) => !within(labels);
}

function splitOutsideParentheses(text: string): string[] {
  return text
    .split(/,(?![^()]*\))/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Parses a field selector (`metadata.name=a,spec.x!=b`) over the fields that the type offers. Throws BadRequest. */
export function parseFieldSelector(text: string, selectable: ReadonlySet<string>): Selector {
  const tests = text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => parseFieldRequirement(part.trim(), selectable));
  return (object) => tests.every((test) => test(object));
}

function parseFieldRequirement(text: string, selectable: ReadonlySet<string>): Selector {
  const match = /^([^=!]+?)\s*(==|=|!=)\s*(.*)$/.exec(text);
  if (match === null) throw badRequest(`invalid selector: ${JSON.stringify(text)}; can't understand it`);
  const [, path = '', operator = '', value = ''] = match;
  if (!selectable.has(path)) throw badRequest(`field label not supported: ${path}`);
  const expected = value.replaceAll(/\\([\\,=])/g, '$1');
  return (object) => (fieldText(object, path) === expected) === (operator !== '!=');
}

function fieldText(object: KubeObject, path: string): string {
  const parts = path.split('.');
  const last = parts.pop() ?? '';
  const parent = parts.reduce<unknown>((value, part) => fieldOf(value, part), object);
  const found = fieldOf(parent, last);
  return typeof found === 'number' || typeof found === 'boolean' ? String(found) : textOf(parent, last);
}
