/** The signs that are drawn: those of any terminal, or of one that knows Unicode. */
export interface Glyphs {
  readonly done: string;
  readonly doing: string;
  readonly full: string;
  readonly empty: string;
  readonly ellipsis: string;
}

export const UNICODE_GLYPHS: Glyphs = { done: '✔', doing: '●', full: '█', empty: '░', ellipsis: '…' };
export const ASCII_GLYPHS: Glyphs = { done: '+', doing: '>', full: '#', empty: '.', ellipsis: '~' };
