import { randomInteger } from '../support/seeded-random.ts';
import { type ActionKind, isUp } from './consensus.ts';
import { has, type Member } from './layout.ts';
import { CANDIDATE, GREETING, IDLE, type State } from './state.ts';

/** What decides how likely an action is. */
type Class = 'Campaign' | 'Support' | 'Loss' | 'Rare' | 'Operator';

const CLASSES: Readonly<Record<ActionKind, Class>> = {
  'campaigns, is greeted by': 'Campaign',
  'is greeted by': 'Support',
  'gets the vote of': 'Support',
  'is elected by the vote of': 'Support',
  aligns: 'Support',
  'appends to': 'Support',
  'forgets the vote of': 'Rare',
  'loses its disk': 'Loss',
  'is created anew, empty': 'Rare',
  'is written to an archive': 'Rare',
  'takes the archive for': 'Operator',
  reads: 'Operator',
  'gets no answer of': 'Rare',
  'plans to copy from': 'Operator',
  'plans nothing': 'Operator',
  raises: 'Operator',
  'confirms to copy from': 'Operator',
  'discards its plan': 'Operator',
  'copies from': 'Operator',
  'cannot copy from': 'Operator',
  installs: 'Operator',
  'cannot install on': 'Operator',
};

/** How one walk leans; every walk draws its own (swarm testing), since no leaning is good for all counterexamples. */
const CHOICES = {
  /** How much more a proposer deals with its own quorum than with the others. */
  loyalty: [3, 10, 30, 100],
  /** How much more the member that both quorums share is dealt with. */
  attention: [1, 5, 25],
  /** Of campaigning again. */
  restlessness: [0.003, 0.03, 0.3],
  /** Of losing the shared member's disk: late, when proposers have little left to do. */
  loss: [1, 10, 30],
  /** Of the operator's steps. */
  haste: [0.3, 2, 10, 100],
  /** How far apart actors' paces are, as a power of e. */
  spread: [3, 6, 9],
  /** How likely paces change after a step. */
  change: [0.03, 0.1, 0.3],
  /** How much more likely one more of hazard makes a step. */
  daring: [10, 20, 40],
} as const;
type Leaning = { -readonly [Name in keyof typeof CHOICES]: number };

/** A member that has not voted has little to forget. */
const DULL = 0.1;

/**
 * Says how likely every action is to be a walk's next. All known counterexamples have one shape: two quorums that meet in
 * few members, and these come back without what they knew. So each proposer favours a quorum of its own, and the disks
 * of the members that both have are in danger.
 */
export class Guide {
  private readonly random: () => number;
  private leaning: Leaning;
  private quorums: readonly number[] = [];
  private paces: readonly number[] = [];

  constructor(random: () => number) {
    this.random = random;
    this.leaning = this.draw();
  }

  /** Before each walk. */
  begin({ layout, bounds }: State): void {
    const order = this.shuffled(layout.members);
    const maskOf = (members: readonly Member[]) => members.reduce((mask, member) => mask | (1 << member), 0);
    this.quorums = [maskOf(order.slice(0, layout.quorum)), maskOf(order.slice(-layout.quorum))];
    this.leaning = this.draw();
    this.changePaces(bounds.proposers + bounds.recoveries);
  }

  /** After each step: who was slow may become quick, above all when a disk was lost or restored. */
  goOn({ bounds }: State, action: ActionKind): void {
    const isTurn = action === 'loses its disk' || action === 'installs';
    if (isTurn || this.random() < this.leaning.change) this.changePaces(bounds.proposers + bounds.recoveries);
  }

  /** `hazard` is how much more of it there is after the step. */
  weigh(state: State, action: ActionKind, actor: number, member: Member, hazard: number): number {
    return this.weightOf(state, action, actor, member) * this.leaning.daring ** hazard;
  }

  private weightOf(state: State, action: ActionKind, actor: number, member: Member): number {
    const { loyalty, attention, restlessness, loss, haste } = this.leaning;
    const isShared = this.quorums.every((quorum) => has(quorum, member));
    switch (CLASSES[action]) {
      case 'Campaign':
        return this.paceOf(actor) * (canWin(state, actor) ? restlessness : 1);
      case 'Support': {
        const isOwn = has(this.quorums[actor % this.quorums.length] ?? 0, member);
        return this.paceOf(actor) * (isOwn ? loyalty * (isShared ? attention : 1) : 1 / loyalty);
      }
      case 'Loss':
        return state.term(member) === 0 ? DULL : isShared ? loss : loss * DULL;
      case 'Rare':
        return 1;
      case 'Operator':
        return this.paceOf(state.bounds.proposers + actor) * haste;
    }
  }

  private paceOf(actor: number): number {
    return this.paces[actor] ?? 1;
  }

  private changePaces(count: number): void {
    this.paces = Array.from({ length: count }, () => Math.exp(this.leaning.spread * this.random()));
  }

  private draw(): Leaning {
    const drawn = Object.entries(CHOICES).map(([name, values]) => [name, this.pick(values)] as const);
    return Object.fromEntries(drawn) as Leaning;
  }

  private pick(values: readonly number[]): number {
    return values[randomInteger(this.random, 0, values.length - 1)] ?? 1;
  }

  private shuffled(members: readonly Member[]): Member[] {
    const keyed = members.map((member) => [this.random(), member] as const);
    return keyed.sort(([a], [b]) => a - b).map(([, member]) => member);
  }
}

/** Whether this campaign, or this leader's next record, may still get its quorum. */
function canWin(state: State, proposer: number): boolean {
  const phase = state.phase(proposer);
  if (phase === IDLE) return false;
  const term = state.proposerTerm(proposer);
  const open = state.layout.members.filter((member) => {
    if (phase === CANDIDATE && has(state.supporters(proposer), member)) return true;
    return isUp(state, member) && (phase === CANDIDATE ? state.term(member) < term : state.term(member) <= term);
  });
  return phase === GREETING || open.length >= state.layout.quorum;
}
