/** The signs that are drawn: those of any terminal, or of one that knows Unicode. */
export interface Glyphs {
  readonly done: string;
  readonly doing: string;
  readonly full: string;
  readonly empty: string;
  readonly ellipsis: string;
  readonly needsYou: string;
  readonly atRisk: string;
  readonly unseen: string;
  readonly redundant: string;
  /** Before what to do. */
  readonly todo: string;
  /** Before how far behind something is. */
  readonly minus: string;
}

export const UNICODE_GLYPHS: Glyphs = {
  done: '✔',
  doing: '●',
  full: '█',
  empty: '░',
  ellipsis: '…',
  needsYou: '✖',
  atRisk: '▲',
  unseen: '○',
  redundant: '●',
  todo: '→',
  minus: '−',
};

export const ASCII_GLYPHS: Glyphs = {
  done: '+',
  doing: '>',
  full: '#',
  empty: '.',
  ellipsis: '~',
  needsYou: 'x',
  atRisk: '!',
  unseen: '?',
  redundant: '*',
  todo: '->',
  minus: '-',
};
