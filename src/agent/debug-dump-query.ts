import { Failure } from '../base/failure.ts';
import { parseTenantId, parseTimelineId, type TenantId, type TimelineId } from '../domain/ids.ts';
import { describeBadId } from './request-bodies.ts';

/** Which timelines `GET /v1/debug_dump` shows, and what of them. */
export interface DebugDumpQuery {
  readonly tenantId: TenantId | undefined;
  readonly timelineId: TimelineId | undefined;
  readonly controlFile: boolean;
  readonly memory: boolean;
  readonly diskContent: boolean;
  readonly termHistory: boolean;
  readonly walLastModified: boolean;
}

const FLAGS = [
  'dump_all',
  'dump_control_file',
  'dump_memory',
  'dump_disk_content',
  'dump_term_history',
  'dump_wal_last_modified',
] as const;

/** `dump_all` turns the unset parts on; the term history is part of the control file unless `dump_term_history=false`. Throws a Failure `InvalidRequest`. */
export function parseDebugDumpQuery(query: URLSearchParams): DebugDumpQuery {
  const flags = new Map<(typeof FLAGS)[number], boolean>();
  let tenantId: TenantId | undefined;
  let timelineId: TimelineId | undefined;
  for (const [name, value] of query) {
    const flag = FLAGS.find((known) => known === name);
    if (flag !== undefined) flags.set(flag, parseFlag(name, value));
    else if (name === 'tenant_id') tenantId = parseTenantId(value) ?? refuse(name, describeBadId(value));
    else if (name === 'timeline_id') timelineId = parseTimelineId(value) ?? refuse(name, describeBadId(value));
    else throw new Failure('InvalidRequest', `Unknown query parameter: ${name}`, { retry: 'never' });
  }
  const all = flags.get('dump_all') ?? false;
  return {
    tenantId,
    timelineId,
    controlFile: flags.get('dump_control_file') ?? all,
    memory: flags.get('dump_memory') ?? all,
    diskContent: flags.get('dump_disk_content') ?? all,
    termHistory: flags.get('dump_term_history') ?? true,
    walLastModified: flags.get('dump_wal_last_modified') ?? all,
  };
}

/** `true` or `false`, nothing else. Throws a Failure `InvalidRequest` that names the parameter. */
export function parseFlag(name: string, value: string): boolean {
  if (value === 'true') return true;
  if (value === 'false') return false;
  return refuse(name, 'provided string was not `true` or `false`');
}

function refuse(name: string, problem: string): never {
  throw new Failure('InvalidRequest', `cannot parse ${name}: ${problem}`, { retry: 'never' });
}
