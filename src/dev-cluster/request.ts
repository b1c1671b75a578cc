import type { FieldValidation } from './admission.ts';
import { badRequest, invalidOption } from './status-error.ts';

/** One HTTP request, its body read. */
export interface ApiRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly accept: string | undefined;
  readonly contentType: string | undefined;
  readonly userAgent: string;
  readonly body: Buffer;
}

/** The `fieldManager` parameter, else the program's name from the User-Agent, as the real server does. */
export function fieldManagerOf(request: ApiRequest): string {
  const given = request.query.get('fieldManager') ?? '';
  if (given.length > 128) throw badRequest('fieldManager: must have at most 128 characters');
  return given || request.userAgent.split('/')[0]?.trim() || 'unknown';
}

export function fieldValidationOf(query: URLSearchParams): FieldValidation {
  const given = query.get('fieldValidation') || 'Warn';
  if (given === 'Strict' || given === 'Warn' || given === 'Ignore') return given;
  const message = `Unsupported value: "${given}": supported values: "Ignore", "Strict", "Warn"`;
  throw invalidOption('Options', 'fieldValidation', message);
}

export function dryRunOf(values: readonly unknown[]): boolean {
  const given = values.filter((value) => value !== '');
  if (given.some((value) => value !== 'All')) {
    const message = `Unsupported value: ${JSON.stringify(given[0])}: supported values: "All"`;
    throw invalidOption('Options', 'dryRun', message);
  }
  return given.length > 0;
}
