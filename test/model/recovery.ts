import { witnessBound } from '../../src/domain/membership.ts';
import { type Consensus, type Emit, isUp } from './consensus.ts';
import type { Decision } from './decision.ts';
import type { Decisions } from './decisions.ts';
import { type Bounds, countOf, has, type Member } from './layout.ts';
import { fencesBelow, NO_ANSWER, NO_LOG } from './logs.ts';
import { BUMPING, COPYING, DONE, FENCING, INSTALLING, NO_TASK, PLANNING, RAISING, RECHECKING, State } from './state.ts';
import type { Variant } from './variant.ts';

/**
 * Every step of the operator: it reads one member after the other, plans, fences, reads again, confirms, raises the
 * donor, copies it at one moment and installs the copy at a later one. What it decides the shipped module decides.
 */
export class Recovery {
  /** Installed replicas that `verifyReplica` refused. */
  refused = 0;

  private readonly decisions: Decisions;
  private readonly consensus: Consensus;
  private readonly variant: Variant;
  private readonly scratch: State;
  /** How many members besides the target are asked before anything is decided. */
  private readonly needed: number;

  constructor(decisions: Decisions, consensus: Consensus, variant: Variant, bounds: Bounds) {
    this.decisions = decisions;
    this.consensus = consensus;
    this.variant = variant;
    this.scratch = new State(bounds);
    this.needed = variant.witnesses === 'All' ? bounds.members - 1 : witnessBound(bounds.members) - 1;
  }

  steps(state: State, next: State, emit: Emit): void {
    for (let task = 0; task < state.bounds.recoveries; task++) {
      switch (state.taskPhase(task)) {
        case NO_TASK:
          this.start(state, next, task, emit);
          break;
        case PLANNING:
          for (const member of state.layout.members) this.read(state, next, task, member, emit);
          break;
        case FENCING:
          this.fence(state, next, task, emit);
          break;
        case RECHECKING:
          this.recheck(state, next, task, emit);
          break;
        case BUMPING:
          this.bump(state, next, task, emit);
          this.takeArchive(state, next, task, emit);
          break;
        case COPYING:
          this.copy(state, next, task, emit);
          this.takeArchive(state, next, task, emit);
          break;
        case INSTALLING:
          this.install(state, next, task, emit);
          break;
        case RAISING:
          this.raiseRecipient(state, next, task, emit);
          break;
      }
    }
  }

  /** The target has been lost for the grace period: that it answered "not found" is known before any witness is read. */
  private start(state: State, next: State, task: number, emit: Emit): void {
    for (const target of state.layout.members) {
      const lost = state.log(target) === NO_LOG && this.consensus.graceIsOver(state, target);
      if (!lost && !this.variant.readsBeforeLoss) continue;
      for (const witness of state.layout.members) {
        if (witness === target) continue;
        next.copyFrom(state);
        next.startTask(task, target);
        if (!this.variant.readsBeforeLoss) next.setVisited(task, 1 << target);
        this.see(state, next, task, witness);
        this.conclude(next, task, witness, emit);
      }
    }
  }

  private read(state: State, next: State, task: number, member: Member, emit: Emit): void {
    const visited = state.visited(task);
    if (has(visited, member)) return;
    const isLast = (visited | (1 << member)) === state.layout.all;
    // Only in the variant that reads it last; until it is lost there is nothing to plan.
    if (member === state.target(task) && (state.log(member) !== NO_LOG || !isLast)) return;
    next.copyFrom(state);
    this.see(state, next, task, member);
    this.conclude(next, task, member, emit);
    this.hearNothing(state, next, task, member, visited, emit);
  }

  /** A member that is not there to answer. When it is asked makes no difference, so the last one always answers. */
  private hearNothing(state: State, next: State, task: number, member: Member, done: number, emit: Emit): void {
    const visited = done | (1 << member);
    if (!this.variant.silence || visited === state.layout.all) return;
    next.copyFrom(state);
    if (state.taskPhase(task) !== FENCING) next.setRead(task, member, 0, NO_ANSWER);
    next.setVisited(task, visited);
    emit(next, 'gets no answer of', task, member, undefined);
  }

  private see(state: State, next: State, task: number, member: Member): void {
    next.setRead(task, member, state.term(member), state.log(member));
    next.setVisited(task, next.visited(task) | (1 << member));
  }

  /** Decides as soon as enough was read. `next` is replaced by every outcome there may be. */
  private conclude(next: State, task: number, member: Member, emit: Emit): void {
    const { decisions } = this;
    const isTargetRead = has(next.visited(task), next.target(task));
    const read = countOf(next.visited(task)) - (isTargetRead ? 1 : 0);
    const isTargetBack = next.taskPhase(task) === RECHECKING && next.readLog(task, next.target(task)) !== NO_LOG;
    if (!isTargetBack && (!isTargetRead || read < this.needed)) {
      emit(next, 'reads', task, member, undefined);
      return;
    }
    const isPlan = next.taskPhase(task) === PLANNING;
    const outcomes = isPlan
      ? decisions.plan(next, task, this.consensus.inGrace(next) & ~(1 << next.target(task)))
      : this.isOvertaken(next, task)
        ? []
        : decisions.confirm(next, task);
    const before = this.scratch;
    before.copyFrom(next);
    for (const decision of outcomes) {
      next.copyFrom(before);
      if (isPlan) this.adopt(before, next, task, decision, emit);
      else {
        this.confirmed(next, task, decision);
        emit(next, 'confirms to copy from', task, decision.donor, undefined);
      }
    }
    if (outcomes.length > 0) return;
    next.endTask(task, NO_TASK);
    emit(next, isPlan ? 'plans nothing' : 'discards its plan', task, member, undefined);
  }

  private adopt(before: State, next: State, task: number, plan: Decision, emit: Emit): void {
    const { variant, decisions } = this;
    if (fencesBelow(plan.floor) > next.bounds.fences) {
      next.endTask(task, NO_TASK);
      emit(next, 'plans nothing', task, plan.donor, undefined);
      return;
    }
    if (!variant.recheck) {
      next.setIntent(task, plan);
      const [same] = decisions.confirm(next, task);
      if (same === undefined) throw new Error('a plan was discarded though nothing was read again');
      this.confirmed(next, task, { ...same, donor: plan.donor });
      emit(next, 'plans to copy from', task, plan.donor, undefined);
      return;
    }
    // By terms the witnesses are still to be raised, so there is nothing to compare yet.
    const stands = variant.fencing === 'ByTerms' || decisions.standsUnchanged(before, task, plan, next);
    next.copyFrom(before);
    next.clearReads(task);
    next.setIntent(task, plan);
    next.setPhase(task, variant.fencing === 'ByTerms' ? FENCING : RECHECKING);
    // One step with the plan: the announcement is refused when the object has changed since it was read.
    if (variant.fencing === 'ByTerms' && variant.announced) next.fencedTerm = plan.floor;
    emit(next, 'plans to copy from', task, plan.donor, stands ? undefined : 'I3');
  }

  /** By terms: somebody has announced another fence since. */
  private isOvertaken(state: State, task: number): boolean {
    const { fencing, announced } = this.variant;
    return fencing === 'ByTerms' && announced && state.fencedTerm !== state.floor(task);
  }

  private confirmed(next: State, task: number, decision: Decision): void {
    const { donor, floor } = decision;
    const donorTerm = next.readTerm(task, donor);
    next.clearReads(task);
    next.setIntent(task, decision);
    next.setPhase(task, donorTerm < floor && this.variant.floor === 'OnDonor' ? BUMPING : COPYING);
  }

  /** By terms: every witness is raised, as far as it is there. */
  private fence(state: State, next: State, task: number, emit: Emit): void {
    const others = state.layout.all & ~state.witnesses(task);
    for (const member of state.layout.members) {
      const visited = state.visited(task) | others;
      if (has(visited, member)) continue;
      next.copyFrom(state);
      raise(next, member, state.floor(task));
      if ((visited | (1 << member)) === state.layout.all) next.setPhase(task, RECHECKING);
      else next.setVisited(task, visited | (1 << member));
      emit(next, 'raises', task, member, undefined);
      this.hearNothing(state, next, task, member, visited, emit);
    }
  }

  /** The target first. A "not found" commutes with every other step while it lasts, so the first witness is read with it. */
  private recheck(state: State, next: State, task: number, emit: Emit): void {
    const target = state.target(task);
    if (state.log(target) !== NO_LOG && state.visited(task) === 0) {
      next.copyFrom(state);
      this.see(state, next, task, target);
      this.conclude(next, task, target, emit);
      return;
    }
    for (const witness of state.layout.members) {
      const visited = state.visited(task) | (1 << target);
      if (has(visited, witness)) continue;
      next.copyFrom(state);
      next.setVisited(task, visited);
      this.see(state, next, task, witness);
      this.conclude(next, task, witness, emit);
      this.hearNothing(state, next, task, witness, visited, emit);
    }
  }

  private bump(state: State, next: State, task: number, emit: Emit): void {
    const donor = state.donor(task);
    next.copyFrom(state);
    raise(next, donor, state.floor(task));
    if (isUp(state, donor)) next.setPhase(task, COPYING);
    else next.endTask(task, NO_TASK);
    emit(next, 'raises', task, donor, undefined);
  }

  /** A recipient takes one pull of a timeline at a time, and none when it has the timeline. */
  private copy(state: State, next: State, task: number, emit: Emit): void {
    const [donor, target] = [state.donor(task), state.target(task)];
    next.copyFrom(state);
    if (isUp(state, donor) && state.log(target) === NO_LOG && !this.isPulledByOther(state, task)) {
      next.setPhase(task, INSTALLING);
      next.setRead(task, target, state.term(donor), state.log(donor));
      emit(next, 'copies from', task, donor, undefined);
    } else {
      next.endTask(task, NO_TASK);
      emit(next, 'cannot copy from', task, donor, undefined);
    }
  }

  /** In place of the copy, with the floor; nobody else is raised for it. */
  private takeArchive(state: State, next: State, task: number, emit: Emit): void {
    const { archives } = this.variant;
    const target = state.target(task);
    const mayBe = archives !== 'None' && state.archivedLog !== NO_LOG && state.log(target) === NO_LOG;
    if (!mayBe || this.isPulledByOther(state, task)) return;
    if (archives === 'Compared' && !this.decisions.allowsArchive(state, task)) return;
    next.copyFrom(state);
    next.setPhase(task, INSTALLING);
    next.setRead(task, target, Math.max(state.archivedTerm, state.floor(task)), state.archivedLog);
    emit(next, 'takes the archive for', task, target, undefined);
  }

  private install(state: State, next: State, task: number, emit: Emit): void {
    const target = state.target(task);
    next.copyFrom(state);
    if (state.log(target) !== NO_LOG) {
      next.endTask(task, NO_TASK);
      emit(next, 'cannot install on', task, target, undefined);
      return;
    }
    next.setAcceptor(target, state.readTerm(task, target), state.readLog(task, target));
    const donor = state.donor(task);
    if (!this.decisions.verify(state, task, state.log(donor), state.term(donor))) this.refused++;
    if (this.variant.floor === 'OnRecipient') next.setPhase(task, RAISING);
    else next.endTask(task, DONE);
    for (let other = 0; other < state.bounds.recoveries; other++) {
      if (other !== task && this.isVoidedByReturn(state, other, target)) next.endTask(other, NO_TASK);
    }
    emit(next, 'installs', task, target, undefined);
  }

  private isVoidedByReturn(state: State, task: number, target: Member): boolean {
    const phase = state.taskPhase(task);
    if (phase === DONE || state.target(task) !== target) return false;
    const isRechecked = phase > RECHECKING || (phase === RECHECKING && state.visited(task) !== 0);
    const { returnVoids } = this.variant;
    return returnVoids === 'Plans' || (returnVoids === 'Rechecks' && isRechecked);
  }

  private raiseRecipient(state: State, next: State, task: number, emit: Emit): void {
    const target = state.target(task);
    next.copyFrom(state);
    raise(next, target, state.floor(task));
    next.endTask(task, DONE);
    emit(next, 'raises', task, target, undefined);
  }

  private isPulledByOther(state: State, task: number): boolean {
    for (let other = 0; other < state.bounds.recoveries; other++) {
      if (other === task || state.taskPhase(other) !== INSTALLING) continue;
      if (state.target(other) === state.target(task)) return true;
    }
    return false;
  }
}

/** A term bump: a lower or equal term changes nothing, and a member without the timeline refuses. */
function raise(next: State, member: Member, floor: number): void {
  if (isUp(next, member)) next.setTerm(member, Math.max(next.term(member), floor));
}
