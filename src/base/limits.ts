/** Every bound of the program in one place. Sizes are bytes, times milliseconds. */
export const limits = {
  /** JSON bodies from a safekeeper: a status is about 1 KiB, a debug dump of one timeline up to about 100 KiB. */
  statusBodyBytesMax: 4 * 1024 * 1024,
  /** A list of timelines: about 100 bytes each, so room for half a million. */
  timelineListBytesMax: 64 * 1024 * 1024,
  /** An error body worth reading. */
  errorBodyBytesMax: 64 * 1024,
  /** Bodies that a client may send to one of our servers. */
  requestBodyBytesMax: 3 * 1024 * 1024,

  /** A control file: about 400 bytes, more with a long term history. */
  controlFileBytesMax: 1024 * 1024,
  controlFileListItemsMax: 50_000,
  controlFileStringBytesMax: 1024,

  /** The same sanity bound as the original recipe. */
  snapshotSegmentCountMax: 1_000,
  walSegmentSizeMin: 1024 * 1024,
  walSegmentSizeMax: 1024 * 1024 * 1024,

  /** Hosts in one pull request. */
  pullHostsMax: 64,
  /** One probe of one safekeeper. */
  probeTimeoutMs: 5_000,
  /** A snapshot stream without a byte for so long has stalled. */
  snapshotStallTimeoutMs: 60_000,
} as const;
