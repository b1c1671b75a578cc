import { metadataErrors } from './metadata.ts';
import { type Fields, isFields, type KubeObject, sortFields, textOf } from './object.ts';
import { apiVersionOf, type ResourceType } from './resource-type.ts';
import { applyDefaults, prune } from './schema/default-prune.ts';
import { validate } from './schema/validate.ts';
import { badRequest, type Cause, invalid } from './status-error.ts';

/** What happens with fields that the schema does not know and with keys that stand twice. */
export type FieldValidation = 'Strict' | 'Warn' | 'Ignore';

/**
 * Turns decoded input into an object of the type: right kind, unknown fields dropped. Throws BadRequest for the wrong
 * kind and, when strict, for unknown or duplicate fields; otherwise adds to `warnings`.
 */
export function acceptInput(
  type: ResourceType,
  input: unknown,
  duplicates: readonly string[],
  fieldValidation: FieldValidation,
  warnings: string[],
): Fields {
  if (!isFields(input)) throw badRequest('the body of the request must be an object');
  const apiVersion = apiVersionOf(type);
  if (input.kind !== type.kind || input.apiVersion !== apiVersion) {
    const given = `${textOf(input, 'kind')} in version "${textOf(input, 'apiVersion')}"`;
    throw badRequest(`${given} cannot be handled as a ${type.kind}: this address takes those of version ${apiVersion}`);
  }
  const unknown: string[] = [];
  const pruned = prune(type.schema, input, '', (path) => unknown.push(`unknown field "${path}"`));
  const problems = [...duplicates.map((path) => `duplicate field "${path}"`), ...unknown.sort()];
  if (problems.length > 0 && fieldValidation === 'Strict') {
    const decoding = `strict decoding error: ${problems.join(', ')}`;
    throw badRequest(`${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: ${decoding}`);
  }
  if (fieldValidation === 'Warn') warnings.push(...problems);
  return pruned as Fields;
}

/** Fills in defaults and what the server decides for this kind, then validates. Throws Invalid with every cause. */
export function admit(type: ResourceType, input: KubeObject, previous: KubeObject | undefined): KubeObject {
  const complete = applyDefaults(type.schema, input) as KubeObject;
  const shape = validate(type.schema, complete, '');
  if (shape.length > 0) throw invalidObject(type, complete, [...shape, ...unchecked(type)]);
  const object = type.admit === undefined ? complete : type.admit(complete, previous);
  const causes = [
    ...metadataErrors(object.metadata),
    ...(type.rules?.check(object, previous, '') ?? []),
    ...(type.check?.(object, previous) ?? []),
  ];
  if (causes.length > 0) throw invalidObject(type, object, causes);
  // A real server keeps custom resources as Go maps, which it writes down sorted: nobody may rely on another order.
  return type.rules === undefined ? object : sortFields(object);
}

function invalidObject(type: ResourceType, object: KubeObject, causes: readonly Cause[]): Error {
  return invalid(type.group, type.kind, object.metadata.name, causes);
}

function unchecked(type: ResourceType): Cause[] {
  if (type.rules === undefined || !type.rules.any) return [];
  const message =
    'Invalid value: "null": some validation rules were not checked because the object was invalid; correct the existing errors to complete validation';
  return [{ reason: 'FieldValueInvalid', field: '<nil>', message }];
}
