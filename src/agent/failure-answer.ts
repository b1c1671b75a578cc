import { describeError, Failure } from '../base/failure.ts';
import { TRANSFER_STATUS_BY_REASON } from '../transfer/transfer-failure.ts';
import { type Answer, errorAnswer } from './answer.ts';

const STATUS_BY_REASON: Readonly<Record<string, number>> = {
  ...TRANSFER_STATUS_BY_REASON,
  InvalidRequest: 400,
  BodyTooLarge: 413,
  TokenMissing: 401,
  TokenRefused: 403,
};

/** What safekeepers put before the message. */
const PREFIX_BY_STATUS: Readonly<Record<number, string>> = {
  401: 'Unauthorized: ',
  403: 'Forbidden: ',
  404: 'NotFound: ',
  409: 'Conflict: ',
};

/** The answer to a failure by its reason; anything that is not listed, or not a Failure, is an internal error. */
export function answerFailure(error: unknown): Answer {
  const status = (error instanceof Failure ? STATUS_BY_REASON[error.reason] : undefined) ?? 500;
  const message = describeError(error);
  // Safekeepers quote the message of a 400 once more.
  return errorAnswer(status, status === 400 ? JSON.stringify(message) : `${PREFIX_BY_STATUS[status] ?? ''}${message}`);
}
