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
