import { formatLsn } from '../domain/lsn.ts';
import type { Member, Membership } from '../domain/membership.ts';
import type { TermHistory } from '../domain/term.ts';
import type { ServerInfo } from './control-file.ts';

/** The JSON forms that the status and the debug dump share; keys in the order in which safekeepers write them. */

export function membershipToJson(membership: Membership) {
  return {
    generation: membership.generation,
    members: membership.members.map(memberToJson),
    new_members: membership.newMembers?.map(memberToJson) ?? null,
  };
}

function memberToJson(member: Member) {
  return { id: member.id, host: member.host, pg_port: member.pgPort };
}

export function termHistoryToJson(history: TermHistory) {
  return history.map((entry) => ({ term: entry.term, lsn: formatLsn(entry.lsn) }));
}

export function serverInfoToJson(server: ServerInfo) {
  return { pg_version: server.pgVersion, system_id: server.systemId, wal_seg_size: server.walSegmentSize };
}
