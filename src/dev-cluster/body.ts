import { parseDocument } from 'yaml';
import { describeError } from '../base/failure.ts';
import { decodeProtobuf, PROTOBUF } from './protobuf.ts';
import { badRequest, unsupportedMediaType } from './status-error.ts';

/** A decoded body and the paths of the keys that stand in it more than once (the last value counts). */
export interface DecodedBody {
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

const OBJECT_MEDIA_TYPES: readonly string[] = ['application/json', 'application/yaml'];

/** `application/json; charset=utf-8` → `application/json`. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/** Decodes the body of a create, update or delete; without a content type it is taken for JSON. */
export function decodeObjectBody(body: Buffer, contentType: string | undefined): DecodedBody {
  const mediaType = mediaTypeOf(contentType);
  if (mediaType === '' || mediaType === 'application/json') return decodeJson(body);
  if (mediaType === 'application/yaml') return decodeYaml(body);
  if (mediaType === PROTOBUF) return { value: decodeProtobuf(body), duplicates: [] };
  throw unsupportedMediaType(OBJECT_MEDIA_TYPES);
}

export function decodeJson(body: Buffer): DecodedBody {
  const text = body.toString('utf8');
  try {
    const value: unknown = JSON.parse(text);
    return { value, duplicates: duplicateKeys(text) };
  } catch (cause) {
    throw badRequest(`the object provided is unrecognized: json parse error: ${describeError(cause)}`);
  }
}

/** Decodes YAML, of which JSON is a part. */
export function decodeYaml(body: Buffer): DecodedBody {
  const text = body.toString('utf8');
  const document = parseDocument(text, { uniqueKeys: true });
  const [fatal] = document.errors.filter((error) => error.code !== 'DUPLICATE_KEY');
  if (fatal !== undefined) throw badRequest(`the object provided is not valid YAML: ${fatal.message}`);
  const duplicates = document.errors.map((error) => keyAt(text, error.pos[0]));
  return { value: document.toJS({ maxAliasCount: 100 }) as unknown, duplicates };
}

function keyAt(text: string, position: number): string {
  return /^["']?([^"':\s]+)/.exec(text.slice(position))?.[1] ?? '';
}

interface Frame {
  readonly path: string;
  readonly isList: boolean;
  readonly keys: Set<string>;
  current: string;
  index: number;
}

/** Walks JSON that is known to be valid: JSON.parse itself keeps silent about duplicate keys. */
function duplicateKeys(text: string): string[] {
  const duplicates: string[] = [];
  const stack: Frame[] = [];
  let expectsKey = false;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],]/g)) {
    const frame = stack.at(-1);
    if (token === '{' || token === '[') {
      const path = frame === undefined ? '' : frame.isList ? `${frame.path}[${frame.index}]` : frame.current;
      stack.push({ path, isList: token === '[', keys: new Set(), current: '', index: 0 });
      expectsKey = token === '{';
    } else if (token === '}' || token === ']') {
      stack.pop();
      expectsKey = false;
    } else if (token === ',') {
      if (frame?.isList === true) frame.index++;
      expectsKey = frame?.isList === false;
    } else if (expectsKey && frame !== undefined) {
      expectsKey = false;
      const key = JSON.parse(token) as string;
      if (key === '__proto__') throw badRequest('a field named __proto__ is refused');
      frame.current = frame.path === '' ? key : `${frame.path}.${key}`;
      if (frame.keys.has(key)) duplicates.push(frame.current);
      frame.keys.add(key);
    }
  }
  return duplicates;
}
