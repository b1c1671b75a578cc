import { z } from 'zod';
import type { TenantTimelineId } from '../domain/ids.ts';
import { countField, listField, parseAnswer, tenantIdField, timelineIdField } from './wire.ts';

/** One copy that is under way at an agent, and the bytes that have passed so far. */
export interface RunningTransfer extends TenantTimelineId {
  readonly kind: 'Pull' | 'Snapshot';
  readonly bytes: number;
}

const transfersSchema = z.object({
  running: listField(
    z
      .object({
        kind: z.enum(['Pull', 'Snapshot']),
        tenant_id: tenantIdField,
        timeline_id: timelineIdField,
        bytes: countField,
      })
      .transform(
        ({ kind, tenant_id, timeline_id, bytes }): RunningTransfer => ({
          kind,
          tenantId: tenant_id,
          timelineId: timeline_id,
          bytes,
        }),
      ),
  ),
});

/** `GET /v1/debug/transfers`, which agents have and safekeepers lack. Throws a Failure `UnexpectedAnswer`. */
export function parseRunningTransfers(text: string): readonly RunningTransfer[] {
  return parseAnswer(transfersSchema, 'transfers', text).running;
}
