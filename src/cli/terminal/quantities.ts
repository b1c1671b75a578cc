const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** `346 B`, `14.0 MiB`: three digits or so, for people. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `12.3 s`: how long something took. */
export function formatSeconds(durationMs: number): string {
  return `${(durationMs / 1_000).toFixed(1)} s`;
}

/** `34s`, `12m`, `3h20m`, `5d`: the two largest units at most, as kubectl writes ages. Nothing is below 0. */
export function formatAge(durationMs: number): string {
  const seconds = Math.max(0, Math.floor(durationMs / 1_000));
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return twoUnits(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return twoUnits(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  return hours < 192 ? twoUnits(Math.floor(hours / 24), 'd', hours % 24, 'h') : `${Math.floor(hours / 24)}d`;
}

/** How long ago an RFC 3339 time was; undefined for what is no time. */
export function ageOf(timestamp: string | undefined, nowMs: number): string | undefined {
  const atMs = Date.parse(timestamp ?? '');
  return Number.isNaN(atMs) ? undefined : formatAge(nowMs - atMs);
}

function twoUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}
