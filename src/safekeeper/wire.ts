import { z } from 'zod';
import { describeError, Failure } from '../base/failure.ts';
import { parseSafekeeperId, parseTenantId, parseTimelineId } from '../domain/ids.ts';
import { type Lsn, parseLsn } from '../domain/lsn.ts';
import { generation } from '../domain/membership.ts';
import { type Term, term } from '../domain/term.ts';
import { parseLosslessJson } from '../http/json.ts';
import { isWalSegmentSize } from './wal-segment.ts';

/** The values that safekeepers' JSON consists of, as zod schemas that give domain types; unknown fields are ignored. */

const U64_MAX = 2n ** 64n - 1n;

/** Takes any JSON value; `parse` returns undefined for what is not of the form that the message names. */
export function wire<Value>(form: string, parse: (value: unknown) => Value | undefined) {
  return z.unknown().transform((value, context): Value => {
    const parsed = parse(value);
    if (parsed !== undefined) return parsed;
    context.addIssue(value === undefined ? 'is missing' : `must be ${form}`);
    return z.NEVER;
  });
}

function unsigned(value: unknown, max: bigint): bigint | undefined {
  if (typeof value !== 'bigint' && !(typeof value === 'number' && Number.isSafeInteger(value))) return undefined;
  const integer = BigInt(value);
  return integer >= 0n && integer <= max ? integer : undefined;
}

function unsignedNumber(bits: 16 | 32): (value: unknown) => number | undefined {
  const max = 2n ** BigInt(bits) - 1n;
  return (value) => (unsigned(value, max) === undefined ? undefined : Number(value));
}

function fromText<Value>(parse: (text: string) => Value | undefined): (value: unknown) => Value | undefined {
  return (value) => (typeof value === 'string' ? parse(value) : undefined);
}

export const tenantIdField = wire('a tenant id of 32 hex digits', fromText(parseTenantId));
export const timelineIdField = wire('a timeline id of 32 hex digits', fromText(parseTimelineId));
export const lsnField = wire<Lsn>('an LSN like 0/466DF60', fromText(parseLsn));
export const u16Field = wire('an unsigned 16-bit integer', unsignedNumber(16));
export const u32Field = wire('an unsigned 32-bit integer', unsignedNumber(32));
export const u64Field = wire('an unsigned 64-bit integer', (value) => unsigned(value, U64_MAX));
export const termField = u64Field.transform((value): Term => term(value));
export const safekeeperIdField = wire('a safekeeper id', (value) => {
  const id = unsigned(value, U64_MAX);
  return id === undefined ? undefined : parseSafekeeperId(id);
});
/** A size or a count; beyond 2^53 it is refused, no disk is so large. */
export const countField = wire('a non-negative integer below 2^53', (value) => {
  const count = unsigned(value, BigInt(Number.MAX_SAFE_INTEGER));
  return count === undefined ? undefined : Number(count);
});

/**
 * A list that is read up to its first bad item. zod's own describes every bad item: a body of a few MiB, well within its
 * bound, would take gigabytes.
 */
export function listField<Item extends z.ZodType>(item: Item) {
  return z.unknown().transform((value, context): Array<z.output<Item>> => {
    if (!Array.isArray(value)) {
      context.addIssue(value === undefined ? 'is missing' : 'must be a list');
      return z.NEVER;
    }
    const items: Array<z.output<Item>> = [];
    for (const [index, element] of value.entries()) {
      const parsed = item.safeParse(element);
      if (!parsed.success) {
        const [issue] = parsed.error.issues;
        const path = [index, ...(issue?.path ?? [])];
        context.addIssue({ code: 'custom', path, message: issue?.message ?? 'is not valid' });
        return z.NEVER;
      }
      items.push(parsed.data);
    }
    return items;
  });
}

const walSegmentSizeField = wire('a power of two from 1 MiB to 1 GiB', (value) =>
  typeof value === 'number' && isWalSegmentSize(value) ? value : undefined,
);

export const serverInfoField = z
  .object({ pg_version: u32Field, system_id: u64Field, wal_seg_size: walSegmentSizeField })
  .transform((server) => ({
    pgVersion: server.pg_version,
    systemId: server.system_id,
    walSegmentSize: server.wal_seg_size,
  }));

export const termHistoryField = listField(z.object({ term: termField, lsn: lsnField }));

const memberField = z
  .object({ id: safekeeperIdField, host: z.string(), pg_port: u16Field })
  .transform((member) => ({ id: member.id, host: member.host, pgPort: member.pg_port }));

export const membershipField = z
  .object({
    generation: u32Field.transform(generation),
    members: listField(memberField),
    new_members: listField(memberField).nullish(),
  })
  .transform((mconf) => ({
    generation: mconf.generation,
    members: mconf.members,
    newMembers: mconf.new_members ?? null,
  }));

/** Reads the body of an answer. Throws a Failure `UnexpectedAnswer` that names `what`, the field and the accepted form. */
export function parseAnswer<Schema extends z.ZodType>(schema: Schema, what: string, text: string): z.output<Schema> {
  const parsed = schema.safeParse(parseAnswerJson(what, text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.map(String).join('.') || 'the body';
  throw new Failure('UnexpectedAnswer', `${what}: ${field}: ${issue?.message ?? 'is not valid'}`);
}

function parseAnswerJson(what: string, text: string): unknown {
  try {
    return parseLosslessJson(text);
  } catch (cause) {
    throw new Failure('UnexpectedAnswer', `${what}: ${describeError(cause)}`, { cause });
  }
}
