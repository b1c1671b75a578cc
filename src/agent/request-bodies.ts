import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import {
  parseSafekeeperId,
  parseTenantId,
  parseTimelineId,
  type TenantId,
  type TenantTimelineId,
  type TimelineId,
} from '../domain/ids.ts';
import { parseLsn, type Lsn } from '../domain/lsn.ts';
import { generation, type Member, type Membership } from '../domain/membership.ts';
import { term, type Term } from '../domain/term.ts';
import { JsonReader, type Expected } from './json-reader.ts';

const HEX_FORM = 'value in form of hex string';
const LSN_FORM = 'value in form of hex string({upper_u32_hex}/{lower_u32_hex}) representing u64 integer';
const ID_DIGITS = 32;

/** Body of `POST /v1/tenant/timeline`. */
export interface CreateBody extends TenantTimelineId {
  readonly membership: Membership;
  readonly pgVersion: number;
  readonly systemId: bigint | undefined;
  /** Bytes. */
  readonly walSegmentSize: number | undefined;
  readonly startLsn: Lsn;
  readonly commitLsn: Lsn | undefined;
}

/** Body of `POST /v1/pull_timeline`. */
export interface PullBody extends TenantTimelineId {
  readonly httpHosts: readonly string[];
  readonly membership: Membership | undefined;
  readonly ignoreTombstone: boolean;
}

/** Every parser here throws a Failure `InvalidRequest` with the recorded wording; unknown fields are ignored. */
export function parseCreateBody(text: string): CreateBody {
  return parseBody(text, (reader) => {
    const fields = readFields(reader, 'struct TimelineCreateRequest', {
      tenant_id: required(() => readTenantId(reader)),
      timeline_id: required(() => readTimelineId(reader)),
      mconf: required(() => readMembership(reader)),
      pg_version: required(() => Number(reader.unsigned(32))),
      system_id: optional(reader, () => reader.unsigned(64)),
      wal_seg_size: optional(reader, () => Number(reader.unsigned(32))),
      start_lsn: required(() => readLsn(reader)),
      commit_lsn: optional(reader, () => readLsn(reader)),
    });
    return {
      tenantId: fields.tenant_id,
      timelineId: fields.timeline_id,
      membership: fields.mconf,
      pgVersion: fields.pg_version,
      systemId: fields.system_id,
      walSegmentSize: fields.wal_seg_size,
      startLsn: fields.start_lsn,
      commitLsn: fields.commit_lsn,
    };
  });
}

/** For requests that have none. Throws a Failure `InvalidRequest`. */
export function requireNoBody(text: string): void {
  if (text !== '') throw new Failure('InvalidRequest', 'Unexpected request body', { retry: 'never' });
}

export function parsePullBody(text: string): PullBody {
  return parseBody(text, (reader) => {
    const fields = readFields(reader, 'struct PullTimelineRequest', {
      tenant_id: required(() => readTenantId(reader)),
      timeline_id: required(() => readTimelineId(reader)),
      http_hosts: required(() => reader.list(limits.pullHostsMax, () => reader.string('a string'))),
      mconf: optional(reader, () => readMembership(reader)),
      ignore_tombstone: optional(reader, () => reader.boolean()),
    });
    return {
      tenantId: fields.tenant_id,
      timelineId: fields.timeline_id,
      httpHosts: fields.http_hosts,
      membership: fields.mconf,
      ignoreTombstone: fields.ignore_tombstone ?? false,
    };
  });
}

/** Body of `PUT …/membership` and `PUT …/exclude`: the configuration itself. */
export function parseMembershipBody(text: string): Membership {
  return parseBody(text, readMembership);
}

/** Body of `POST …/term_bump`. Undefined: one more than the current term. */
export function parseTermBumpBody(text: string): Term | undefined {
  return parseBody(text, (reader) => {
    const fields = readFields(reader, 'struct TimelineTermBumpRequest', {
      term: optional(reader, () => reader.unsigned(64)),
    });
    return fields.term === undefined ? undefined : term(fields.term);
  });
}

/** Says what is wrong with a `text` that is not an id, in the words of safekeepers. */
export function describeBadId(text: string): string {
  if (text.length % 2 === 1) return 'Odd number of digits';
  if (text.length !== ID_DIGITS) return 'Invalid string length';
  const at = text.search(/[^0-9a-fA-F]/);
  return `Invalid character '${text.charAt(at)}' at position ${at}`;
}

function parseBody<Value>(text: string, read: (reader: JsonReader) => Value): Value {
  if (text === '') throw new Failure('InvalidRequest', 'missing request body', { retry: 'never' });
  const reader = new JsonReader(text);
  const value = read(reader);
  reader.end();
  return value;
}

function readMembership(reader: JsonReader): Membership {
  const readMembers = () => reader.list(limits.pullHostsMax, () => readMember(reader));
  const fields = readFields(reader, 'struct Configuration', {
    generation: required(() => generation(Number(reader.unsigned(32)))),
    members: required(readMembers),
    new_members: optional(reader, readMembers),
  });
  return { generation: fields.generation, members: fields.members, newMembers: fields.new_members ?? null };
}

function readMember(reader: JsonReader): Member {
  const fields = readFields(reader, 'struct SafekeeperId', {
    id: required(() => parseSafekeeperId(reader.unsigned(64)) ?? reader.refuseLast('not a safekeeper id')),
    host: required(() => reader.string('a string')),
    pg_port: required(() => Number(reader.unsigned(16))),
  });
  return { id: fields.id, host: fields.host, pgPort: fields.pg_port };
}

interface Field<Value> {
  readonly read: () => Value;
  /** What an absent field means; absent itself when the field must be there. */
  readonly whenAbsent?: { readonly value: Value };
}

function required<Value>(read: () => Value): Field<Value> {
  return { read };
}

/** A field that may be absent or null, both undefined. */
function optional<Value>(reader: JsonReader, read: () => Value): Field<Value | undefined> {
  return { read: () => (reader.nullValue() ? undefined : read()), whenAbsent: { value: undefined } };
}

type FieldValues<Fields> = { [Name in keyof Fields]: Fields[Name] extends Field<infer Value> ? Value : never };

function readFields<Fields extends Readonly<Record<string, Field<unknown>>>>(
  reader: JsonReader,
  expected: Expected,
  fields: Fields,
): FieldValues<Fields> {
  const values = new Map<string, unknown>();
  reader.object(expected, (name) => {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (field === undefined) return reader.skip();
    if (values.has(name)) reader.refuseLast(`duplicate field \`${name}\``);
    values.set(name, field.read());
  });
  for (const [name, field] of Object.entries(fields)) {
    if (values.has(name)) continue;
    if (field.whenAbsent === undefined) reader.refuseLast(`missing field \`${name}\``);
    values.set(name, field.whenAbsent.value);
  }
  return Object.fromEntries(values) as FieldValues<Fields>;
}

function readTenantId(reader: JsonReader): TenantId {
  const text = reader.string(HEX_FORM);
  return parseTenantId(text) ?? reader.refuseLast(describeBadId(text));
}

function readTimelineId(reader: JsonReader): TimelineId {
  const text = reader.string(HEX_FORM);
  return parseTimelineId(text) ?? reader.refuseLast(describeBadId(text));
}

function readLsn(reader: JsonReader): Lsn {
  return parseLsn(reader.string(LSN_FORM)) ?? reader.refuseLast('LsnParseError');
}
