import { z } from 'zod';
import { bounds } from './bounds.ts';
import { conditionsSchema } from './condition.ts';
import { count, flag, message, safekeeperId, timestamp } from './fields.ts';
import { listMap } from './lists.ts';

/** What the operator reports of a cluster. */
export type SafekeeperClusterStatus = z.output<typeof clusterStatusSchema>;

const safekeeperStatusSchema = z.object({
  id: safekeeperId().describe('Id of the safekeeper.'),
  url: z.string().max(bounds.urlLengthMax).describe('Where the operator reaches it.'),
  reachable: flag().describe('Whether it answered the last scan.'),
  timelines: count().describe('Timelines that it listed when it last answered.').optional(),
  lost: count().describe('Timelines that it should keep and does not.').optional(),
  lastSeen: timestamp().describe('When it last answered, as known at the last change of this entry.').optional(),
});

const timelineCountsSchema = z.object({
  total: count().describe('Timelines known.'),
  redundant: count().describe('Timelines with all their replicas.'),
  degraded: count().describe('Timelines that lack a replica.'),
  recovering: count().describe('Timelines with a restore under way or about to start.'),
  blocked: count().describe('Timelines that need a person.'),
});

export const clusterStatusSchema = z
  .object({
    observedGeneration: count().describe('The metadata.generation that this status was made from.').optional(),
    message: message().describe('The state of the cluster in one sentence.').optional(),
    safekeepers: listMap(safekeeperStatusSchema, 'id', bounds.safekeeperCountMax)
      .describe('The safekeepers, each as last seen.')
      .optional(),
    timelines: timelineCountsSchema.describe('How many timelines are in which state.').optional(),
    conditions: conditionsSchema.optional(),
  })
  .describe('What the operator saw; written by the operator only.');
