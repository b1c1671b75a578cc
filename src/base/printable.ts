/** Escape sequences, line ends, and what turns the direction of writing. */
const UNPRINTABLE = /[\p{Cc}\p{Zl}\p{Zp}\u202A-\u202E\u2066-\u2069]+/gu;

/** Text of others, for people: nothing in it moves a cursor or changes colours. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, ' ');
}
