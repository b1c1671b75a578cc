import type { Clock } from '../base/clock.ts';
import type { DiskUsageProbe } from '../disk/disk-usage.ts';
import type { FileSystem } from '../disk/file-system.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import type { HttpClient } from '../http/client.ts';
import type { AgentMetrics } from '../observability/agent-metrics.ts';
import type { Registry } from '../observability/metrics.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import type { DonateOptions } from '../transfer/donate.ts';
import type { TimelineMap } from '../transfer/timeline-map.ts';
import type { TransferRegistry } from '../transfer/transfer-progress.ts';

/** What handlers work with. */
export interface AgentContext {
  readonly safekeeperId: SafekeeperId;
  /** Absolute. */
  readonly dataDirectory: string;
  readonly timelines: TimelineMap;
  readonly transfers: TransferRegistry;
  readonly metrics: AgentMetrics;
  /** With everything that `GET /metrics` shows. */
  readonly registry: Registry;
  readonly files: FileSystem;
  readonly diskUsage: DiskUsageProbe;
  /** For reaching other safekeepers. */
  readonly http: HttpClient;
  /** Where safekeepers keep what is not on their disks. Without it timelines of which a part lies there cannot be sent. */
  readonly remoteStorage: RemoteStorage | undefined;
  readonly clock: Clock;
  /** Longest standstill of a snapshot or a pull. */
  readonly stallTimeoutMs: number;
  readonly afterSnapshotList: DonateOptions['afterList'];
  /** `host:port`, known once the server listens. */
  readonly listenAddress: () => string;
}
