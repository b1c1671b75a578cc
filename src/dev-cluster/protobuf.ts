import { assertNever } from '../base/assert.ts';
import { type Fields, textOf } from './object.ts';
import { badRequest, unsupportedMediaType } from './status-error.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** How one field of a message is read; messages and maps by field number as in Kubernetes' generated.proto files. */
type FieldType =
  | { readonly kind: 'string' | 'bytes' | 'boolean' }
  | { readonly kind: 'message'; readonly message: Message }
  | { readonly kind: 'map'; readonly values: 'string' | 'bytes' };
type Message = Readonly<Record<number, readonly [name: string, type: FieldType]>>;

const STRING: FieldType = { kind: 'string' };
const BOOLEAN: FieldType = { kind: 'boolean' };
const STRINGS: FieldType = { kind: 'map', values: 'string' };
const BYTES: FieldType = { kind: 'map', values: 'bytes' };
const TYPE_META: Message = { 1: ['apiVersion', STRING], 2: ['kind', STRING] };
const UNKNOWN: Message = { 1: ['typeMeta', { kind: 'message', message: TYPE_META }], 2: ['raw', { kind: 'bytes' }] };
const METADATA: FieldType = {
  kind: 'message',
  message: {
    1: ['name', STRING],
    2: ['generateName', STRING],
    3: ['namespace', STRING],
    5: ['uid', STRING],
    6: ['resourceVersion', STRING],
    11: ['labels', STRINGS],
    12: ['annotations', STRINGS],
  },
};
const MESSAGES: Readonly<Record<string, Message>> = {
  Namespace: { 1: ['metadata', METADATA] },
  ServiceAccount: { 1: ['metadata', METADATA], 4: ['automountServiceAccountToken', BOOLEAN] },
  ConfigMap: { 1: ['metadata', METADATA], 2: ['data', STRINGS], 3: ['binaryData', BYTES], 4: ['immutable', BOOLEAN] },
  Secret: {
    1: ['metadata', METADATA],
    2: ['data', BYTES],
    3: ['type', STRING],
    4: ['stringData', STRINGS],
    5: ['immutable', BOOLEAN],
  },
};

/**
 * Decodes what `kubectl create configmap|secret|namespace|serviceaccount` sends: kubectl uses protobuf for these and does
 * not fall back to JSON. Everything that those commands can set is read; other kinds are refused as unsupported.
 */
export function decodeProtobuf(body: Uint8Array): Fields {
  const bytes = Buffer.from(body);
  if (bytes.toString('latin1', 0, 4) !== 'k8s\0') throw badRequest('the protobuf body must start with the k8s prefix');
  const envelope = decodeMessage(UNKNOWN, bytes.subarray(4));
  const kind = textOf(envelope.typeMeta, 'kind');
  const apiVersion = textOf(envelope.typeMeta, 'apiVersion');
  const message = apiVersion === 'v1' && Object.hasOwn(MESSAGES, kind) ? MESSAGES[kind] : undefined;
  if (message === undefined) throw unsupportedMediaType(['application/json', 'application/yaml']);
  const raw = Buffer.from(textOf(envelope, 'raw'), 'base64');
  return { apiVersion, kind, ...decodeMessage(message, raw) };
}

/** Empty strings are left out: protobuf sends them for fields that JSON would omit. */
function decodeMessage(message: Message, bytes: Buffer): Fields {
  const fields: Fields = {};
  for (const { number, value } of wireFields(bytes)) {
    const [name, type] = message[number] ?? [];
    if (name === undefined || type === undefined) continue;
    const decoded = decodeValue(type, value);
    if (decoded === '') continue;
    fields[name] = type.kind === 'map' ? { ...(fields[name] as Fields | undefined), ...(decoded as Fields) } : decoded;
  }
  return fields;
}

function decodeValue(type: FieldType, value: Buffer | number): unknown {
  if (typeof value === 'number') return type.kind === 'boolean' ? value !== 0 : value;
  switch (type.kind) {
    case 'string':
      return value.toString('utf8');
    case 'bytes':
      return value.toString('base64');
    case 'message':
      return decodeMessage(type.message, value);
    case 'map': {
      const entry = [...wireFields(value)];
      const part = (number: number) => entry.find((field) => field.number === number)?.value;
      const [key, content] = [part(1), part(2)];
      const text = Buffer.isBuffer(content) ? content.toString(type.values === 'bytes' ? 'base64' : 'utf8') : '';
      return { [Buffer.isBuffer(key) ? key.toString('utf8') : '']: text };
    }
    case 'boolean':
      throw badRequest('the protobuf body has a field of the wrong wire type');
    default:
      return assertNever(type);
  }
}

function* wireFields(bytes: Buffer): Generator<{ number: number; value: Buffer | number }> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 2 ** 49) throw badRequest('the protobuf body is cut or damaged');
      value += (byte & 0x7f) * shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const wireType = tag % 8;
    if (wireType !== 0 && wireType !== 2) throw badRequest('the protobuf body has a field of an unexpected wire type');
    const value = varint();
    const number = Math.floor(tag / 8);
    if (wireType === 0) yield { number, value };
    else {
      if (at + value > bytes.length) throw badRequest('the protobuf body is cut or damaged');
      yield { number, value: bytes.subarray(at, at + value) };
      at += value;
    }
  }
}
