import type { IncludeObject } from './table.ts';
import { notAcceptable } from './status-error.ts';

/** In which form objects are answered; always JSON. */
export type Representation =
  | { readonly kind: 'object' }
  | { readonly kind: 'table'; readonly include: IncludeObject }
  | { readonly kind: 'metadata' };

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
}

/** The first form of the Accept header that this server has. Throws NotAcceptable, as for protobuf alone. */
export function chooseRepresentation(accept: string | undefined, includeObject: string | null): Representation {
  for (const range of mediaRanges(accept)) {
    if (!isJson(range)) continue;
    const form = range.parameters.get('as');
    if (form === undefined) return { kind: 'object' };
    if (range.parameters.get('g') !== 'meta.k8s.io' || range.parameters.get('v') !== 'v1') continue;
    if (form === 'Table') return { kind: 'table', include: includeOf(includeObject) };
    if (form === 'PartialObjectMetadata' || form === 'PartialObjectMetadataList') return { kind: 'metadata' };
  }
  throw notAcceptable();
}

/** Whether the client takes aggregated discovery before the older form. */
export function wantsAggregatedDiscovery(accept: string | undefined): boolean {
  const first = mediaRanges(accept).find(
    ({ type, parameters }) => isJson({ type, parameters }) && (!parameters.has('as') || parameters.get('v') === 'v2'),
  );
  return first?.parameters.get('as') === 'APIGroupDiscoveryList';
}

function mediaRanges(accept: string | undefined): MediaRange[] {
  const header = accept === undefined || accept.trim() === '' ? '*/*' : accept;
  return header.split(',').map((range) => {
    const [type = '', ...parameters] = range.split(';').map((part) => part.trim());
    const pairs = parameters.map((parameter) => {
      const [name = '', value = ''] = parameter.split('=');
      return [name, value] as const;
    });
    return { type: type.toLowerCase(), parameters: new Map(pairs) };
  });
}

function isJson(range: MediaRange): boolean {
  return ['application/json', 'application/*', '*/*'].includes(range.type);
}

function includeOf(includeObject: string | null): IncludeObject {
  return includeObject === 'Object' || includeObject === 'None' ? includeObject : 'Metadata';
}
