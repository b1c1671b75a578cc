import { Failure } from '../base/failure.ts';

/** What a value must be, in the words of the answer that refuses it: `u64`, `a sequence`, `value in form of hex string`. */
export type Expected = string;

const BLANKS = ' \t\r\n';
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// oxlint-disable-next-line no-control-regex -- JSON strings hold no control characters.
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const INTEGER = /^-?[0-9]+$/;
const DEPTH_MAX = 128;
/** More than an unsigned 64-bit number can have; making a bigint of millions of digits takes seconds. */
const DIGITS_MAX = 40;
/** How much of a refused value is repeated. */
const SHOWN_CHARACTERS_MAX = 200;

/**
 * Reads a JSON request body value by value, so that the first thing wrong is refused at its place: the message has the
 * path, the problem, line and column (`mconf.generation: invalid type: … at line 1 column 70`), worded and counted as
 * safekeepers do in the recorded answers. Numbers keep all their digits. Every problem is a Failure `InvalidRequest`.
 */
export class JsonReader {
  private readonly text: string;
  private offset = 0;
  private depth = 0;
  private readonly path: string[] = [];
  /** Of this reader, because they have a position. */
  private readonly numberPattern = new RegExp(NUMBER);
  private readonly stringPattern = new RegExp(STRING);

  constructor(text: string) {
    this.text = text;
  }

  string(expected: Expected): string {
    return this.peek() === '"' ? this.readString() : this.refuseType(expected);
  }

  /** An integer from 0 to 2^`bits` − 1. */
  unsigned(bits: 16 | 32 | 64): bigint {
    const expected = `u${bits}`;
    const first = this.peek();
    if (first !== '-' && !isDigit(first)) return this.refuseType(expected);
    const digits = this.readNumber();
    const shown = shorten(digits);
    if (!INTEGER.test(digits)) return this.refuseNumber(`invalid type: floating point \`${shown}\``, expected);
    const value = digits.length > DIGITS_MAX ? -1n : BigInt(digits);
    if (value < 0n || value >= 1n << BigInt(bits))
      return this.refuseNumber(`invalid value: integer \`${shown}\``, expected);
    return value;
  }

  boolean(): boolean {
    if (this.take('true')) return true;
    return this.take('false') ? false : this.refuseType('a boolean');
  }

  /** True, and the null is read, or nothing is read. */
  nullValue(): boolean {
    return this.take('null');
  }

  list<Item>(countMax: number, readItem: () => Item): Item[] {
    const items: Item[] = [];
    this.elements('[', ']', 'a sequence', 'a list', () => {
      if (items.length === countMax) return this.refuse(`more than ${countMax} items`, this.offset);
      items.push(this.within(`[${items.length}]`, readItem));
    });
    return items;
  }

  /** Calls `readField` with each key; it must read the value, or `skip` it. */
  object(expected: Expected, readField: (key: string) => void): void {
    this.elements('{', '}', expected, 'an object', () => {
      if (this.peek() !== '"') this.refuseHere('key must be a string');
      const key = this.readString();
      if (this.peek() !== ':') this.refuseHere('expected `:`');
      this.offset++;
      this.within(this.path.length === 0 ? key : `.${key}`, () => readField(key));
    });
  }

  /** Reads any value and forgets it. */
  skip(): void {
    const first = this.peek();
    if (first === '{') this.object('a map', () => this.skip());
    else if (first === '[') this.list(Number.MAX_SAFE_INTEGER, () => this.skip());
    else if (first === '"') this.readString();
    else if (first === '-' || isDigit(first)) this.readNumber();
    else if (!this.take('null') && !this.take('true') && !this.take('false')) this.refuseHere('expected value');
  }

  /** Refuses anything but white space after the value. */
  end(): void {
    if (this.peek() !== '') this.refuseHere('trailing characters');
  }

  /** Refuses what was read last: the place is its end. */
  refuseLast(problem: string): never {
    return this.refuse(problem, this.offset);
  }

  private elements(open: string, close: string, expected: Expected, what: string, readElement: () => void): void {
    if (this.peek() !== open) return this.refuseType(expected);
    if (++this.depth > DEPTH_MAX) this.refuseHere('recursion limit exceeded');
    this.offset++;
    for (let first = true; this.peek() !== close; first = false) {
      if (this.peek() === '') this.refuse(`EOF while parsing ${what}`, this.offset);
      if (!first) {
        if (this.peek() !== ',') this.refuseHere(`expected \`,\` or \`${close}\``);
        this.offset++;
        if (this.peek() === close) this.refuseHere('trailing comma');
      }
      readElement();
    }
    this.offset++;
    this.depth--;
  }

  private within<Value>(step: string, read: () => Value): Value {
    this.path.push(step);
    const value = read();
    this.path.pop();
    return value;
  }

  /** The next character that is not white space; empty at the end. */
  private peek(): string {
    while (this.offset < this.text.length && BLANKS.includes(this.text.charAt(this.offset))) this.offset++;
    return this.text.charAt(this.offset);
  }

  private take(word: string): boolean {
    if (this.peek() === '' || !this.text.startsWith(word, this.offset)) return false;
    this.offset += word.length;
    return true;
  }

  private readString(): string {
    const token = this.match(this.stringPattern);
    if (token === undefined) return this.refuse('invalid string', this.offset + 1);
    return JSON.parse(token) as string;
  }

  private readNumber(): string {
    return this.match(this.numberPattern) ?? this.refuse('invalid number', this.offset + 1);
  }

  private match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.offset;
    const token = pattern.exec(this.text)?.[0];
    if (token !== undefined) this.offset += token.length;
    return token;
  }

  /** The value is of another type: says which. The place is the value's end, or its opening bracket. */
  private refuseType(expected: Expected): never {
    const first = this.peek();
    const because = `, expected ${expected}`;
    if (first === '') return this.refuse('EOF while parsing a value', this.offset);
    if (first === '{') return this.refuse(`invalid type: map${because}`, this.offset + 1);
    if (first === '[') return this.refuse(`invalid type: sequence${because}`, this.offset + 1);
    if (first === '"') {
      const text = JSON.stringify(shorten(this.readString()));
      return this.refuse(`invalid type: string ${text}${because}`, this.offset);
    }
    if (first === '-' || isDigit(first)) {
      const digits = this.readNumber();
      const type = INTEGER.test(digits) ? 'integer' : 'floating point';
      return this.refuseNumber(`invalid type: ${type} \`${shorten(digits)}\``, expected);
    }
    if (this.take('null')) return this.refuse(`invalid type: null${because}`, this.offset);
    for (const word of ['true', 'false'])
      if (this.take(word)) return this.refuse(`invalid type: boolean \`${word}\`${because}`, this.offset);
    return this.refuseHere('expected value');
  }

  /** A number ends where the next character was seen, which is counted as read. */
  private refuseNumber(problem: string, expected: Expected): never {
    return this.refuse(`${problem}, expected ${expected}`, Math.min(this.offset + 1, this.text.length));
  }

  /** The character at hand is wrong, and is counted as read. */
  private refuseHere(problem: string): never {
    const atEnd = this.offset >= this.text.length;
    return this.refuse(atEnd ? 'EOF while parsing a value' : problem, this.offset + (atEnd ? 0 : 1));
  }

  private refuse(problem: string, endOffset: number): never {
    const lines = this.text.slice(0, endOffset).split('\n');
    const column = Buffer.byteLength(lines.at(-1) ?? '');
    const path = this.path.length === 0 ? '' : `${this.path.join('')}: `;
    throw new Failure(
      'InvalidRequest',
      `Failed to parse json request: ${path}${problem} at line ${lines.length} column ${column}`,
      { retry: 'never' },
    );
  }
}

function shorten(text: string): string {
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

function isDigit(character: string): boolean {
  return character >= '0' && character <= '9';
}
