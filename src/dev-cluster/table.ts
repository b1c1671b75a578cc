import type { Fields, KubeObject } from './object.ts';

/** One column of the server-side tables that kubectl prints. Priority 0 is shown always, above it with `-o wide`. */
export interface Column {
  readonly name: string;
  readonly type: string;
  readonly format: string;
  readonly description: string;
  readonly priority: number;
  cell(object: KubeObject, nowMs: number): unknown;
}

/** Which form of the object each row carries besides its cells. */
export type IncludeObject = 'Metadata' | 'Object' | 'None';

export const NAME_COLUMN: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Unique within a namespace.',
  priority: 0,
  cell: (object) => object.metadata.name,
};

export const AGE_COLUMN: Column = column('Age', 'How long ago the object was created.', (object, nowMs) =>
  formatAge(object.metadata.creationTimestamp, nowMs),
);

export function column(name: string, description: string, cell: Column['cell'], priority = 0): Column {
  return { name, type: 'string', format: '', description, priority, cell };
}

/** A `meta.k8s.io/v1` Table of these objects. `listMetadata` is the list's, or the object's when there is only one. */
export function tableOf(
  columns: readonly Column[],
  objects: readonly KubeObject[],
  listMetadata: Fields,
  include: IncludeObject,
  nowMs: number,
): Fields {
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata: listMetadata,
    columnDefinitions: columns.map(({ name, type, format, description, priority }) => ({
      name,
      type,
      format,
      description,
      priority,
    })),
    rows: objects.map((object) => ({
      cells: columns.map((entry) => entry.cell(object, nowMs)),
      ...(include === 'None' ? {} : { object: include === 'Object' ? object : partialMetadata(object) }),
    })),
  };
}

export function partialMetadata(object: KubeObject): Fields {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** `5s`, `3m12s`, `4h`, `12d`, `2y`: the precision shrinks with age, as kubectl prints it. */
export function formatAge(timestamp: unknown, nowMs: number): string {
  const thenMs = typeof timestamp === 'string' ? Date.parse(timestamp) : Number.NaN;
  if (Number.isNaN(thenMs)) return '<unknown>';
  const seconds = Math.floor((nowMs - thenMs) / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 120) return `${Math.max(seconds, 0)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (days < 8) return withRest(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? withRest(years, 'y', days % 365, 'd') : `${years}y`;
}

function withRest(count: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${count}${unit}` : `${count}${unit}${rest}${restUnit}`;
}
