import type { Tally } from '../../restore/tally.ts';
import type { TransferProgress } from '../../transfer/transfer-progress.ts';
import { formatBytes, formatSeconds } from '../terminal/quantities.ts';
import type { Glyphs } from '../terminal/glyphs.ts';
import { clipLine, type Line, plain, shortenName } from '../terminal/line.ts';
import type { ScreenSize } from '../terminal/screen.ts';

/** Everything that the live view shows. */
export interface RestoreStory {
  readonly dataDirectory: string;
  readonly elapsedMs: number;
  readonly tally: Pick<Tally, 'counts' | 'known' | 'ended' | 'waitingByReason'>;
  /** Under way. */
  readonly running: readonly TransferProgress[];
  readonly bytes: number;
  /** The last things that people should know of, newest last. */
  readonly notes: readonly string[];
}

const GAP = '  ';
const BAR_WIDTH_MIN = 10;
const BAR_WIDTH_MAX = 40;
const NAME_WIDTH_MIN = 16;
const NAME_WIDTH_MAX = 65;
const BYTES_WIDTH = 21;
const RATE_WIDTH = 12;
const NOTES_SHOWN = 4;

/** The whole picture, never wider or higher than the terminal: transfers that find no room are counted. */
export function composeRestoreFrame(story: RestoreStory, size: ScreenSize, glyphs: Glyphs): Line[] {
  const head = [titleLine(story), totalLine(story, size.columns, glyphs), ...waitingLines(story)];
  const notes = story.notes.slice(-NOTES_SHOWN).map((text): Line => [{ text, style: 'yellow' }]);
  // The last row stays free for the cursor.
  const room = size.rows - 1 - head.length - notes.length;
  const lines = [...head, ...transferLines(story.running, room, size.columns, glyphs), ...notes];
  return lines.slice(0, size.rows - 1).map((line) => clipLine(line, size.columns - 1, glyphs.ellipsis));
}

function titleLine({ dataDirectory, elapsedMs }: RestoreStory): Line {
  return [
    { text: `Restoring ${dataDirectory}`, style: 'bold' },
    { text: `${GAP}${formatSeconds(elapsedMs)}`, style: 'dim' },
  ];
}

/** `████░░░░ 143/300 timelines, 2 refused  1.2 GiB  230.1 MiB/s  12 s left`. */
function totalLine({ tally, bytes, elapsedMs }: RestoreStory, columns: number, glyphs: Glyphs): Line {
  const { known, ended } = tally;
  const { refused, failed } = tally.counts;
  const width = clamp(Math.floor(columns / 3), BAR_WIDTH_MIN, BAR_WIDTH_MAX);
  const trouble = [...(refused > 0 ? [`${refused} refused`] : []), ...(failed > 0 ? [`${failed} failed`] : [])];
  const leftMs = ended === 0 ? undefined : ((known - ended) * elapsedMs) / ended;
  const rest = [
    `${ended}/${known} timelines`,
    formatBytes(bytes),
    `${formatBytes(rate(bytes, elapsedMs))}/s`,
    ...(leftMs === undefined || leftMs === 0 ? [] : [`${formatSeconds(leftMs)} left`]),
  ];
  return [
    ...bar(known === 0 ? 0 : ended / known, width, glyphs),
    plain(` ${rest.join(GAP)}`),
    ...(trouble.length === 0 ? [] : [{ text: `${GAP}${trouble.join(', ')}`, style: 'red' } as const]),
  ];
}

function waitingLines({ tally }: RestoreStory): Line[] {
  const waiting = [...tally.waitingByReason()].map(([reason, count]) => `${count} ${reason}`);
  return waiting.length === 0 ? [] : [[{ text: `waiting: ${waiting.join(', ')}`, style: 'dim' }]];
}

/** The largest first: small ones are gone before anybody reads their names. */
function transferLines(running: readonly TransferProgress[], height: number, columns: number, glyphs: Glyphs): Line[] {
  if (running.length === 0 || height < 2) return [];
  const sorted = [...running].sort((a, b) => (b.totalBytes ?? 0) - (a.totalBytes ?? 0));
  const shown = sorted.length <= height ? sorted : sorted.slice(0, height - 1);
  const hidden = sorted.length - shown.length;
  const space = columns - 1 - BYTES_WIDTH - RATE_WIDTH - 3 * GAP.length;
  const nameWidth = clamp(space - BAR_WIDTH_MIN, NAME_WIDTH_MIN, NAME_WIDTH_MAX);
  const barWidth = clamp(space - nameWidth, BAR_WIDTH_MIN, BAR_WIDTH_MAX);
  return [
    ...shown.map((transfer) => transferLine(transfer, nameWidth, barWidth, glyphs)),
    ...(hidden === 0 ? [] : [[{ text: `and ${hidden} more`, style: 'dim' }] as Line]),
  ];
}

function transferLine(transfer: TransferProgress, nameWidth: number, barWidth: number, glyphs: Glyphs): Line {
  const { id, bytes, totalBytes = 0, elapsedMs } = transfer;
  const sizes = `${formatBytes(bytes)} / ${formatBytes(Math.max(totalBytes, bytes))}`;
  return [
    plain(shortenName(`${id.tenantId}/${id.timelineId}`, nameWidth, glyphs.ellipsis).padEnd(nameWidth) + GAP),
    ...bar(totalBytes === 0 ? 0 : Math.min(1, bytes / totalBytes), barWidth, glyphs),
    plain(`${GAP}${sizes.padEnd(BYTES_WIDTH)}${GAP}${`${formatBytes(rate(bytes, elapsedMs))}/s`.padStart(RATE_WIDTH)}`),
  ];
}

function bar(fraction: number, width: number, glyphs: Glyphs): Line {
  const full = Math.floor(fraction * width);
  return [
    { text: glyphs.full.repeat(full), style: 'cyan' },
    { text: glyphs.empty.repeat(width - full), style: 'dim' },
  ];
}

function rate(bytes: number, elapsedMs: number): number {
  return elapsedMs > 0 ? Math.round((bytes * 1_000) / elapsedMs) : 0;
}

function clamp(value: number, min: number, max: number): number {
  return Math.max(min, Math.min(value, max));
}
