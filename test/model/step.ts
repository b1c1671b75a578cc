import type { ActionKind } from './consensus.ts';
import type { Member } from './layout.ts';
import type { State } from './state.ts';

/** One step of a walk, to be found again among the steps that a state has. */
export interface Step {
  readonly action: ActionKind;
  readonly actor: number;
  readonly member: Member;
  /** For whom the operator reads: several may be lost when it begins. */
  readonly target: Member | undefined;
}

/** The step that led to `reached`. */
export function stepTo(reached: State, action: ActionKind, actor: number, member: Member): Step {
  return { action, actor, member, target: action === 'reads' ? reached.target(actor) : undefined };
}
