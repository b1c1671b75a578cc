/** The parts of a `tty.WriteStream` that are used, and of any other stream. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the locale's encoding is UTF-8, so that more than ASCII may be drawn. */
export function knowsUnicode({ LC_ALL, LC_CTYPE, LANG }: Environment): boolean {
  return /utf-?8/i.test(LC_ALL || LC_CTYPE || LANG || '');
}

/** Whether lines that were written can be replaced. */
export function canRedraw(output: Output, { TERM }: Environment): boolean {
  return output.isTTY === true && TERM !== 'dumb';
}
