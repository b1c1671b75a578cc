import { describe, expect, test } from 'vitest';
import { decodeProtobuf } from '../../src/dev-cluster/protobuf.ts';
import { startApi } from './api.ts';

// The body of `kubectl create configmap cm1 --from-literal=a=b`, kubectl 1.32.
const CONFIG_MAP = Buffer.from(
  '6b3873000a0f0a0276311209436f6e6669674d6170121d0a130a03636d3112001a0022002a0032003800420012060a01611201621a002200',
  'hex',
);

describe('protobuf', () => {
  test('what kubectl create sends is read', async () => {
    expect(decodeProtobuf(CONFIG_MAP)).toEqual({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'cm1' },
      data: { a: 'b' },
    });
    const api = await startApi();
    const response = await fetch(api.at('/api/v1/namespaces/{namespace}/configmaps?fieldValidation=Strict'), {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
      body: CONFIG_MAP,
    });
    expect(response.status).toBe(201);
    expect((await api.get('/api/v1/namespaces/{namespace}/configmaps/cm1')).body.data).toEqual({ a: 'b' });
  });

  test('every cut and every changed byte is decoded or refused, never anything else', () => {
    const accepted = (bytes: Buffer) => {
      try {
        return decodeProtobuf(bytes).kind !== undefined;
      } catch (error) {
        expect(error).toMatchObject({ code: expect.any(Number) });
        return false;
      }
    };
    expect(accepted(CONFIG_MAP)).toBe(true);
    for (let at = 0; at < CONFIG_MAP.length; at++) {
      accepted(CONFIG_MAP.subarray(0, at));
      const changed = Buffer.from(CONFIG_MAP);
      changed[at] = (changed[at] ?? 0) ^ 0xff;
      accepted(changed);
    }
    expect(accepted(CONFIG_MAP.subarray(0, 20))).toBe(false);
  });
});
