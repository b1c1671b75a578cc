import { witnessBound } from '../../src/domain/membership.ts';
import { seededRandom } from '../support/seeded-random.ts';
import type { Emit, Invariant } from './consensus.ts';
import { Guide } from './guide.ts';
import { Hazard } from './hazard.ts';
import { type Bounds, countOf } from './layout.ts';
import { Model } from './model.ts';
import { shrink } from './shrink.ts';
import { State } from './state.ts';
import { type Step, stepTo } from './step.ts';
import type { Variant } from './variant.ts';

export interface WalkLimits {
  /** The same seed always gives the same walks. */
  readonly seed: number;
  readonly walks: number;
  /** Of one walk. */
  readonly steps: number;
}

/** What guided random walks found. */
export interface Walks {
  readonly walks: number;
  /** Looked at, not all of them taken: a violation one step beside the way is found too. */
  readonly transitions: number;
  readonly installs: number;
  /** Installs with exactly as many witnesses as rule R1 asks for. */
  readonly bareInstalls: number;
  /** Installs that `verifyReplica` refused. */
  readonly refused: number;
  /** The first one; of its trace the steps that are not needed are left out. */
  readonly violation: { readonly invariant: Invariant; readonly trace: readonly string[] } | undefined;
}

/** What is remembered of decisions grows with every walk: from time to time it is forgotten. */
const WALKS_PER_MODEL = 5_000;

/** Goes from the first state again and again, each time another way, until there is a violation or enough has been walked. */
export function walk(variant: Variant, bounds: Bounds, limits: WalkLimits): Walks {
  return new Walker(variant, bounds, limits).run();
}

class Walker {
  private model: Model;
  private hazard: Hazard;
  private transitions = 0;
  private installs = 0;
  private bareInstalls = 0;
  private refused = 0;
  private readonly guide: Guide;
  private readonly random: () => number;
  private readonly current: State;
  private readonly next: State;
  private readonly chosen: State;

  private readonly variant: Variant;
  private readonly bounds: Bounds;
  private readonly limits: WalkLimits;

  constructor(variant: Variant, bounds: Bounds, limits: WalkLimits) {
    this.variant = variant;
    this.bounds = bounds;
    this.limits = limits;
    this.random = seededRandom(limits.seed);
    this.guide = new Guide(this.random);
    this.model = new Model(variant, bounds);
    this.hazard = new Hazard(this.model.logs);
    this.current = new State(bounds);
    this.next = new State(bounds);
    this.chosen = new State(bounds);
  }

  run(): Walks {
    let violation: Walks['violation'];
    let walks = 0;
    while (violation === undefined && walks < this.limits.walks) {
      const way = this.walk();
      walks++;
      if (way !== undefined) violation = shrink(this.variant, this.bounds, way);
      if (walks % WALKS_PER_MODEL === 0) this.renewModel();
    }
    const { transitions, installs, bareInstalls } = this;
    return { walks, transitions, installs, bareInstalls, refused: this.refused + this.model.refused, violation };
  }

  private renewModel(): void {
    this.refused += this.model.refused;
    this.model = new Model(this.variant, this.bounds);
    this.hazard = new Hazard(this.model.logs);
  }

  /** The steps to a violation, if it comes to one. */
  private walk(): Step[] | undefined {
    const way: Step[] = [];
    this.current.copyFrom(new State(this.bounds));
    this.guide.begin(this.current);
    while (way.length < this.limits.steps) {
      const { step, violated } = this.choose();
      if (step === undefined) return undefined;
      way.push(step);
      if (violated) return way;
      this.count(step);
      this.current.copyFrom(this.chosen);
      this.guide.goOn(this.current, step.action);
    }
    return undefined;
  }

  /** Leaves in `chosen` the state after a step: one that violates an invariant when there is one, or one by weight. */
  private choose(): { step: Step | undefined; violated: boolean } {
    const before = this.hazard.of(this.current);
    let step: Step | undefined;
    let total = 0;
    let violated = false;
    const emit: Emit = (next, action, actor, member, invariant) => {
      this.transitions++;
      if (violated) return;
      violated = invariant !== undefined;
      const weight = this.guide.weigh(this.current, action, actor, member, this.hazard.of(next) - before);
      total += weight;
      if (!violated && this.random() * total >= weight) return;
      step = stepTo(next, action, actor, member);
      this.chosen.copyFrom(next);
    };
    this.model.steps(this.current, this.next, emit);
    return { step, violated };
  }

  private count({ action, actor }: Step): void {
    if (action !== 'installs') return;
    this.installs++;
    if (countOf(this.current.witnesses(actor)) === witnessBound(this.bounds.members)) this.bareInstalls++;
  }
}
