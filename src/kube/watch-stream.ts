import { Failure } from '../base/failure.ts';
import { isRecord } from './is-record.ts';
import type { KubeObject } from './object.ts';

/** One line of a watch (docs: Kubernetes API concepts, "Efficient detection of changes"). */
export type WatchMessage<T extends KubeObject> =
  | { readonly kind: 'Put'; readonly object: T }
  | { readonly kind: 'Delete'; readonly object: T }
  | { readonly kind: 'Bookmark'; readonly resourceVersion: string }
  | { readonly kind: 'Error'; readonly status: unknown }
  | { readonly kind: 'Malformed' };

/** The lines of a body. A body that ends within a line was cut: throws a Failure `WatchCut`. */
export async function* readLines(body: AsyncIterable<Buffer>, lineBytesMax: number): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  for await (const chunk of body) {
    let start = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, start)) {
      pending.push(chunk.subarray(start, end));
      yield Buffer.concat(pending).toString('utf8');
      pending = [];
      pendingBytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    pending.push(chunk.subarray(start));
    pendingBytes += chunk.length - start;
    if (pendingBytes > lineBytesMax) {
      throw new Failure('BodyTooLarge', `a line of the watch is larger than ${lineBytesMax} bytes`);
    }
  }
  if (pendingBytes > 0) throw new Failure('WatchCut', 'the watch ended within a message');
}

/** Never throws: what cannot be understood is `Malformed`. */
export function parseWatchMessage<T extends KubeObject>(line: string): WatchMessage<T> {
  let message: unknown;
  try {
    message = JSON.parse(line);
  } catch {
    return { kind: 'Malformed' };
  }
  if (!isRecord(message) || !isRecord(message.object)) return { kind: 'Malformed' };
  const { type, object } = message;
  if (type === 'ERROR') return { kind: 'Error', status: object };
  const metadata = object.metadata;
  if (!isRecord(metadata) || typeof metadata.resourceVersion !== 'string') return { kind: 'Malformed' };
  if (type === 'BOOKMARK') return { kind: 'Bookmark', resourceVersion: metadata.resourceVersion };
  if (typeof metadata.name !== 'string') return { kind: 'Malformed' };
  const typed = object as unknown as T;
  if (type === 'ADDED' || type === 'MODIFIED') return { kind: 'Put', object: typed };
  return type === 'DELETED' ? { kind: 'Delete', object: typed } : { kind: 'Malformed' };
}
