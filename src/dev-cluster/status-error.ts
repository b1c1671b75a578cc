import { Failure } from '../base/failure.ts';
import type { Fields } from './object.ts';

/** One entry of a Status' `details.causes`; `message` starts with the kind of the error, as in `Required value`. */
export interface Cause {
  readonly reason: string;
  readonly message: string;
  readonly field: string;
}

/** What an error is about: `kind` is the resource (`secrets`) or, for invalid objects, the kind (`Secret`). */
export interface ErrorSubject {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly uid?: string;
  readonly causes?: readonly Cause[];
  readonly retryAfterSeconds?: number;
}

/** A failure that the API answers with a `kind: Status` body: the shapes and reasons of a real kube-apiserver. */
export class StatusError extends Failure {
  readonly code: number;
  readonly details: ErrorSubject | undefined;

  constructor(code: number, reason: string, message: string, details?: ErrorSubject) {
    super(reason, message, { retry: 'never' });
    this.code = code;
    this.details = details;
  }

  toStatus(): Fields {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details === undefined ? {} : { details: withoutEmpty(this.details) }),
      code: this.code,
    };
  }
}

interface ResourceName {
  readonly group: string;
  readonly plural: string;
}

function qualified(type: ResourceName): string {
  return type.group === '' ? type.plural : `${type.plural}.${type.group}`;
}

function about(type: ResourceName, name: string): ErrorSubject {
  return { group: type.group, kind: type.plural, name };
}

export function notFound(type: ResourceName, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualified(type)} "${name}" not found`, about(type, name));
}

/** The answer to a path that the server does not know at all: it alone is no Status but a text. */
export class NoSuchPath extends StatusError {
  static readonly text = '404 page not found\n';

  constructor() {
    super(404, 'NotFound', 'the server could not find the requested resource');
  }
}

export function alreadyExists(type: ResourceName, name: string): StatusError {
  return new StatusError(409, 'AlreadyExists', `${qualified(type)} "${name}" already exists`, about(type, name));
}

export function conflict(type: ResourceName, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${why}`;
  return new StatusError(409, 'Conflict', message, about(type, name));
}

/** Somebody else wrote first: the optimistic concurrency of PUT and of patches that carry a resourceVersion. */
export function modifiedMeanwhile(type: ResourceName, name: string): StatusError {
  return conflict(
    type,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

export function applyConflict(causes: readonly Cause[]): StatusError {
  const list = causes.map((cause) => `${cause.message}: ${cause.field}`).join('\n');
  const message = `Apply failed with ${causes.length} ${causes.length === 1 ? 'conflict' : 'conflicts'}: ${list}`;
  return new StatusError(409, 'Conflict', message, { group: '', kind: '', name: '', causes });
}

export function invalid(group: string, kind: string, name: string, causes: readonly Cause[]): StatusError {
  const subject = group === '' ? kind : `${kind}.${group}`;
  const lines = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const list = lines.length === 1 ? lines[0] : `[${lines.join(', ')}]`;
  return new StatusError(422, 'Invalid', `${subject} "${name}" is invalid: ${list}`, { group, kind, name, causes });
}

export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

/** A parameter of a request that is not what it may be. `message` starts with the kind of the error. */
export function invalidOption(options: string, field: string, message: string): StatusError {
  return invalid('meta.k8s.io', options, '', [{ reason: 'FieldValueInvalid', field, message }]);
}

export function forbidden(type: ResourceName, name: string, why: string): StatusError {
  return new StatusError(403, 'Forbidden', `${qualified(type)} "${name}" is forbidden: ${why}`, about(type, name));
}

export function methodNotAllowed(): StatusError {
  return new StatusError(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource');
}

/** The requested resourceVersion is older than the history: the client must list again. */
export function expired(message: string): StatusError {
  return new StatusError(410, 'Expired', message);
}

export function resourceVersionTooLarge(requested: number, current: number): StatusError {
  return new StatusError(504, 'Timeout', `Timeout: Too large resource version: ${requested}, current: ${current}`, {
    group: '',
    kind: '',
    name: '',
    retryAfterSeconds: 1,
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version', field: '' }],
  });
}

export function notAcceptable(): StatusError {
  return new StatusError(
    406,
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/json;stream=watch',
  );
}

export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  return new StatusError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
  );
}

export function tooManyRequests(message: string): StatusError {
  return new StatusError(429, 'TooManyRequests', message, { group: '', kind: '', name: '', retryAfterSeconds: 1 });
}

function withoutEmpty(details: ErrorSubject): Fields {
  return Object.fromEntries(Object.entries(details).filter(([, value]) => value !== '' && value !== undefined));
}
