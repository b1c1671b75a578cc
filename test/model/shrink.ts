import type { Emit, Invariant } from './consensus.ts';
import type { Bounds } from './layout.ts';
import { Model } from './model.ts';
import { State } from './state.ts';
import { type Step, stepTo } from './step.ts';
import type { Variant } from './variant.ts';

/** A way to a violation, as far as it was needed. */
interface Way {
  readonly invariant: Invariant;
  readonly steps: readonly Step[];
  readonly trace: readonly string[];
}

/** Leaves out one step after the other for as long as what is left still leads to a violation. */
export function shrink(variant: Variant, bounds: Bounds, steps: readonly Step[]): Way {
  const model = new Model(variant, bounds);
  let shortest = replay(model, bounds, steps);
  if (shortest === undefined) throw new Error('the way to a violation cannot be gone again');
  for (let before = Infinity; shortest.steps.length < before; ) {
    before = shortest.steps.length;
    for (let at = shortest.steps.length - 1; at >= 0; at--) {
      const shorter = replay(model, bounds, shortest.steps.toSpliced(at, 1));
      if (shorter !== undefined && shorter.steps.length < shortest.steps.length) shortest = shorter;
    }
  }
  return shortest;
}

/** Takes those of the steps that can be taken, until any step violates an invariant. */
function replay(model: Model, bounds: Bounds, steps: readonly Step[]): Way | undefined {
  const [state, next, after] = [new State(bounds), new State(bounds), new State(bounds)];
  const taken: Step[] = [];
  const trace: string[] = [];
  for (const step of steps) {
    let found: Step | undefined;
    let line = '';
    let invariant: Invariant | undefined;
    const emit: Emit = (reached, action, actor, member, violated) => {
      const candidate = stepTo(reached, action, actor, member);
      const isWanted = violated !== undefined || (found === undefined && isSame(candidate, step));
      if (invariant !== undefined || !isWanted) return;
      invariant = violated;
      found = candidate;
      line = model.describe(reached, action, actor, member, violated);
      after.copyFrom(reached);
    };
    model.steps(state, next, emit);
    if (found === undefined) continue;
    taken.push(found);
    trace.push(line);
    if (invariant !== undefined) return { invariant, steps: taken, trace };
    state.copyFrom(after);
  }
  return undefined;
}

function isSame(a: Step, b: Step): boolean {
  return a.action === b.action && a.actor === b.actor && a.member === b.member && a.target === b.target;
}
