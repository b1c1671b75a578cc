import { z } from 'zod';
import type { ConditionType } from '../domain/conditions.ts';
import { bounds } from './bounds.ts';
import { choice, count, timestamp } from './fields.ts';
import { listMap } from './lists.ts';

/** Kubernetes' own `metav1.Condition`, bounds included. */
export type StatusCondition = z.output<typeof conditionSchema>;

/** The conditions of both kinds. Reconciling and Stalled are true when abnormal, as kstatus expects. */
export const CONDITION_TYPES = [
  'Ready',
  'Reconciling',
  'Stalled',
  'Paused',
  'QuorumIntact',
] as const satisfies readonly ConditionType[];

const conditionSchema = z.object({
  type: z
    .string()
    .max(316)
    .meta({ pattern: '^[A-Za-z][A-Za-z0-9]*$' })
    .describe(`What the condition is about: ${CONDITION_TYPES.join(', ')}.`),
  status: choice(['True', 'False', 'Unknown']).describe('Whether it holds.'),
  observedGeneration: count().describe('The metadata.generation that it was judged by.').optional(),
  lastTransitionTime: timestamp().describe('When status last changed.'),
  reason: z
    .string()
    .min(1)
    .max(1024)
    .meta({ pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$' })
    .describe('Why, in one CamelCase word of a closed list.'),
  message: z.string().max(32_768).describe('Why, in one sentence for people.'),
});

export const conditionsSchema = listMap(conditionSchema, 'type', bounds.conditionCountMax).describe(
  'Ready; Reconciling and Stalled, which are True when something is going on or stuck; Paused; QuorumIntact.',
);
