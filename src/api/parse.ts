import { z } from 'zod';
import { err, ok, type Result } from '../base/result.ts';
import { clusterSpecSchema, type ClusterSpec } from './cluster-spec.ts';
import { clusterStatusSchema, type SafekeeperClusterStatus } from './cluster-status.ts';
import { timelineSpecSchema, type TimelineSpec } from './timeline-spec.ts';
import { timelineStatusSchema, type SafekeeperTimelineStatus } from './timeline-status.ts';

/** Why an object cannot be used. The API server refuses such objects, unless they or its CRD are older than the rule. */
export interface SpecProblem {
  /** `spec.safekeepers[0].url` */
  readonly path: string;
  /** One sentence: the path and the accepted form. */
  readonly message: string;
}

/** Reads the spec of a SafekeeperCluster from an API object; defaults are filled in, durations are milliseconds. */
export function parseClusterSpec(object: unknown): Result<ClusterSpec, SpecProblem> {
  return parsePart(object, 'spec', clusterSpecSchema);
}

/** Reads the spec of a SafekeeperTimeline from an API object; defaults are filled in, durations are milliseconds. */
export function parseTimelineSpec(object: unknown): Result<TimelineSpec, SpecProblem> {
  return parsePart(object, 'spec', timelineSpecSchema);
}

/** Reads back the status of a SafekeeperCluster; an object without one has an empty one. */
export function parseClusterStatus(object: unknown): Result<SafekeeperClusterStatus, SpecProblem> {
  return parsePart(object, 'status', clusterStatusSchema.prefault({}));
}

/** Reads back the status of a SafekeeperTimeline; an object without one has an empty one. */
export function parseTimelineStatus(object: unknown): Result<SafekeeperTimelineStatus, SpecProblem> {
  return parsePart(object, 'status', timelineStatusSchema.prefault({}));
}

function parsePart<Part extends z.ZodType>(
  object: unknown,
  part: 'spec' | 'status',
  schema: Part,
): Result<z.output<Part>, SpecProblem> {
  const value = typeof object === 'object' && object !== null && part in object ? Reflect.get(object, part) : undefined;
  const parsed = schema.safeParse(value, { error: describeTypeIssue });
  return parsed.success ? ok(parsed.data) : err(describeProblem(part, parsed.error));
}

/** For what has no words of its own: objects, and texts without a form. */
function describeTypeIssue(issue: { readonly code?: string; readonly input?: unknown; readonly expected?: unknown }) {
  if (issue.code !== 'invalid_type') return undefined;
  return issue.input === undefined ? 'is required' : `must be of type ${String(issue.expected)}`;
}

/** The first problem alone: the next one shows when it is mended. */
function describeProblem(part: string, error: z.ZodError): SpecProblem {
  const [issue] = error.issues;
  const path = [part, ...(issue?.path ?? [])]
    .map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
    .join('')
    .slice(1);
  return { path, message: `${path} ${issue?.message ?? 'is not valid'}` };
}
