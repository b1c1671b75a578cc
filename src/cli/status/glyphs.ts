/** The signs that are drawn: those of any terminal, or of one that knows Unicode. */
export interface Glyphs {
  readonly needsYou: string;
  readonly atRisk: string;
  readonly unseen: string;
  readonly redundant: string;
  readonly full: string;
  readonly empty: string;
  readonly ellipsis: string;
  /** Before what to do. */
  readonly todo: string;
  /** Before how far behind something is. */
  readonly minus: string;
}

export const UNICODE_GLYPHS: Glyphs = {
  needsYou: '✖',
  atRisk: '▲',
  unseen: '○',
  redundant: '●',
  full: '█',
  empty: '░',
  ellipsis: '…',
  todo: '→',
  minus: '−',
};

export const ASCII_GLYPHS: Glyphs = {
  needsYou: 'x',
  atRisk: '!',
  unseen: '?',
  redundant: '*',
  full: '#',
  empty: '.',
  ellipsis: '~',
  todo: '->',
  minus: '-',
};
