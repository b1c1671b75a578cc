import { type Environment, type ParseResult } from '@marcbachmann/cel-js';
import { childPath, type Fields, isFields, sameValue } from '../object.ts';
import type { Cause } from '../status-error.ts';
import { CelTypes, celEnvironment, toCelValue } from './cel-types.ts';
import { listMapKey, propertySchema, type Schema, type ValidationRule } from './structural.ts';

interface CompiledRule {
  readonly source: ValidationRule;
  readonly evaluate: ParseResult;
  readonly message: ParseResult | undefined;
  /** Mentions oldSelf: only run on updates of a value that can be matched with its former self. */
  readonly transition: boolean;
}

/** The `x-kubernetes-validations` of a schema, compiled. A rule that fails or cannot be computed is a cause. */
export interface CompiledRules {
  /** Whether the schema has any rule. */
  readonly any: boolean;
  /** `oldValue` is undefined on creation. The value must be valid by its schema. */
  check(value: unknown, oldValue: unknown, path: string): Cause[];
}

export type RuleCompilation =
  | { readonly kind: 'compiled'; readonly rules: CompiledRules }
  | { readonly kind: 'refused'; readonly causes: readonly Cause[] };

/**
 * Compiles every rule of a schema, checking it against the schema's types. A rule that uses something this CEL does not
 * have is refused here, so that no rule is ever silently skipped.
 */
export function compileRules(schema: Schema, schemaPath: string): RuleCompilation {
  const compiler = new RuleCompiler(schema);
  compiler.visit(schema, schemaPath, true);
  if (compiler.causes.length > 0) return { kind: 'refused', causes: compiler.causes };
  const evaluator = new RuleEvaluator(compiler.compiled, compiler.runtime);
  const any = compiler.compiled.size > 0;
  return { kind: 'compiled', rules: { any, check: (value, old, path) => evaluator.check(schema, value, old, path) } };
}

const RULE_KEYS: readonly string[] = ['rule', 'message', 'messageExpression', 'reason', 'fieldPath'];

class RuleCompiler {
  readonly compiled = new Map<Schema, CompiledRule[]>();
  readonly causes: Cause[] = [];
  readonly runtime: Environment;
  private readonly checking: Environment;
  private readonly types: CelTypes;

  constructor(schema: Schema) {
    this.runtime = celEnvironment().registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn');
    this.checking = celEnvironment();
    this.types = new CelTypes(this.checking);
    this.types.typeOf(schema);
  }

  /** `correlated`: an old value can be found for values of this schema (not below lists without keys). */
  visit(schema: Schema, path: string, correlated: boolean): void {
    for (const [index, rule] of (schema['x-kubernetes-validations'] ?? []).entries()) {
      this.compile(schema, rule, `${path}.x-kubernetes-validations[${index}]`, correlated);
    }
    for (const [field, child] of Object.entries(schema.properties ?? {})) {
      this.visit(child, `${path}.properties[${field}]`, correlated);
    }
    if (typeof schema.additionalProperties === 'object') {
      this.visit(schema.additionalProperties, `${path}.additionalProperties`, correlated);
    }
    if (schema.items !== undefined) {
      this.visit(schema.items, `${path}.items`, correlated && schema['x-kubernetes-list-type'] === 'map');
    }
  }

  private compile(schema: Schema, source: ValidationRule, path: string, correlated: boolean): void {
    for (const key of Object.keys(source)) {
      if (!RULE_KEYS.includes(key))
        this.refuse(`${path}.${key}`, source.rule, `${key} is not supported by this server`);
    }
    const evaluate = this.expression(schema, source.rule, 'bool', `${path}.rule`);
    const { messageExpression } = source;
    const message =
      messageExpression === undefined
        ? undefined
        : this.expression(schema, messageExpression, 'string', `${path}.messageExpression`);
    if (evaluate === undefined) return;
    const transition = mentions(evaluate.ast, 'oldSelf');
    if (transition && !correlated) {
      this.refuse(`${path}.rule`, source.rule, 'oldSelf cannot be used on the uncorrelatable portion of the schema');
      return;
    }
    const rules = this.compiled.get(schema) ?? [];
    this.compiled.set(schema, [...rules, { source, evaluate, message, transition }]);
  }

  private expression(schema: Schema, text: string, expected: string, path: string): ParseResult | undefined {
    const type = this.types.typeOf(schema);
    try {
      const check = this.checking.clone().registerVariable('self', type).registerVariable('oldSelf', type).check(text);
      const actual = String(check.type);
      if (!check.valid) this.refuse(path, text, firstLine(check.error));
      else if (actual !== expected && actual !== 'dyn') this.refuse(path, text, `must evaluate to ${expected}`);
      else {
        const parsed = this.runtime.parse(text);
        if (hasIndexedArgument(parsed.ast)) this.refuse(path, text, 'has() of an indexed value is not supported here');
        else return parsed;
      }
    } catch (cause) {
      this.refuse(path, text, firstLine(cause));
    }
    return undefined;
  }

  private refuse(field: string, text: string, why: string): void {
    const message = `Invalid value: ${JSON.stringify(text)}: compilation failed: ${why}`;
    this.causes.push({ reason: 'FieldValueInvalid', field, message });
  }
}

class RuleEvaluator {
  private readonly compiled: ReadonlyMap<Schema, readonly CompiledRule[]>;
  private readonly parseDuration: (text: string) => unknown;

  constructor(compiled: ReadonlyMap<Schema, readonly CompiledRule[]>, runtime: Environment) {
    this.compiled = compiled;
    const duration = runtime.parse('duration(self)');
    this.parseDuration = (text) => duration({ self: text }) as unknown;
  }

  check(schema: Schema, value: unknown, oldValue: unknown, path: string): Cause[] {
    if (this.compiled.size === 0 || value === null) return [];
    const causes = (this.compiled.get(schema) ?? []).flatMap((rule) => this.run(rule, schema, value, oldValue, path));
    if (Array.isArray(value)) return [...causes, ...this.checkItems(schema, value as unknown[], oldValue, path)];
    if (!isFields(value)) return causes;
    for (const [field, child] of Object.entries(value)) {
      const childSchema = propertySchema(schema, field);
      if (childSchema === undefined) continue;
      const oldChild = isFields(oldValue) ? oldValue[field] : undefined;
      causes.push(...this.check(childSchema, child, oldChild, childPath(path, field)));
    }
    return causes;
  }

  private checkItems(schema: Schema, items: readonly unknown[], oldValue: unknown, path: string): Cause[] {
    const { items: itemSchema } = schema;
    if (itemSchema === undefined) return [];
    const keyed = schema['x-kubernetes-list-type'] === 'map' && Array.isArray(oldValue);
    const oldItems = keyed ? (oldValue as unknown[]) : [];
    return items.flatMap((item, index) => {
      const key = listMapKey(schema, item);
      const oldItem = oldItems.find((old) => sameValue(listMapKey(schema, old), key));
      return this.check(itemSchema, item, oldItem, `${path}[${index}]`);
    });
  }

  private run(rule: CompiledRule, schema: Schema, value: unknown, oldValue: unknown, path: string): Cause[] {
    if (rule.transition && (oldValue === undefined || oldValue === null)) return [];
    const convert = (input: unknown) => toCelValue(schema, input, this.parseDuration);
    const variables = { self: convert(value), ...(rule.transition ? { oldSelf: convert(oldValue) } : {}) };
    const { source } = rule;
    const field = source.fieldPath === undefined ? path : `${path}${source.fieldPath}`;
    const reason = source.reason ?? 'FieldValueInvalid';
    const shown = `Invalid value: ${JSON.stringify(schema.type ?? 'object')}: `;
    try {
      if (rule.evaluate(variables) === true) return [];
      return [{ reason, field, message: shown + messageOf(rule, variables) }];
    } catch (cause) {
      return [{ reason, field: path, message: `${shown}${source.rule} could not be evaluated: ${firstLine(cause)}` }];
    }
  }
}

function messageOf(rule: CompiledRule, variables: Fields): string {
  const fallback = rule.source.message ?? `failed rule: ${rule.source.rule.trim()}`;
  if (rule.message === undefined) return fallback;
  try {
    const text: unknown = rule.message(variables);
    return typeof text === 'string' && text.trim() !== '' ? text : fallback;
  } catch {
    return fallback;
  }
}

/** Visits every node of an expression's syntax tree. */
function someNode(node: unknown, test: (op: unknown, args: unknown) => boolean): boolean {
  if (Array.isArray(node)) return node.some((child) => someNode(child, test));
  if (typeof node !== 'object' || node === null || !('op' in node) || !('args' in node)) return false;
  return test(node.op, node.args) || someNode(node.args, test);
}

function mentions(ast: unknown, variable: string): boolean {
  return someNode(ast, (op, args) => op === 'id' && args === variable);
}

/** The library evaluates has() on plain chains (`self.a.b`) only, and finds out at run time. */
function hasIndexedArgument(ast: unknown): boolean {
  return someNode(ast, (op, args) => op === 'call' && Array.isArray(args) && args[0] === 'has' && !isChain(args[1]));
}

function isChain(args: unknown): boolean {
  return !someNode(args, (op) => op !== '.' && op !== 'id');
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}
