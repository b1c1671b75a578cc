import { startDeadline } from '../base/deadline.ts';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import { formatTenantTimelineId, type TenantTimelineId } from '../domain/ids.ts';
import type { Term } from '../domain/term.ts';
import type { HttpRequest, HttpResponse, HttpSender } from '../http/client.ts';
import { stringifyLosslessJson } from '../http/json.ts';
import { ACTIVITY_QUERY, parseActivity, type TimelineActivity } from './activity.ts';
import {
  type FilesystemUsage,
  type NodeStatus,
  parseErrorMessage,
  parseFilesystemUsage,
  parseNodeStatus,
  parseTermBump,
  parseTimelineStatus,
  parseUtilization,
  type TermBump,
  type TimelineStatus,
  type Utilization,
} from './api.ts';
import { type CreateTimelineRequest, createTimelineRequestToJson } from './api-json.ts';
import { type DiskDump, diskDumpQuery, parseDiskDump } from './debug-dump.ts';
import { readErrorBody } from './error-body.ts';
import { type PullRequest, type PullResult, parsePullResult, pullRequestToJson } from './pull-result.ts';
import { readTimelineList } from './timeline-list.ts';
import { parseRunningTransfers, type RunningTransfer } from './transfers.ts';

/** What a safekeeper says of one timeline. Only its own well-formed "not found" is a loss. */
export type TimelineAnswer =
  | { readonly kind: 'Status'; readonly status: TimelineStatus }
  | { readonly kind: 'NotFound' }
  | { readonly kind: 'Deleted' }
  | { readonly kind: 'Unreachable'; readonly problem: string }
  /** An answer that says nothing: an error, a body that cannot be read, another timeline's status. */
  | { readonly kind: 'Unknown'; readonly problem: string };

type Call = Pick<HttpRequest, 'method'> & {
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs?: number;
  readonly bodyBytesMax?: number;
};

/**
 * One safekeeper's HTTP API. Every call has a deadline (`limits.probeTimeoutMs` unless it says otherwise) and throws a
 * Failure: `Unreachable` or `DeadlineExceeded` without an answer, `CredentialsInvalid` for 401 and 403,
 * `SafekeeperRefused` for any other status than 200, `UnexpectedAnswer` for a body that cannot be read.
 */
export class SafekeeperClient {
  readonly url: string;
  private readonly http: HttpSender;

  /** `url` may have a path prefix and a trailing slash. */
  constructor(options: { readonly http: HttpSender; readonly url: string }) {
    this.http = options.http;
    this.url = options.url.replace(/\/+$/, '');
  }

  async nodeStatus(signal: AbortSignal): Promise<NodeStatus> {
    return parseNodeStatus(await this.body({ method: 'GET', path: '/v1/status' }, signal));
  }

  async utilization(signal: AbortSignal): Promise<Utilization> {
    return parseUtilization(await this.body({ method: 'GET', path: '/v1/utilization' }, signal));
  }

  /** Undefined where this API is not offered. */
  async filesystemUsage(signal: AbortSignal): Promise<FilesystemUsage | undefined> {
    const response = await this.answer({ method: 'GET', path: '/v1/debug/filesystem_usage' }, signal);
    return response.status === 404 ? undefined : parseFilesystemUsage(this.expectOk(response));
  }

  /** What is being copied from or to it now. Undefined where this API is not offered: only agents have it. */
  async runningTransfers(signal: AbortSignal): Promise<readonly RunningTransfer[] | undefined> {
    const response = await this.answer({ method: 'GET', path: '/v1/debug/transfers' }, signal);
    return response.status === 404 ? undefined : parseRunningTransfers(this.expectOk(response));
  }

  /** In batches as they arrive; it is a list only for who has come to the end. */
  async *listTimelines(signal: AbortSignal): AsyncGenerator<readonly TenantTimelineId[]> {
    const path = '/v1/tenant/timeline';
    using deadline = startDeadline(limits.timelineListTimeoutMs, `GET ${this.url}${path}`, signal);
    const stream = await this.http.stream(this.toRequest({ method: 'GET', path }), deadline.signal);
    if (stream.status !== 200) {
      const text = await readErrorBody(stream, deadline.signal);
      throw this.refusal({ status: stream.status, headers: stream.headers, text });
    }
    try {
      yield* readTimelineList(stream.body);
    } catch (cause) {
      if (deadline.signal.aborted) throw deadline.signal.reason;
      if (cause instanceof Failure) throw cause;
      throw new Failure('Unreachable', `GET ${this.url}${path}: ${describeError(cause)}`, { cause });
    } finally {
      stream.body.destroy();
    }
  }

  /** Throws nothing but the signal's reason: whatever goes wrong is an answer that says nothing. */
  async timelineStatus(timeline: TenantTimelineId, signal: AbortSignal): Promise<TimelineAnswer> {
    try {
      return readTimelineAnswer(timeline, await this.answer({ method: 'GET', path: timelinePath(timeline) }, signal));
    } catch (error) {
      signal.throwIfAborted();
      const noAnswer = error instanceof Failure && NO_ANSWER.has(error.reason);
      return { kind: noAnswer ? 'Unreachable' : 'Unknown', problem: describeError(error) };
    }
  }

  async createTimeline(request: CreateTimelineRequest, signal: AbortSignal): Promise<void> {
    const body = createTimelineRequestToJson(request);
    await this.body({ method: 'POST', path: '/v1/tenant/timeline', body }, signal);
  }

  /** Makes the safekeeper persist what it has in memory, commit_lsn above all. */
  async checkpoint(timeline: TenantTimelineId, signal: AbortSignal): Promise<void> {
    await this.body({ method: 'POST', path: `${timelinePath(timeline)}/checkpoint` }, signal);
  }

  /** Raises the term to at least `to`; a term that is there already stays and is no error. */
  async termBump(timeline: TenantTimelineId, to: Term, signal: AbortSignal): Promise<TermBump> {
    const path = `${timelinePath(timeline)}/term_bump`;
    return parseTermBump(await this.body({ method: 'POST', path, body: { term: to } }, signal));
  }

  /** Undefined when the safekeeper does not have the timeline, or this API. It reads whole files: one at a time (R13). */
  async debugDumpDisk(timeline: TenantTimelineId, signal: AbortSignal): Promise<DiskDump | undefined> {
    const path = `/v1/debug_dump?${diskDumpQuery(timeline)}`;
    const response = await this.answer({ method: 'GET', path, timeoutMs: limits.debugDumpTimeoutMs }, signal);
    return response.status === 404 ? undefined : parseDiskDump(timeline, this.expectOk(response));
  }

  /** Of all timelines. Undefined where this API is not offered. Throws `BodyTooLarge` for more than some ten thousand. */
  async activity(signal: AbortSignal): Promise<readonly TimelineActivity[] | undefined> {
    const path = `/v1/debug_dump?${ACTIVITY_QUERY}`;
    const bounds = { timeoutMs: limits.timelineListTimeoutMs, bodyBytesMax: limits.activityBytesMax };
    const response = await this.answer({ method: 'GET', path, ...bounds }, signal);
    return response.status === 404 ? undefined : parseActivity(this.expectOk(response));
  }

  /** A safekeeper has no time limit of its own for this: `timeoutMs` is for the whole transfer. */
  async pullTimeline(request: PullRequest, timeoutMs: number, signal: AbortSignal): Promise<PullResult> {
    const body = pullRequestToJson(request);
    return parsePullResult(await this.answer({ method: 'POST', path: '/v1/pull_timeline', body, timeoutMs }, signal));
  }

  private async body(call: Call, signal: AbortSignal): Promise<string> {
    return this.expectOk(await this.answer(call, signal));
  }

  private async answer(call: Call, signal: AbortSignal): Promise<HttpResponse> {
    const response = await this.http.request(this.toRequest(call), signal);
    if (response.status === 401 || response.status === 403) throw this.refusal(response);
    return response;
  }

  protected toRequest({ method, path, body, timeoutMs, bodyBytesMax }: Call): HttpRequest {
    return {
      method,
      url: this.url + path,
      timeoutMs: timeoutMs ?? limits.probeTimeoutMs,
      ...(bodyBytesMax === undefined ? {} : { bodyBytesMax }),
      ...(body === undefined
        ? {}
        : { body: stringifyLosslessJson(body), headers: { 'content-type': 'application/json' } }),
    };
  }

  private expectOk(response: HttpResponse): string {
    if (response.status !== 200) throw this.refusal(response);
    return response.text;
  }

  protected refusal(response: HttpResponse): Failure {
    const reason = response.status === 401 || response.status === 403 ? 'CredentialsInvalid' : 'SafekeeperRefused';
    return new Failure(reason, `${this.url}: ${describeRefusal(response)}`);
  }
}

const NO_ANSWER: ReadonlySet<string> = new Set(['Unreachable', 'DeadlineExceeded']);

export function timelinePath({ tenantId, timelineId }: TenantTimelineId): string {
  return `/v1/tenant/${tenantId}/timeline/${timelineId}`;
}

function readTimelineAnswer(timeline: TenantTimelineId, response: HttpResponse): TimelineAnswer {
  if (response.status === 200) {
    const status = parseTimelineStatus(response.text);
    if (formatTenantTimelineId(status) === formatTenantTimelineId(timeline)) return { kind: 'Status', status };
    return { kind: 'Unknown', problem: `answered with the status of ${formatTenantTimelineId(status)}` };
  }
  const message = response.status === 404 ? parseErrorMessage(response.text) : undefined;
  if (message === `NotFound: timeline ${formatTenantTimelineId(timeline)} not found`) return { kind: 'NotFound' };
  if (message === `NotFound: timeline ${formatTenantTimelineId(timeline)} deleted`) return { kind: 'Deleted' };
  return { kind: 'Unknown', problem: describeRefusal(response) };
}

function describeRefusal(response: HttpResponse): string {
  const message = parseErrorMessage(response.text) ?? response.text.slice(0, 200);
  return `answered ${response.status}${message === '' ? '' : `: ${message}`}`;
}
