import type { Member } from './layout.ts';
import type { ModelTerm } from './logs.ts';

/** A plan, or a confirmed one, as a task keeps it. */
export interface Decision {
  readonly donor: Member;
  /** Mask of those who have to stay witnesses until the pull. */
  readonly witnesses: number;
  readonly floor: ModelTerm;
  /** Of `Decisions`: where the donor's log stood. */
  readonly expected: number;
}
