import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { parseTenantId, parseTimelineId, type TenantTimelineId } from '../domain/ids.ts';
import { readJsonArray } from '../http/json-array.ts';

/** An item is some 100 bytes; later versions may add to it. */
const ITEM_BYTES_MAX = 64 * 1024;

/**
 * `GET /v1/tenant/timeline`, in no order and in batches as they arrive. There may be hundreds of thousands and they hold
 * ids only, so this is plain JSON without a schema. Throws a Failure `UnexpectedAnswer` that names the item, or
 * `BodyTooLarge`; only who has come to the end has seen a list.
 */
export async function* readTimelineList(body: AsyncIterable<Buffer>): AsyncGenerator<readonly TenantTimelineId[]> {
  let count = 0;
  try {
    for await (const items of readJsonArray(bounded(body), ITEM_BYTES_MAX)) {
      const start = count;
      count += items.length;
      if (count > limits.timelineListItemsMax) {
        throw new Failure('UnexpectedAnswer', `timeline list: has more than ${limits.timelineListItemsMax} items`);
      }
      yield items.map((item, index) => parseItem(item, start + index));
    }
  } catch (cause) {
    if (!(cause instanceof Failure) || cause.reason !== 'InvalidJson') throw cause;
    throw new Failure('UnexpectedAnswer', `timeline list: ${describeError(cause)}`, { cause });
  }
}

function parseItem(item: unknown, index: number): TenantTimelineId {
  const { tenant_id: tenant, timeline_id: timeline } = (item ?? {}) as Readonly<Record<string, unknown>>;
  const tenantId = typeof tenant === 'string' ? parseTenantId(tenant) : undefined;
  const timelineId = typeof timeline === 'string' ? parseTimelineId(timeline) : undefined;
  if (tenantId !== undefined && timelineId !== undefined) return { tenantId, timelineId };
  throw new Failure(
    'UnexpectedAnswer',
    `timeline list: ${index}: must have tenant_id and timeline_id of 32 hex digits`,
  );
}

async function* bounded(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let sizeBytes = 0;
  for await (const chunk of body) {
    sizeBytes += chunk.length;
    if (sizeBytes > limits.timelineListBytesMax) {
      throw new Failure('BodyTooLarge', `the answer is larger than ${limits.timelineListBytesMax} bytes`);
    }
    yield chunk;
  }
}
