import { printable } from '../../base/printable.ts';
import { type Line, plain, type Style, span, widthOf, wrapText } from '../terminal/line.ts';
import type { ViewContext } from './view-context.ts';

/** A text of any length behind `lead`, its further lines below its first one. */
export function wrapBehind(lead: string, text: string, style: Style, { width }: Pick<ViewContext, 'width'>): Line[] {
  const leadWidth = widthOf(lead);
  return wrapText(printable(text), Math.max(1, width - leadWidth)).map((line, index) => [
    plain(index === 0 ? lead : ' '.repeat(leadWidth)),
    span(line, style),
  ]);
}
