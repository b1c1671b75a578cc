import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { type BodyFraming, ChunkedFraming, LengthFraming, UnframedBody } from './body-framing.ts';

/** Status and headers of an answer; names in lower case, values of repeated headers as a list. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const STATUS_LINE = /^HTTP\/1\.[01] ([1-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*?)[\t ]*$/;
const LENGTH = /^[0-9]{1,15}$/;
const HEAD_END = '\r\n\r\n';

/**
 * Collects the head of an answer from the pieces in which it comes. What is not HTTP/1, folds lines, or is longer than
 * `limits.responseHeadBytesMax` is a Failure `InvalidResponse`.
 */
export class ResponseHeadReader {
  private received = Buffer.alloc(0);

  /**
   * The head, and how many of `bytes` belong to it; undefined while it goes on. Interim answers (1xx) count as a part of
   * the one that follows.
   */
  push(bytes: Uint8Array): { readonly head: ResponseHead; readonly usedBytes: number } | undefined {
    const before = this.received.length;
    const room = limits.responseHeadBytesMax - before;
    this.received = Buffer.concat([this.received, bytes.subarray(0, room)]);
    for (let start = 0; ; ) {
      const end = this.received.indexOf(HEAD_END, start, 'latin1');
      if (end === -1) break;
      const head = parseHead(this.received.toString('latin1', start, end));
      start = end + HEAD_END.length;
      if (head.status >= 200) return { head, usedBytes: start - before };
      if (head.status === 101) throw invalid('it changes the protocol');
    }
    if (bytes.length >= room) throw invalid(`its headers have more than ${limits.responseHeadBytesMax} bytes`);
    return undefined;
  }
}

function parseHead(text: string): ResponseHead {
  const [first = '', ...lines] = text.split('\r\n');
  const status = STATUS_LINE.exec(first)?.[1];
  if (status === undefined) throw invalid(`it begins with ${JSON.stringify(first.slice(0, 40))}`);
  const headers = new Map<string, string | string[]>();
  for (const line of lines) {
    const [, name, value = ''] = HEADER.exec(line) ?? [];
    if (name === undefined) throw invalid(`${JSON.stringify(line.slice(0, 40))} is not a header`);
    const key = name.toLowerCase();
    const known = headers.get(key);
    headers.set(key, known === undefined ? value : [known, value].flat());
  }
  return { status: Number(status), headers: Object.fromEntries(headers) };
}

/** How the body of an answer to a GET is framed. Throws a Failure `InvalidResponse` when the headers leave it in doubt. */
export function framingOf({ status, headers }: ResponseHead): BodyFraming {
  const coding = headers['transfer-encoding'];
  const length = headers['content-length'];
  if (status === 204 || status === 304) return new LengthFraming(0);
  if (coding !== undefined) {
    if (typeof coding !== 'string' || coding.toLowerCase() !== 'chunked' || length !== undefined) {
      throw invalid('its length is ambiguous');
    }
    return new ChunkedFraming();
  }
  if (length === undefined) return new UnframedBody();
  if (typeof length !== 'string' || !LENGTH.test(length)) throw invalid('its length is no number');
  return new LengthFraming(Number(length));
}

function invalid(problem: string): Failure {
  return new Failure('InvalidResponse', `not a valid answer: ${problem}`);
}
