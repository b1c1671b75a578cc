import type { Glyphs } from '../terminal/glyphs.ts';
import { clipLine, type Line, padEnd, plain, shortenName, type Style } from '../terminal/line.ts';
import type { ScreenSize } from '../terminal/screen.ts';
import { formatBytes, formatSeconds } from '../terminal/quantities.ts';
import type { RowState, TimelineRow } from './timeline-row.ts';

/** Everything that the live view shows. */
export interface Story {
  readonly elapsedMs: number;
  readonly done: readonly string[];
  /** Undefined at the end. */
  readonly doing: string | undefined;
  readonly rows: readonly TimelineRow[];
  /** Whose disk the bars show. */
  readonly diskTitle: string;
}

const STATE_STYLES: Readonly<Record<RowState, Style>> = {
  Unseen: 'dim',
  Ready: 'green',
  Lost: 'yellow',
  Copying: 'cyan',
  Restored: 'green',
  Stalled: 'red',
};
const GAP = '  ';
const REDUNDANCY_WIDTH = 4;
const STATUS_WIDTH = 13;
const DONOR_WIDTH = 5;
const BYTES_WIDTH = 19;
const FIXED_WIDTH = REDUNDANCY_WIDTH + STATUS_WIDTH + DONOR_WIDTH + BYTES_WIDTH + 5 * GAP.length;
const NAME_WIDTH_MIN = 14;
const NAME_WIDTH_MAX = 46;
const BAR_WIDTH_WANTED = 10;
const BAR_WIDTH_MIN = 5;
const BAR_WIDTH_MAX = 24;

/** The whole picture, never wider or higher than the terminal: timelines that find no room are counted. */
export function composeFrame(story: Story, size: ScreenSize, glyphs: Glyphs): Line[] {
  const head: Line[] = [
    [
      { text: 'safekeeper-operator demo', style: 'bold' },
      { text: `${GAP}${formatSeconds(story.elapsedMs)}`, style: 'dim' },
    ],
    ...story.done.map((text): Line => [{ text: `${glyphs.done} `, style: 'green' }, plain(text)]),
    ...(story.doing === undefined ? [] : [[{ text: `${glyphs.doing} `, style: 'cyan' }, plain(story.doing)] as Line]),
  ];
  // The last row stays free for the cursor.
  const room = size.rows - 1;
  const lines = [...head, ...table(story, room - head.length - 1, size.columns, glyphs)];
  // Too low even for the story: its end is what matters.
  return lines.slice(-room).map((line) => clipLine(line, size.columns - 1, glyphs.ellipsis));
}

/** At most `height` lines behind an empty one. */
function table({ rows, diskTitle }: Story, height: number, columns: number, glyphs: Glyphs): Line[] {
  if (rows.length === 0 || height < 3) return [];
  const space = columns - 1 - FIXED_WIDTH;
  const longest = Math.max(...rows.map(({ name }) => name.length));
  const nameWidth = clamp(space - BAR_WIDTH_WANTED, NAME_WIDTH_MIN, Math.min(NAME_WIDTH_MAX, longest));
  const barWidth = clamp(space - nameWidth, BAR_WIDTH_MIN, BAR_WIDTH_MAX);
  const title = [
    'Timeline'.padEnd(nameWidth),
    'Repl'.padEnd(REDUNDANCY_WIDTH),
    'Status'.padEnd(STATUS_WIDTH),
    'Donor'.padEnd(DONOR_WIDTH),
    diskTitle,
  ].join(GAP);
  const shown = rows.length <= height - 1 ? rows : rows.slice(0, height - 2);
  const hidden = rows.length - shown.length;
  return [
    [],
    [{ text: title, style: 'dim' }],
    ...shown.map((row) => rowLine(row, nameWidth, barWidth, glyphs)),
    ...(hidden === 0 ? [] : [[{ text: `and ${hidden} more`, style: 'dim' }] as Line]),
  ];
}

function rowLine(row: TimelineRow, nameWidth: number, barWidth: number, glyphs: Glyphs): Line {
  const style = STATE_STYLES[row.state];
  const fraction = row.bytesExpected === 0 ? 0 : row.bytesOnDisk / row.bytesExpected;
  const full = Math.floor(fraction * barWidth);
  const bytes = `${formatBytes(row.bytesOnDisk)} / ${formatBytes(row.bytesExpected)}`;
  return [
    plain(padEnd(shortenName(row.name, nameWidth, glyphs.ellipsis), nameWidth) + GAP),
    { text: row.redundancy.padEnd(REDUNDANCY_WIDTH) + GAP, style },
    { text: row.reason.slice(0, STATUS_WIDTH).padEnd(STATUS_WIDTH) + GAP, style },
    plain((row.donor === undefined ? '-' : String(row.donor)).padEnd(DONOR_WIDTH) + GAP),
    { text: glyphs.full.repeat(full), style },
    { text: glyphs.empty.repeat(barWidth - full), style: 'dim' },
    plain(GAP + bytes),
  ];
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(value, max));
}
