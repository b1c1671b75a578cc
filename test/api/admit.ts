import { customResourceDefinitions } from '../../src/api/crd.ts';
import { type CompiledRules, compileRules } from '../../src/dev-cluster/schema/cel.ts';
import { applyDefaults, prune } from '../../src/dev-cluster/schema/default-prune.ts';
import { objectSchema } from '../../src/dev-cluster/schema/builder.ts';
import type { Schema } from '../../src/dev-cluster/schema/structural.ts';
import { validate } from '../../src/dev-cluster/schema/validate.ts';

/** Problems after which kube-apiserver skips the rules: they are written for objects of the right shape. */
const SHAPE_REASONS: ReadonlySet<string> = new Set([
  'FieldValueTypeInvalid',
  'FieldValueRequired',
  'FieldValueNotSupported',
  'FieldValueTooLong',
  'FieldValueTooMany',
]);

/** What an API server does with a written object: prune, fill in defaults, validate, then apply the rules. */
export interface Admission {
  /** `field: message`; empty when the object is accepted. */
  readonly refusals: string[];
  readonly object: unknown;
  readonly unknownFields: string[];
}

/** The schema of a kind, as in its manifest. */
export function openApiSchema(kind: string): Schema {
  const definition = customResourceDefinitions().find(({ spec }) => spec.names.kind === kind);
  if (definition === undefined) throw new Error(`no such kind: ${kind}`);
  return definition.spec.versions[0].schema.openAPIV3Schema;
}

export function rulesOf(schema: Schema): CompiledRules {
  const compilation = compileRules(schema, 'openAPIV3Schema');
  if (compilation.kind === 'refused') throw new Error(JSON.stringify(compilation.causes, null, 2));
  return compilation.rules;
}

/** Admits objects of one kind; `old` is the object that is replaced. */
export function admitterOf(kind: string): (object: unknown, old?: unknown) => Admission {
  const schema = objectSchema(openApiSchema(kind));
  const rules = rulesOf(schema);
  return (object, old) => {
    const unknownFields: string[] = [];
    const complete = applyDefaults(
      schema,
      prune(schema, object, '', (path) => unknownFields.push(path)),
    );
    const invalid = validate(schema, complete, '');
    const isShapeless = invalid.some(({ reason }) => SHAPE_REASONS.has(reason));
    const causes = isShapeless ? invalid : [...invalid, ...rules.check(complete, old, '')];
    return { refusals: causes.map(({ field, message }) => `${field}: ${message}`), object: complete, unknownFields };
  };
}
