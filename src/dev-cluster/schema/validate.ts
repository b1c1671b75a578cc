import { type Fields, childPath, isFields, sameValue } from '../object.ts';
import type { Cause } from '../status-error.ts';
import { isOfFormat } from './format.ts';
import { listMapKey, propertySchema, type Schema } from './structural.ts';

/**
 * Checks a value (after pruning and defaulting) against a structural schema. The causes have the reasons and,
 * in substance, the messages of a real kube-apiserver; an empty list means valid.
 */
export function validate(schema: Schema, value: unknown, path: string): Cause[] {
  if (value === null && schema.nullable === true) return [];
  const typeCause = typeError(schema, value, path);
  if (typeCause !== undefined) return [typeCause];
  return [
    ...enumErrors(schema, value, path),
    ...(typeof value === 'string' ? stringErrors(schema, value, path) : []),
    ...(typeof value === 'number' ? numberErrors(schema, value, path) : []),
    ...(Array.isArray(value) ? arrayErrors(schema, value as unknown[], path) : []),
    ...(isFields(value) ? objectErrors(schema, value, path) : []),
    ...combinationErrors(schema, value, path),
  ];
}

export function invalidValue(path: string, value: unknown, message: string): Cause {
  return { reason: 'FieldValueInvalid', field: path, message: `Invalid value: ${JSON.stringify(value)}: ${message}` };
}

function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function typeError(schema: Schema, value: unknown, path: string): Cause | undefined {
  const actual = typeOf(value);
  if (schema['x-kubernetes-int-or-string'] === true && (actual === 'integer' || actual === 'string')) return undefined;
  const expected = schema['x-kubernetes-int-or-string'] === true ? 'integer,string' : schema.type;
  if (expected === undefined || expected === actual || (expected === 'number' && actual === 'integer'))
    return undefined;
  const message = `Invalid value: "${actual}": ${path} in body must be of type ${expected}: "${actual}"`;
  return { reason: 'FieldValueTypeInvalid', field: path, message };
}

function enumErrors(schema: Schema, value: unknown, path: string): Cause[] {
  if (schema.enum === undefined || schema.enum.some((allowed) => sameValue(allowed, value))) return [];
  const allowed = schema.enum.map((item) => JSON.stringify(item)).join(', ');
  const message = `Unsupported value: ${JSON.stringify(value)}: supported values: ${allowed}`;
  return [{ reason: 'FieldValueNotSupported', field: path, message }];
}

function stringErrors(schema: Schema, value: string, path: string): Cause[] {
  const causes: Cause[] = [];
  const length = Array.from(value).length;
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    const message = `Too long: may not be more than ${schema.maxLength} characters`;
    causes.push({ reason: 'FieldValueTooLong', field: path, message });
  }
  if (schema.minLength !== undefined && length < schema.minLength) {
    causes.push(invalidValue(path, value, `${path} in body should be at least ${schema.minLength} chars long`));
  }
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) {
    causes.push(invalidValue(path, value, `${path} in body should match '${schema.pattern}'`));
  }
  if (schema.format !== undefined && !isOfFormat(schema.format, value)) {
    causes.push({
      ...invalidValue(path, value, `${path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`),
      reason: 'FieldValueTypeInvalid',
    });
  }
  return causes;
}

function numberErrors(schema: Schema, value: number, path: string): Cause[] {
  const causes: Cause[] = [];
  const { minimum, maximum, multipleOf } = schema;
  if (minimum !== undefined && (schema.exclusiveMinimum === true ? value <= minimum : value < minimum)) {
    const bound = schema.exclusiveMinimum === true ? 'greater than' : 'greater than or equal to';
    causes.push(invalidValue(path, value, `${path} in body should be ${bound} ${minimum}`));
  }
  if (maximum !== undefined && (schema.exclusiveMaximum === true ? value >= maximum : value > maximum)) {
    const bound = schema.exclusiveMaximum === true ? 'less than' : 'less than or equal to';
    causes.push(invalidValue(path, value, `${path} in body should be ${bound} ${maximum}`));
  }
  if (multipleOf !== undefined && value % multipleOf !== 0) {
    causes.push(invalidValue(path, value, `${path} in body should be a multiple of ${multipleOf}`));
  }
  if (schema.format === 'int32' && Math.abs(value) > 2 ** 31) {
    causes.push(invalidValue(path, value, `${path} in body must be of type int32`));
  }
  return causes;
}

function arrayErrors(schema: Schema, value: readonly unknown[], path: string): Cause[] {
  const causes: Cause[] = [];
  if (schema.maxItems !== undefined && value.length > schema.maxItems) {
    const message = `Too many: ${value.length}: must have at most ${schema.maxItems} items`;
    causes.push({ reason: 'FieldValueTooMany', field: path, message });
  }
  if (schema.minItems !== undefined && value.length < schema.minItems) {
    causes.push(invalidValue(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  }
  const { items } = schema;
  if (items !== undefined) {
    for (const [index, item] of value.entries()) causes.push(...validate(items, item, `${path}[${index}]`));
  }
  return [...causes, ...duplicateErrors(schema, value, path)];
}

function duplicateErrors(schema: Schema, value: readonly unknown[], path: string): Cause[] {
  const listType = schema['x-kubernetes-list-type'];
  if (listType !== 'map' && listType !== 'set') return [];
  const causes: Cause[] = [];
  const seen = new Set<string>();
  for (const [index, item] of value.entries()) {
    const key = JSON.stringify(listType === 'map' ? listMapKey(schema, item) : item);
    if (seen.has(key)) {
      causes.push({ reason: 'FieldValueDuplicate', field: `${path}[${index}]`, message: `Duplicate value: ${key}` });
    }
    seen.add(key);
  }
  return causes;
}

function objectErrors(schema: Schema, value: Fields, path: string): Cause[] {
  const causes: Cause[] = [];
  for (const field of schema.required ?? []) {
    if (Object.hasOwn(value, field)) continue;
    causes.push({ reason: 'FieldValueRequired', field: childPath(path, field), message: 'Required value' });
  }
  const count = Object.keys(value).length;
  if (schema.maxProperties !== undefined && count > schema.maxProperties) {
    const message = `Too many: ${count}: must have at most ${schema.maxProperties} items`;
    causes.push({ reason: 'FieldValueTooMany', field: path, message });
  }
  if (schema.minProperties !== undefined && count < schema.minProperties) {
    causes.push(invalidValue(path, count, `${path} in body should have at least ${schema.minProperties} properties`));
  }
  for (const [field, child] of Object.entries(value)) {
    const childSchema = propertySchema(schema, field);
    if (childSchema !== undefined) causes.push(...validate(childSchema, child, childPath(path, field)));
  }
  return causes;
}

function combinationErrors(schema: Schema, value: unknown, path: string): Cause[] {
  const causes = (schema.allOf ?? []).flatMap((part) => validate(part, value, path));
  const fits = (part: Schema) => validate(part, value, path).length === 0;
  if (schema.anyOf !== undefined && !schema.anyOf.some(fits)) {
    causes.push(invalidValue(path, value, `${path} in body must validate at least one schema (anyOf)`));
  }
  if (schema.oneOf !== undefined && schema.oneOf.filter(fits).length !== 1) {
    causes.push(invalidValue(path, value, `${path} in body must validate one and only one schema (oneOf)`));
  }
  if (schema.not !== undefined && fits(schema.not)) {
    causes.push(invalidValue(path, value, `${path} in body must not validate the schema (not)`));
  }
  return causes;
}
