import { dirname } from 'node:path';
import { Failure } from '../base/failure.ts';
import { ensureDirectory, moveDirectory } from '../disk/durable.ts';
import type { ControlFile } from '../safekeeper/control-file.ts';
import type { Lsn } from '../domain/lsn.ts';
import { Timeline } from './timeline.ts';
import type { CreationMark, TimelineMap } from './timeline-map.ts';
import { timelineNotLoaded } from './transfer-failure.ts';

/** A timeline directory under `<data>/tmp` that is complete, durable and checked. */
export interface ReadyDirectory {
  readonly path: string;
  readonly controlFile: ControlFile;
  readonly flushLsn: Lsn;
}

/**
 * Moves a ready directory to its live place and publishes the timeline, both under the mark. Throws a Failure
 * `TimelineNotLoaded` when anything is there already. A crash leaves nothing or the whole timeline.
 */
export async function install(map: TimelineMap, mark: CreationMark, ready: ReadyDirectory): Promise<Timeline> {
  const directory = map.directoryOf(mark.id);
  const parent = dirname(directory);
  await ensureDirectory(map.files, parent);
  try {
    await moveDirectory(map.files, ready.path, directory, parent);
  } catch (error) {
    throw error instanceof Failure && error.reason === 'PathExists' ? timelineNotLoaded(mark.id) : error;
  }
  const timeline = new Timeline({
    files: map.files,
    directory,
    controlFile: ready.controlFile,
    flushLsn: ready.flushLsn,
  });
  mark.publish(timeline);
  return timeline;
}
