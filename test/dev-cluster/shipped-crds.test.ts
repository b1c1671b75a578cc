import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { CRDS, type Json, startApi, TENANT, text } from './api.ts';

const directory = join(import.meta.dirname, '../../crds');
const definitions = readdirSync(directory)
  .filter((file) => file.startsWith('safekeeper.dev_'))
  .map((file) => parse(readFileSync(join(directory, file), 'utf8')) as Json);

const GROUP = '/apis/safekeeper.dev/v1alpha1/namespaces/{namespace}';
const cluster = {
  apiVersion: 'safekeeper.dev/v1alpha1',
  kind: 'SafekeeperCluster',
  metadata: { name: 'main' },
  spec: {
    safekeepers: [
      { id: 1, url: 'http://sk-1:7676', peerUrl: 'http://10.0.0.1:7676' },
      { id: 2, url: 'http://sk-2:7676' },
    ],
    storageController: { url: 'http://controller:1234', tokenSecretRef: { name: 'token', key: 'token' } },
    auth: { tokenSecretRef: { name: 'token', key: 'token' } },
    tls: {
      caSecretRef: { name: 'ca', key: 'ca.crt' },
      clientCertSecretRef: { name: 'client' },
      serverName: 'sk.local',
    },
    inventory: { interval: '10s', verifyInterval: '1h' },
    recovery: { gracePeriod: '15s', maxUnavailable: '50%', maxLost: '5%' },
  },
};
const timeline = {
  apiVersion: 'safekeeper.dev/v1alpha1',
  kind: 'SafekeeperTimeline',
  metadata: { name: 't' },
  spec: {
    clusterRef: { name: 'main' },
    tenantId: TENANT,
    timelineId: 'f'.repeat(32),
    members: [1, 2, 3],
    recovery: { gracePeriod: '20s' },
  },
};

describe('the definitions that the project ships', () => {
  test('load, and full objects pass all their rules', async () => {
    const api = await startApi();
    for (const definition of definitions) {
      const { body } = await api.get(`${CRDS}/${text(definition.metadata.name)}`);
      expect(body.status.conditions).toContainEqual(expect.objectContaining({ type: 'Established', status: 'True' }));
      expect(body.spec.versions).toEqual(definition.spec.versions);
    }
    for (const [path, object] of [
      [`${GROUP}/safekeeperclusters`, cluster],
      [`${GROUP}/safekeepertimelines`, timeline],
    ] as const) {
      const { status, body } = await api.post(`${path}?fieldValidation=Strict`, object);
      expect(status, text(body.message)).toBe(201);
    }
  });

  test('their rules bite, with the field named', async () => {
    const api = await startApi();
    await api.post(`${GROUP}/safekeepertimelines`, timeline);
    const moved = await api.mergePatch(`${GROUP}/safekeepertimelines/t`, { spec: { tenantId: 'e'.repeat(32) } });
    expect(moved).toMatchObject({ status: 422, body: { message: expect.stringContaining('spec.tenantId') } });
    const short = { ...cluster, spec: { ...cluster.spec, recovery: { gracePeriod: '3s' } } };
    expect((await api.post(`${GROUP}/safekeeperclusters`, short)).body.message).toContain('spec.recovery.gracePeriod');
    const neither = { ...cluster, spec: {} };
    expect((await api.post(`${GROUP}/safekeeperclusters`, neither)).status).toBe(422);
    const discovery = {
      pods: {
        selector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['sk'] }] },
        port: 7676,
        host: '{pod}.sk',
      },
    };
    const discovered = await api.post(`${GROUP}/safekeeperclusters`, { ...cluster, spec: { discovery } });
    expect(discovered.status, text(discovered.body.message)).toBe(201);
  });
});
