import { z } from 'zod';
import type { TenantTimelineId } from '../domain/ids.ts';
import type { Membership } from '../domain/membership.ts';
import type { HttpResponse } from '../http/client.ts';
import { parseErrorMessage } from './api.ts';
import { membershipToJson } from './shared-json.ts';
import { parseAnswer } from './wire.ts';

/** `POST /v1/pull_timeline`. */
export interface PullRequest {
  readonly timeline: TenantTimelineId;
  /** Base URLs of donors, as the recipient reaches them. */
  readonly hosts: readonly string[];
  /** The configuration to install; older safekeepers ignore it. Without it the copy keeps the donor's. */
  readonly membership?: Membership;
}

/** How a pull ended, with the recipient's own words where there are any. */
export type PullResult =
  /** `host`: the chosen donor, as it was given. */
  | { readonly kind: 'Pulled'; readonly host: string }
  /** Nothing was pulled; with a higher generation the existing timeline took the new configuration over. */
  | { readonly kind: 'AlreadyExists' }
  | { readonly kind: PullRefusal; readonly message: string }
  /** None of the known answers. */
  | { readonly kind: 'Failed'; readonly message: string };

type PullRefusal =
  | 'CreationInProgress'
  | 'Deleted'
  | 'ExistsOnDisk'
  | 'NotMember'
  | 'DonorHigherGeneration'
  | 'DonorStreamBroke'
  | 'TooFewAnswers';

/** The words are what tells refusals apart: versions disagree on the status (a tombstone is 409, once 500). */
const REFUSALS: ReadonlyArray<readonly [PullRefusal, RegExp]> = [
  ['CreationInProgress', /creation (is )?in progress/i],
  ['ExistsOnDisk', /exists on disk, but wasn't loaded/],
  ['NotMember', /is not (a )?member of it/],
  ['DonorHigherGeneration', /cannot pull timeline with generation \d+: .* already exists with generation \d+/],
  ['Deleted', /\bdeleted$/],
  ['TooFewAnswers', /^only got \d+ successful status responses/],
  ['DonorStreamBroke', /error decoding response body|error reading a body from connection/],
];

/** Hosts get no trailing slash: a safekeeper would count them as not answering. */
export function pullRequestToJson({ timeline, hosts, membership }: PullRequest) {
  return {
    tenant_id: timeline.tenantId,
    timeline_id: timeline.timelineId,
    http_hosts: hosts.map((host) => host.replace(/\/+$/, '')),
    ...(membership === undefined ? {} : { mconf: membershipToJson(membership) }),
  };
}

const pulledSchema = z.object({ safekeeper_host: z.string().nullable() });

/** Throws a Failure `UnexpectedAnswer` when the answer is a success that says nothing. */
export function parsePullResult(response: HttpResponse): PullResult {
  if (response.status === 200) {
    const { safekeeper_host: host } = parseAnswer(pulledSchema, 'pull', response.text);
    return host === null ? { kind: 'AlreadyExists' } : { kind: 'Pulled', host };
  }
  const message = parseErrorMessage(response.text);
  if (message === undefined) return { kind: 'Failed', message: `answered ${response.status} without a message` };
  const refusal = REFUSALS.find(([, words]) => words.test(message.replace(/"$/, '')));
  return { kind: refusal?.[0] ?? 'Failed', message };
}
