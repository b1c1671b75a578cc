import { Failure, type Retry } from '../base/failure.ts';
import { isRecord } from './is-record.ts';

/**
 * An answer of the API server that is not a success. `reason` is the one of its Status object (`NotFound`,
 * `AlreadyExists`, `Conflict`, `Invalid`, `Expired`, `TooManyRequests`, …), `code` the HTTP status.
 */
export class KubeApiError extends Failure {
  readonly code: number;
  /** How long the server asked to wait before the next try. */
  readonly retryAfterMs: number | undefined;

  constructor(code: number, reason: string, message: string, retryAfterMs?: number) {
    super(reason, message, { retry: retryOf(code) });
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

export type ApiReason = 'NotFound' | 'AlreadyExists' | 'Conflict' | 'Invalid' | 'Expired' | 'Forbidden';

export function isApiError(error: unknown, reason: ApiReason): error is KubeApiError {
  return error instanceof KubeApiError && error.reason === reason;
}

/** From the body of a failed call, which is a Status object unless a proxy answered. `what` names the call. */
export function apiErrorFromBody(code: number, body: string, what: string, retryAfter: unknown): KubeApiError {
  const status = parseStatus(body);
  const retryAfterMs = parseRetryAfterMs(retryAfter) ?? secondsOf(status);
  const reason = textOf(status, 'reason') ?? reasonOf(code);
  return new KubeApiError(code, reason, `${what}: ${textOf(status, 'message') ?? `HTTP status ${code}`}`, retryAfterMs);
}

/** From the Status object inside a watch's ERROR message. */
export function apiErrorFromStatus(status: unknown, what: string): KubeApiError {
  const record = isRecord(status) ? status : undefined;
  const code = typeof record?.code === 'number' ? record.code : 500;
  const reason = textOf(record, 'reason') ?? reasonOf(code);
  return new KubeApiError(code, reason, `${what}: ${textOf(record, 'message') ?? reason}`, secondsOf(record));
}

/** Seconds only: the API server never sends a date. */
export function parseRetryAfterMs(header: unknown): number | undefined {
  return typeof header === 'string' && /^[0-9]{1,6}$/.test(header) ? Number(header) * 1_000 : undefined;
}

function parseStatus(body: string): Record<string, unknown> | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function textOf(status: Record<string, unknown> | undefined, field: string): string | undefined {
  const text = status?.[field];
  return typeof text === 'string' && text !== '' ? text : undefined;
}

function secondsOf(status: Record<string, unknown> | undefined): number | undefined {
  const details = status?.details;
  const seconds = isRecord(details) ? details.retryAfterSeconds : undefined;
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1_000 : undefined;
}

function reasonOf(code: number): string {
  switch (code) {
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 409:
      return 'Conflict';
    case 410:
      return 'Expired';
    case 422:
      return 'Invalid';
    case 429:
      return 'TooManyRequests';
    default:
      return code >= 500 ? 'ServerError' : 'BadRequest';
  }
}

function retryOf(code: number): Retry {
  if (code === 400 || code === 405 || code === 415) return 'never';
  return code === 422 ? 'after-change' : 'backoff';
}
