import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { parseClusterSpec, parseTimelineSpec } from '../../src/api/parse.ts';
import { admitterOf } from './admit.ts';

const SAMPLES = resolve(import.meta.dirname, '../../deploy/samples');
const samples = readdirSync(SAMPLES).flatMap((file) =>
  parseAllDocuments(readFileSync(join(SAMPLES, file), 'utf8')).map((document) => ({
    file,
    object: document.toJS() as { apiVersion: string; kind: string },
  })),
);
const ours = samples.filter(({ object }) => object.apiVersion === 'safekeeper.dev/v1alpha1');

test('there are samples of both kinds', () => {
  expect(new Set(ours.map(({ object }) => object.kind))).toEqual(new Set(['SafekeeperCluster', 'SafekeeperTimeline']));
});

test.each(ours)('$file is accepted as it is', ({ object }) => {
  expect(admitterOf(object.kind)(object)).toMatchObject({ refusals: [], unknownFields: [] });
  const parse = object.kind === 'SafekeeperCluster' ? parseClusterSpec : parseTimelineSpec;
  expect(parse(object)).toMatchObject({ ok: true });
});
