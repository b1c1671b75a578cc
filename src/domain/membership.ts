import { assert } from '../base/assert.ts';
import type { Brand } from '../base/brand.ts';
import type { SafekeeperId } from './ids.ts';

/** Version of a membership configuration: unsigned 32 bit. 0 means that the timeline has no configuration of its own. */
export type Generation = Brand<number, 'Generation'>;

export const INVALID_GENERATION = 0 as Generation;
const U32_MAX = 2 ** 32 - 1;

/** The number must already be known to be an unsigned 32-bit integer. */
export function generation(value: number): Generation {
  assert(Number.isInteger(value) && value >= 0 && value <= U32_MAX, 'a generation is an unsigned 32-bit integer');
  return value as Generation;
}

/** One acceptor of a configuration; `host` and `pgPort` are where computes reach it. */
export interface Member {
  readonly id: SafekeeperId;
  readonly host: string;
  readonly pgPort: number;
}

/** `newMembers` is present while a joint configuration is being changed to them: both sets then need their own quorum. */
export interface Membership {
  readonly generation: Generation;
  readonly members: readonly Member[];
  readonly newMembers: readonly Member[] | null;
}

export const NO_MEMBERSHIP: Membership = { generation: INVALID_GENERATION, members: [], newMembers: null };

export function isMember(membership: Membership, id: SafekeeperId): boolean {
  return [...membership.members, ...(membership.newMembers ?? [])].some((member) => member.id === id);
}

/** The smallest number of acceptors that is a majority of `memberCount`. */
export function quorumSize(memberCount: number): number {
  return Math.floor(memberCount / 2) + 1;
}

/**
 * How many members with their own history a recovery must have read so that they contain a holder of every
 * acknowledged record and a voter of every won term (rule R1): 2 of 3, 3 of 5.
 */
export function witnessBound(memberCount: number): number {
  return memberCount - quorumSize(memberCount) + 1;
}
