import { bounds } from '../api/bounds.ts';

/** A text that is longer than the schema allows would make the API server refuse the whole status. */
export function cut(text: string, lengthMax: number = bounds.messageLengthMax): string {
  return text.length > lengthMax ? `${text.slice(0, lengthMax - 1)}…` : text;
}
