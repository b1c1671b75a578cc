const MIB = 1024 * 1024;

/** `346 B`, `14.0 MiB`. */
export function formatBytes(bytes: number): string {
  return bytes < 10_000 ? `${bytes} B` : `${(bytes / MIB).toFixed(1)} MiB`;
}

/** `12.3 s`. */
export function formatSeconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}
