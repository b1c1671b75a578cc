import { describeError, Failure } from '../base/failure.ts';

const [QUOTE, BACKSLASH, COMMA, OPEN_ARRAY, CLOSE_ARRAY, OPEN_OBJECT, CLOSE_OBJECT] = Buffer.from('"\\,[]{}');

/** White space of JSON. */
const BLANK = /^[ \t\n\r]*$/;

/**
 * The items of a JSON array that is still arriving, in batches, so that no more than a piece of it is ever held. Plain
 * JSON: numbers beyond 2^53 are rounded. Throws a Failure `InvalidJson` when the whole is not one array, and `BodyTooLarge`
 * when an item is longer than `itemBytesMax`. What was handed out before is only a part of it then.
 */
export async function* readJsonArray(body: AsyncIterable<Buffer>, itemBytesMax: number): AsyncGenerator<unknown[]> {
  const scanner = new ArrayScanner();
  /** What has come behind the last comma between two items. */
  let rest: Buffer[] = [];
  let restBytes = 0;
  let batchCount = 0;
  for await (const chunk of body) {
    const cut = scanner.scan(chunk);
    if (cut === undefined) {
      rest.push(chunk);
      restBytes += chunk.length;
    } else {
      rest.push(chunk.subarray(0, cut));
      yield parseItems(Buffer.concat(rest), batchCount++ === 0);
      rest = [chunk.subarray(cut + 1)];
      restBytes = chunk.length - cut - 1;
    }
    // A chunk may be as long as it likes; what remains of several without an end of an item may not.
    if (rest.length > 1 && restBytes > itemBytesMax + chunk.length) {
      throw new Failure('BodyTooLarge', `an item of the list is longer than ${itemBytesMax} bytes`);
    }
  }
  const text = Buffer.concat(rest).toString('utf8');
  const end = text.lastIndexOf(']');
  if (!scanner.isWhole || end < 0 || !BLANK.test(text.slice(end + 1))) throw invalid('it does not end as a list');
  const last = Buffer.from(text.slice(0, end + 1));
  if (batchCount === 0) yield parseArray(last.toString('utf8'));
  else yield parseItems(last.subarray(0, -1), false, true);
}

/** Follows the nesting byte by byte; in UTF-8 no part of another character looks like one of these. */
class ArrayScanner {
  private depth = 0;
  private inString = false;
  private isEscaped = false;
  private hasEnded = false;

  /** Whether the array has been closed. */
  get isWhole(): boolean {
    return this.hasEnded;
  }

  /** The place of the last comma between two items, if there is one. Throws for what is no array. */
  scan(chunk: Buffer): number | undefined {
    let cut: number | undefined;
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at];
      if (this.inString) {
        if (this.isEscaped) this.isEscaped = false;
        else if (byte === BACKSLASH) this.isEscaped = true;
        else if (byte === QUOTE) this.inString = false;
      } else if (byte === QUOTE) {
        this.enterText();
        this.inString = true;
      } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        if (this.depth === 0 && (byte === OPEN_OBJECT || this.hasEnded)) throw invalid('it is not a list');
        this.depth++;
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        this.depth--;
        if (this.depth < 0) throw invalid('it closes more than it opens');
        if (this.depth === 0) this.hasEnded = true;
      } else if (byte === COMMA && this.depth === 1) {
        cut = at;
      }
    }
    return cut;
  }

  private enterText(): void {
    if (this.depth === 0) throw invalid('it is not a list');
  }
}

/** Items with commas in between, without the brackets around all; the first batch still has the opening one. */
function parseItems(bytes: Buffer, isFirst: boolean, mayBeLast = false): unknown[] {
  const text = bytes.toString('utf8');
  // Else a comma would have nothing in front of it, or behind it.
  if (BLANK.test(isFirst ? text.replace('[', '') : text)) {
    throw invalid(mayBeLast ? 'it ends with a comma' : 'an item is missing');
  }
  return parseArray(isFirst ? `${text}]` : `[${text}]`);
}

function parseArray(text: string): unknown[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Failure('InvalidJson', `not valid JSON: ${describeError(cause)}`, { retry: 'never', cause });
  }
  if (!Array.isArray(value)) throw invalid('it is not a list');
  return value;
}

function invalid(problem: string): Failure {
  return new Failure('InvalidJson', `not valid JSON: ${problem}`, { retry: 'never' });
}
