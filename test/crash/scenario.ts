import type { TimelineMap } from '../../src/transfer/timeline-map.ts';
import { ModelledDisk } from '../support/modelled-disk.ts';
import { modelledFileSystem } from '../support/modelled-file-system.ts';
import { openMap } from '../transfer/harness.ts';

/** The data directory on every modelled disk. */
export const DATA = '/data';

/** Something that changes a data directory and may be interrupted anywhere. */
export interface Scenario {
  readonly name: string;
  /** Lays what is on the disk before. */
  readonly prepare: (disk: ModelledDisk) => void;
  /** Doing it again when it is done already must do no harm. */
  readonly act: (map: TimelineMap) => Promise<unknown>;
  /** Of a program that was just started on the disk; throws when it is done in part. */
  readonly isDone: (map: TimelineMap, disk: ModelledDisk) => boolean;
}

/** A disk on which everything that the scenario needs is durable. */
export function prepared(scenario: Scenario): ModelledDisk {
  const disk = new ModelledDisk();
  scenario.prepare(disk);
  return new ModelledDisk(disk.tree);
}

/** What a program finds that starts on the disk. */
export async function restart(disk: ModelledDisk): Promise<TimelineMap> {
  return await openMap(DATA, { files: modelledFileSystem(disk) });
}
