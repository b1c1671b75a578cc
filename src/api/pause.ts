import { assertNever } from '../base/assert.ts';
import { formatTimestamp } from '../base/clock.ts';
import { annotations } from './names.ts';
import type { ObjectMetadata } from './resources.ts';

/** Whether the operator may act on an object, and until when not. */
export type Pause =
  | { readonly kind: 'running' }
  /** By `spec.paused`: until a person says otherwise. */
  | { readonly kind: 'paused' }
  /** By the annotation: ends by itself. */
  | { readonly kind: 'paused-until'; readonly untilMs: number }
  /** The annotation cannot be read: whoever wrote it wanted a pause, so there is one until it is mended. */
  | { readonly kind: 'unreadable'; readonly message: string };

const RFC_3339 = /^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$/;

/** Decides on `spec.paused` and the annotation `safekeeper.dev/paused-until` at the wall time `nowMs`. */
export function readPause(paused: boolean, metadata: Pick<ObjectMetadata, 'annotations'>, nowMs: number): Pause {
  if (paused) return { kind: 'paused' };
  const value = metadata.annotations?.[annotations.pausedUntil];
  if (value === undefined) return { kind: 'running' };
  const untilMs = RFC_3339.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(untilMs)) {
    return {
      kind: 'unreadable',
      message: `the annotation ${annotations.pausedUntil} must be an RFC 3339 time like 2030-01-31T18:00:00Z`,
    };
  }
  return untilMs > nowMs ? { kind: 'paused-until', untilMs } : { kind: 'running' };
}

/** Why nothing is changed, for people; undefined while running. `what` is the kind of object that says so. */
export function describePause(pause: Pause, what: 'cluster' | 'timeline'): string | undefined {
  switch (pause.kind) {
    case 'running':
      return undefined;
    case 'paused':
      return `Paused by spec.paused of the ${what}.`;
    case 'paused-until':
      return `Paused until ${formatTimestamp(pause.untilMs)} by the ${what}'s annotation ${annotations.pausedUntil}.`;
    case 'unreadable':
      return `Paused, because ${pause.message}.`;
    default:
      return assertNever(pause);
  }
}
