import type { TimelineRow } from './timeline-row.ts';

/** How the story is told while it happens. Disposing it leaves the terminal as it was found. */
export interface StoryView extends Disposable {
  /** What is going on from now on; `detail` is asked for whenever it is shown anew. */
  begin(text: string, detail?: () => string): void;
  /** What has just been achieved. */
  done(text: string): void;
  /** How the timelines stand now. */
  show(rows: readonly TimelineRow[]): void;
}

/** The parts of a `tty.WriteStream` that are used, and of any other stream. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): boolean;
}

export type Environment = Readonly<Record<string, string | undefined>>;
