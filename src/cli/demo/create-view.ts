import type { Clock } from '../../base/clock.ts';
import { canRedraw, type Environment, type Output } from '../terminal/output.ts';
import { createLineView } from './line-view.ts';
import { createTerminalView } from './terminal-view.ts';
import type { StoryView } from './view.ts';

/** Redrawn in place on a terminal that can; plain lines anywhere else. `diskTitle` says whose disk the timelines' bytes are on. */
export function createView(output: Output, environment: Environment, clock: Clock, diskTitle: string): StoryView {
  return canRedraw(output, environment)
    ? createTerminalView(output, environment, clock, diskTitle)
    : createLineView(output, clock);
}
