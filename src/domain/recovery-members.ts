import type { SafekeeperId } from './ids.ts';
import { type Membership, NO_MEMBERSHIP } from './membership.ts';
import type { Observation } from './observation.ts';

/** Where the members may be known from when the replicas themselves have no configuration (generation 0). */
export interface MemberSources {
  /** `spec.members` of the timeline. */
  readonly declared: readonly SafekeeperId[] | undefined;
  /** Every safekeeper of the cluster; undefined while it is not known who all of them are. */
  readonly cluster: readonly SafekeeperId[] | undefined;
}

/** The set M of safety.md; `sets` has a second entry, the new members, in a joint configuration; every bound must hold in each. */
export interface Members {
  readonly all: readonly SafekeeperId[];
  readonly sets: readonly (readonly SafekeeperId[])[];
  /** To send with a pull; generation 0 when there is none to send. */
  readonly membership: Membership;
}

export type MemberResolution =
  | { readonly kind: 'Members'; readonly members: Members }
  /** Replicas of different generations: a configuration change may be on its way. */
  | { readonly kind: 'GenerationsDiffer'; readonly members: Members; readonly message: string }
  | { readonly kind: 'GenerationConflict'; readonly message: string }
  | { readonly kind: 'MembersUnknown'; readonly message: string };

/** Rule R10: the configuration of the highest generation binds; without one the custom resource says; never a guess. */
export function resolveMembers(observation: Observation, sources: MemberSources): MemberResolution {
  const answered = [...observation.values()]
    .flatMap(({ id, answer }) => (answer.kind === 'Status' ? [{ id, membership: answer.status.membership }] : []))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const generation = Math.max(0, ...answered.map(({ membership }) => membership.generation));
  return generation === 0 ? fromSources(sources) : fromGeneration(answered, generation, sources);
}

function fromSources({ declared, cluster }: MemberSources): MemberResolution {
  if (declared !== undefined && declared.length > 0) return { kind: 'Members', members: plainMembers(declared) };
  if (cluster?.length === 3) return { kind: 'Members', members: plainMembers(cluster) };
  return {
    kind: 'MembersUnknown',
    message:
      'The timeline has no membership configuration and ' +
      (cluster === undefined
        ? 'not every safekeeper of its cluster has told its id: '
        : `its cluster has ${cluster.length} safekeepers: `) +
      'set spec.members to the ids of the safekeepers that hold it.',
  };
}

function fromGeneration(
  answered: readonly { readonly id: SafekeeperId; readonly membership: Membership }[],
  generation: number,
  sources: MemberSources,
): MemberResolution {
  const newest = answered.filter(({ membership }) => membership.generation === generation);
  const membership = newest[0]?.membership ?? NO_MEMBERSHIP;
  const sets = setsOf(membership);
  const all = unique(sets.flat());
  const members: Members = { all, sets, membership };
  if (sets.some((set) => set.length === 0)) {
    return {
      kind: 'MembersUnknown',
      message: `Generation ${generation} of the timeline's configuration names no members.`,
    };
  }
  if (newest.some((replica) => setKey(setsOf(replica.membership)) !== setKey(sets))) {
    return { kind: 'GenerationConflict', message: `Replicas of generation ${generation} disagree on the members.` };
  }
  if (sources.declared !== undefined && setKey([sources.declared]) !== setKey([members.all])) {
    return {
      kind: 'GenerationConflict',
      message:
        `spec.members is ${format(sources.declared)}, but generation ${generation} of the timeline's own configuration ` +
        `is ${format(members.all)}, which binds: correct or remove spec.members.`,
    };
  }
  // Whoever left the timeline may keep an older configuration for good.
  const behind = answered.find(({ id, membership }) => membership.generation !== generation && all.includes(id));
  return behind === undefined
    ? { kind: 'Members', members }
    : {
        kind: 'GenerationsDiffer',
        members,
        message: `Replicas have different membership generations (${behind.membership.generation} and ${generation}).`,
      };
}

function plainMembers(ids: readonly SafekeeperId[]): Members {
  const all = unique(ids);
  return { all, sets: [all], membership: NO_MEMBERSHIP };
}

function setsOf(membership: Membership): SafekeeperId[][] {
  const sets = [membership.members, ...(membership.newMembers === null ? [] : [membership.newMembers])];
  return sets.map((set) => unique(set.map((member) => member.id)));
}

function unique(ids: readonly SafekeeperId[]): SafekeeperId[] {
  return [...new Set(ids)].sort((a, b) => (a < b ? -1 : 1));
}

function setKey(sets: readonly (readonly SafekeeperId[])[]): string {
  return sets.map((set) => unique(set).join(',')).join('|');
}

function format(ids: readonly SafekeeperId[]): string {
  return `[${unique(ids).join(', ')}]`;
}
