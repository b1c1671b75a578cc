import type { RecoveryEntry } from '../../api/timeline-status.ts';
import type { Glyphs } from '../terminal/glyphs.ts';

/** How things are shown, and by whom they were asked for. */
export interface ViewContext {
  /** Columns that a line may take; infinite where nothing breaks or cuts it. */
  readonly width: number;
  readonly glyphs: Glyphs;
  readonly nowMs: number;
  /** `-o wide`, or asked for by name: everything that is known. */
  readonly isWide: boolean;
  /** Objects of more than one namespace. */
  readonly showNamespace: boolean;
  /** The namespace is the context's: commands need not name it. */
  readonly isContextNamespace: boolean;
  /** `kubectl safekeepers`: what commands that are proposed begin with. */
  readonly program: string;
  /** ` --context prod`: what they end with, so that they go to the same place. */
  readonly connectionArguments: string;
  /** Bytes a second of the recovery of the object `key` (namespace/name). */
  readonly rateOf: (key: string, recovery: RecoveryEntry) => number | undefined;
}
