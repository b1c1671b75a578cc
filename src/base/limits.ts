/** Every bound of the program in one place. Sizes are bytes, times milliseconds. */
export const limits = {
  /** JSON bodies from a safekeeper: a status is about 1 KiB, a debug dump of one timeline up to about 100 KiB. */
  statusBodyBytesMax: 4 * 1024 * 1024,
  /** A list of timelines: about 100 bytes each, so room for half a million. */
  timelineListBytesMax: 64 * 1024 * 1024,
  /** What such a list may hold, however short its items are. */
  timelineListItemsMax: 1_000_000,
  /** What a safekeeper tells of its timelines' activity: about 1.5 KiB each. */
  activityBytesMax: 16 * 1024 * 1024,
  /** An error body worth reading. */
  errorBodyBytesMax: 64 * 1024,
  /** Bodies that a client may send to one of our servers. */
  requestBodyBytesMax: 3 * 1024 * 1024,
  /** Request line and headers together. */
  requestHeaderBytesMax: 16 * 1024,
  /** Status line and headers of an answer, or all its trailers. */
  responseHeadBytesMax: 16 * 1024,
  /** What stands between two chunks of a body: their size and an extension, or one trailer. */
  chunkHeaderBytesMax: 4 * 1024,
  /** A request's headers, or a TLS handshake, have to be there within this time. */
  requestHeadersTimeoutMs: 10_000,
  /** A request with its body. */
  requestTimeoutMs: 30_000,
  /** How long a connection is kept for the next request. */
  connectionIdleTimeoutMs: 15_000,
  /** Clients of one server. */
  connectionsMax: 1_000,
  /** Tokens, keys and certificates: how long a change of their files may go unnoticed, and what they may be. */
  credentialRecheckMs: 1_000,
  credentialFileBytesMax: 1024 * 1024,
  credentialFilesMax: 64,
  /** The same for a Secret or ConfigMap that a cluster refers to; a refused one is read again at once. */
  secretRecheckMs: 10_000,
  /** How long running snapshots and pulls may go on once an agent was told to stop; Kubernetes kills after 30 s. */
  agentShutdownGraceMs: 20_000,
  /** How long a command that was told to stop still waits, when it has ended, for who reads what it printed. */
  outputGraceMs: 1_000,

  /** A control file: about 400 bytes, more with a long term history. */
  controlFileBytesMax: 1024 * 1024,
  controlFileListItemsMax: 50_000,
  controlFileStringBytesMax: 1024,

  /** The same sanity bound as the original recipe. */
  snapshotSegmentCountMax: 1_000,
  walSegmentSizeMin: 1024 * 1024,
  walSegmentSizeMax: 1024 * 1024 * 1024,

  /** What was deleted here cannot be pulled back for so long. */
  tombstoneLifetimeMs: 24 * 60 * 60 * 1000,
  /** About 90 bytes a deletion: room for some 180,000 within the lifetime. */
  tombstoneFileBytesMax: 16 * 1024 * 1024,
  /** Timelines of a data directory that are read at once at start. */
  timelineLoadConcurrencyMax: 16,

  /** What an inspection remembers of what is wrong in one stretch of WAL, and of one timeline or directory. */
  inspectBreaksMax: 16,
  inspectOdditiesMax: 16,
  inspectFindingsMax: 200,
  /** Files of a timeline whose sizes are asked for at once, and timelines that are looked at at once. */
  inspectStatusConcurrencyMax: 8,
  inspectTimelinesMax: 16,
  inspectThreadsMax: 64,

  /** Zeros behind the end-of-archive marker: GNU tar fills records of 10 KiB, or larger when asked to. */
  archiveTrailerBytesMax: 32 * 1024,
  /** Pulls and snapshots that run at once. */
  transfersMax: 1_000,
  /** Hosts in one pull request. */
  pullHostsMax: 64,
  /** One probe of one safekeeper. */
  probeTimeoutMs: 5_000,
  /** A list of all timelines of a safekeeper. */
  timelineListTimeoutMs: 30_000,
  /** A debug dump of a timeline's files: the safekeeper reads all of them. */
  debugDumpTimeoutMs: 60_000,
  /** A snapshot stream without a byte for so long has stalled. */
  snapshotStallTimeoutMs: 60_000,

  /**
   * One operation on remote storage, with its repetitions: a copy is of one segment, 1 GiB at most. Less than
   * `snapshotStallTimeoutMs`, because a recipient waits for the first byte meanwhile.
   */
  remoteStorageTimeoutMs: 45_000,
  remoteStorageConnectTimeoutMs: 5_000,
  remoteStorageAttemptsMax: 4,

  /** One object of the Kubernetes API: etcd takes 1.5 MiB, JSON and managed fields add to it. */
  kubeObjectBytesMax: 8 * 1024 * 1024,
  /** One page of a list. */
  kubeListBytesMax: 128 * 1024 * 1024,
  kubeListPageItems: 500,
  kubeCallTimeoutMs: 30_000,
  /** A server that asks for a longer pause than this gets the error handed up instead. */
  kubeRetryAfterMsMax: 10_000,
  kubeRetriesMax: 3,
  kubeConnectionsMax: 16,
  kubeWatchesMax: 64,
  /** Credentials are read again after so long, as client-go does with token files. */
  kubeAccessLifetimeMs: 60_000,

  /** Objects that a command shows unless it is told otherwise, and names that it looks through for near misses. */
  shownObjects: 20,
  suggestionNamesMax: 10_000,
  /** Names that a shell is offered. */
  completedNamesMax: 2_000,
  /** How long the operator may take to notice what a command has written. */
  noticeTimeoutMs: 30_000,

  /** What the event recorder remembers and what may wait to be sent. */
  eventSeriesMax: 4_096,
  eventBacklogMax: 1_000,
  /** The API server refuses longer event messages. */
  eventMessageCharsMax: 1_024,

  /** Changes that the embedded Kubernetes API remembers for watches and paged lists. */
  devClusterHistoryMax: 10_000,
  devClusterWatchesMax: 1_000,
  /** Bytes waiting for one watcher that reads too slowly; above it the watch is cut, as a real API server does. */
  devClusterWatchBacklogBytesMax: 16 * 1024 * 1024,
  devClusterObjectsPerTypeMax: 50_000,
  devClusterBookmarkIntervalMs: 10_000,
  /** A watch without timeoutSeconds ends after this. */
  devClusterWatchTimeoutMs: 30 * 60_000,
} as const;
