import { z } from 'zod';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { parseTenantId, parseTimelineId, type SafekeeperId, type TenantTimelineId } from '../domain/ids.ts';
import type { HttpSender } from '../http/client.ts';
import { parseErrorMessage } from './api.ts';
import { listField, parseAnswer, wire } from './wire.ts';

/** One schema step for each: there may be hundreds of thousands. `peers` says nothing that anybody here relies on. */
const timelineField = wire('a timeline with tenant_id and timeline_id of 32 hex digits', (value) => {
  if (typeof value !== 'object' || value === null) return undefined;
  const { tenant_id: tenant, timeline_id: timeline } = value as Readonly<Record<string, unknown>>;
  const tenantId = typeof tenant === 'string' ? parseTenantId(tenant) : undefined;
  const timelineId = typeof timeline === 'string' ? parseTimelineId(timeline) : undefined;
  return tenantId === undefined || timelineId === undefined ? undefined : { tenantId, timelineId };
});

const answerSchema = z.object({ timelines: listField(timelineField) });

/** `GET /control/v1/safekeeper/N/timelines`. Throws a Failure `UnexpectedAnswer` for anything but a whole list. */
export function parseOwnedTimelines(text: string): TenantTimelineId[] {
  const { timelines } = parseAnswer(answerSchema, "storage controller's list", text);
  if (timelines.length > limits.timelineListItemsMax) {
    throw new Failure(
      'UnexpectedAnswer',
      `storage controller's list: has ${timelines.length} timelines, more than ${limits.timelineListItemsMax}`,
    );
  }
  return timelines;
}

/** The one call of the storage controller that recovery needs: which timelines belong to a safekeeper. */
export class StorageControllerClient {
  private readonly http: HttpSender;
  private readonly url: string;

  constructor(options: { readonly http: HttpSender; readonly url: string }) {
    this.http = options.http;
    this.url = options.url.replace(/\/+$/, '');
  }

  /**
   * All that belong to the safekeeper, in no order. Throws a Failure: `Unreachable` or `DeadlineExceeded` without an
   * answer, `CredentialsInvalid` for 401 and 403, `StorageControllerRefused` for any other status than 200,
   * `UnexpectedAnswer` or `BodyTooLarge` for a list that cannot be read.
   */
  async timelinesOf(id: SafekeeperId, signal: AbortSignal): Promise<TenantTimelineId[]> {
    const response = await this.http.request(
      {
        method: 'GET',
        url: `${this.url}/control/v1/safekeeper/${id}/timelines`,
        timeoutMs: limits.timelineListTimeoutMs,
        bodyBytesMax: limits.timelineListBytesMax,
      },
      signal,
    );
    if (response.status === 200) return parseOwnedTimelines(response.text);
    const reason =
      response.status === 401 || response.status === 403 ? 'CredentialsInvalid' : 'StorageControllerRefused';
    const words = parseErrorMessage(response.text) ?? response.text.slice(0, 200);
    throw new Failure(reason, `${this.url}: answered ${response.status}${words === '' ? '' : `: ${words}`}`);
  }
}
