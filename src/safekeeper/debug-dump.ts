import { z } from 'zod';
import type { TenantTimelineId } from '../domain/ids.ts';
import type { SnapshotPositions } from './wal-segment.ts';
import { listField, lsnField, parseAnswer, serverInfoField, tenantIdField, timelineIdField } from './wire.ts';

/** What `GET /v1/debug_dump` alone shows of one timeline: whether it is offloaded, and the files on disk. */
export interface DiskDump {
  readonly offloaded: boolean;
  /** What the snapshot's segments follow from. */
  readonly positions: SnapshotPositions;
  /** Names of the entries in the timeline's directory, in no order. */
  readonly files: readonly string[];
}

/** Only the parts that {@link parseDiskDump} reads: a dump of the disk reads every file whole. */
export function diskDumpQuery({ tenantId, timelineId }: TenantTimelineId): string {
  const parts = ['dump_control_file', 'dump_memory', 'dump_disk_content'].map((part) => `${part}=true`);
  return [...parts, 'dump_term_history=false', `tenant_id=${tenantId}`, `timeline_id=${timelineId}`].join('&');
}

const dumpSchema = z.object({
  timelines: listField(
    z.object({
      tenant_id: tenantIdField,
      timeline_id: timelineIdField,
      control_file: z.object({
        server: serverInfoField,
        backup_lsn: lsnField,
        remote_consistent_lsn: lsnField,
        eviction_state: z.union([z.literal('Present'), z.object({ Offloaded: lsnField })]),
      }),
      memory: z.object({ flush_lsn: lsnField }),
      /** Null when the directory could not be read. */
      disk_content: z.object({ files: listField(z.object({ name: z.string() })) }).nullable(),
    }),
  ),
});

/** Undefined when the safekeeper does not have the timeline. Throws a Failure `UnexpectedAnswer` that names the field. */
export function parseDiskDump({ tenantId, timelineId }: TenantTimelineId, text: string): DiskDump | undefined {
  const { timelines } = parseAnswer(dumpSchema, 'debug dump', text);
  const dump = timelines.find((entry) => entry.tenant_id === tenantId && entry.timeline_id === timelineId);
  if (dump === undefined) return undefined;
  return {
    offloaded: dump.control_file.eviction_state !== 'Present',
    positions: {
      remoteConsistentLsn: dump.control_file.remote_consistent_lsn,
      backupLsn: dump.control_file.backup_lsn,
      flushLsn: dump.memory.flush_lsn,
      walSegmentSize: dump.control_file.server.walSegmentSize,
    },
    files: dump.disk_content?.files.map((file) => file.name) ?? [],
  };
}
