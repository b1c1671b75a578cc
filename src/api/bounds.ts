/**
 * Bounds of the custom resources. They keep an object far below etcd's 1.5 MiB, and they are what the API server
 * multiplies to estimate the cost of a CEL rule: one without a bound is refused as too expensive.
 */
export const bounds = {
  safekeeperCountMax: 128,
  /** Members of one timeline; 3 or 5 in practice. */
  memberCountMax: 32,
  /** Both sets of a joint configuration. */
  replicaCountMax: 64,
  historyCountMax: 10,
  conditionCountMax: 16,
  labelCountMax: 16,

  urlLengthMax: 512,
  objectNameLengthMax: 253,
  secretKeyLengthMax: 253,
  durationLengthMax: 16,
  messageLengthMax: 2048,
  /** An annotation's value that the status remembers. */
  handledValueLengthMax: 256,
  proposalIdLengthMax: 64,
} as const;
