import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { openApi } from '../api-server/api-server.ts';
import { Api } from '../dev-cluster/api.ts';
import { acceptedClusters, acceptedTimelines, refusedClusters, refusedTimelines } from './cases.ts';
import { clusterObject, timelineObject } from './objects.ts';

// The same cases as in admission.test.ts, where the rules are applied by our own code.

const GROUP = '/apis/safekeeper.dev/v1alpha1/namespaces/{namespace}';
const CLUSTERS = `${GROUP}/safekeeperclusters`;
const TIMELINES = `${GROUP}/safekeepertimelines`;
const DRY = '?dryRun=All&fieldValidation=Strict';

let api: Api;
beforeAll(async () => {
  const server = await openApi();
  api = new Api(server);
  return async () => await server[Symbol.asyncDispose]();
});

/** In the test's own namespace. */
function here(object: unknown): unknown {
  const copy = JSON.parse(JSON.stringify(object)) as { metadata: { namespace?: string } };
  copy.metadata.namespace = api.namespace;
  return copy;
}

describe.each([
  { kind: 'SafekeeperCluster', path: CLUSTERS, cases: refusedClusters },
  { kind: 'SafekeeperTimeline', path: TIMELINES, cases: refusedTimelines },
])('a real API server refuses a $kind with', ({ path, cases }) => {
  test.each(cases)('$what', async ({ object, field, serverField, words }) => {
    const { status, body } = await api.post(path + DRY, here(object));
    expect(status, JSON.stringify(body)).toBe(422);
    expect(body.message).toContain(`${serverField ?? field}: `);
    if (words !== undefined) expect(body.message).toMatch(words);
  });
});

describe('a real API server accepts', () => {
  test.each(acceptedClusters)('cluster %#', async (object) => {
    const { status, body } = await api.post(CLUSTERS + DRY, here(object));
    expect(status, JSON.stringify(body)).toBe(201);
  });

  test.each(acceptedTimelines)('timeline %#', async (object) => {
    const { status, body } = await api.post(TIMELINES + DRY, here(object));
    expect(status, JSON.stringify(body)).toBe(201);
  });
});

test.each(['tenantId', 'timelineId'])('%s never changes', async (field) => {
  await api.post(TIMELINES, here(timelineObject()));
  onTestFinished(async () => void (await api.send('DELETE', `${TIMELINES}/a`)));
  const changed = await api.mergePatch(`${TIMELINES}/a`, { spec: { [field]: '0'.repeat(32) } });
  expect(changed).toMatchObject({ status: 422, body: { message: expect.stringContaining(`${field} is immutable`) } });
  const paused = await api.mergePatch(`${TIMELINES}/a`, { spec: { paused: true } });
  expect(paused.status).toBe(200);
});

test("a cluster's name fits a label value", async () => {
  expect((await api.post(CLUSTERS + DRY, here(clusterObject({}, 'n'.repeat(63))))).status).toBe(201);
  const { body } = await api.post(CLUSTERS + DRY, here(clusterObject({}, 'n'.repeat(64))));
  expect(body.message).toContain('at most 63 characters');
});
