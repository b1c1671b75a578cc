import { distance } from 'fastest-levenshtein';

const SHOWN_MAX = 3;
/** Names are long: what differs by more than this part of them was hardly meant. */
const DISTANCE_PART_MAX = 0.34;

/** The names that somebody who wrote `asked` may have meant, the nearest first: typing errors, and beginnings or ends. */
export function nearNames(asked: string, names: Iterable<string>): string[] {
  const wanted = asked.toLowerCase();
  const near: Array<{ readonly name: string; readonly score: number }> = [];
  for (const name of names) {
    const score = distance(wanted, name.toLowerCase());
    const isPart = wanted.length >= 3 && name.toLowerCase().includes(wanted);
    if (isPart || score <= Math.max(1, Math.floor(name.length * DISTANCE_PART_MAX))) {
      near.push({ name, score: isPart ? 0 : score });
    }
  }
  return near
    .toSorted((a, b) => a.score - b.score || (a.name < b.name ? -1 : 1))
    .slice(0, SHOWN_MAX)
    .map(({ name }) => name);
}

/** ` (did you mean a, b or c?)`, or nothing. */
export function didYouMean(names: readonly string[]): string {
  if (names.length === 0) return '';
  const list = names.length === 1 ? names[0] : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
  return ` (did you mean ${list}?)`;
}
