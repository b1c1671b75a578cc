import type { z } from 'zod';

/** A condition that the API server checks, in CEL. */
export interface CelRule {
  readonly cel: string;
  /** Completes "<field> …". */
  readonly message: string;
}

/** A condition that the API server and the parser check, refused with the same words. */
export interface Rule<Value> extends CelRule {
  readonly holds: (value: Value) => boolean;
}

/** The schema extension that carries CEL rules. */
export function celRules(...rules: readonly CelRule[]) {
  return { 'x-kubernetes-validations': rules.map(({ cel, message }) => ({ rule: cel, message })) };
}

/** The schema with a rule. A schema has at most one call of this: a second one would replace the first one's CEL. */
export function withRule<Schema extends z.ZodType>(schema: Schema, rule: Rule<z.output<Schema>>): Schema {
  return schema.refine(rule.holds, rule.message).meta(celRules(rule));
}

/** The rule of a field that never changes after creation. Only the API server knows the old value. */
export function immutable(field: string): CelRule {
  return { cel: 'self == oldSelf', message: `${field} is immutable: delete this object and create another` };
}
