import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { systemClock } from '../../src/base/clock.ts';
import { createLogger } from '../../src/base/log.ts';
import { openPublicKeys, TokenVerifier } from '../../src/http/token-verifier.ts';
import { type BuiltProgram, buildProgram } from '../cli/built-program.ts';
import { configuration, startPeer, temporaryData, TENANT, TIMELINES, walOf } from '../restore/harness.ts';
import { tokenIssuer } from '../support/tokens.ts';

const MANIFEST = resolve(import.meta.dirname, '../../deploy/restore/safekeeper-statefulset.yaml');

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly command: readonly string[];
  readonly env: ReadonlyArray<{
    readonly name: string;
    readonly valueFrom: {
      readonly fieldRef?: { readonly fieldPath: string };
      readonly secretKeyRef?: { readonly name: string; readonly key: string };
    };
  }>;
  readonly volumeMounts: ReadonlyArray<{ readonly name: string; readonly mountPath: string }>;
  readonly securityContext: { readonly readOnlyRootFilesystem: boolean };
}

interface StatefulSet {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly serviceName: string;
    readonly replicas: number;
    readonly template: {
      readonly spec: {
        readonly securityContext: { readonly runAsUser: number; readonly fsGroup: number };
        readonly initContainers: readonly Container[];
        readonly containers: readonly Container[];
        readonly volumes: ReadonlyArray<{
          readonly name: string;
          readonly secret: { readonly items: ReadonlyArray<{ readonly path: string }> };
        }>;
      };
    };
    readonly volumeClaimTemplates: ReadonlyArray<{ readonly metadata: { readonly name: string } }>;
  };
}

const documents = parseAllDocuments(readFileSync(MANIFEST, 'utf8')).map((document) => document.toJS() as StatefulSet);
const [service, set] = documents as [StatefulSet, StatefulSet];
const pod = set.spec.template.spec;
const [init] = pod.initContainers as [Container];
const [safekeeper] = pod.containers as [Container];

describe('the init container of deploy/restore', () => {
  test('has the id from the ordinal, as its safekeeper does', () => {
    const fields = ({ env }: Container) =>
      Object.fromEntries(
        env.flatMap(({ name, valueFrom }) => (valueFrom.fieldRef ? [[name, valueFrom.fieldRef.fieldPath]] : [])),
      );
    expect(fields(init)).toEqual({
      POD_NAME: 'metadata.name',
      POD_INDEX: "metadata.labels['apps.kubernetes.io/pod-index']",
    });
    expect(fields(safekeeper)).toEqual(fields(init));
    expect(init.args).toContain('--id=$(POD_INDEX)');
    expect(safekeeper.command).toContain('--id=$(POD_INDEX)');
  });

  test('has the volume and the token where its flags say', () => {
    const mounts = (container: Container) =>
      new Map(container.volumeMounts.map(({ name, mountPath }) => [name, mountPath]));
    expect(set.spec.volumeClaimTemplates.map(({ metadata }) => metadata.name)).toEqual(['data']);
    expect(init.args).toContain(`--data-dir=${mounts(init).get('data')}`);
    expect(safekeeper.command).toContain(`--datadir=${mounts(safekeeper).get('data')}`);
    const [token] = pod.volumes;
    expect(init.args).toContain(`--auth-token-path=${mounts(init).get(token!.name)}/${token!.secret.items[0]?.path}`);
    // Who asks for tokens has the key for them, and a token of its own.
    const key = `${mounts(safekeeper).get(token!.name)}/${token!.secret.items[1]?.path}`;
    expect(safekeeper.command).toContain(`--http-auth-public-key-path=${key}`);
    expect(
      safekeeper.env.some(({ name, valueFrom }) => name === 'SAFEKEEPER_AUTH_TOKEN' && valueFrom.secretKeyRef),
    ).toBe(true);
    // Both write to the volume, and nowhere else.
    expect(pod.securityContext.fsGroup).toBe(pod.securityContext.runAsUser);
    expect(init.securityContext.readOnlyRootFilesystem).toBe(true);
  });

  test('names every pod of the set as a peer, and leaves itself out', () => {
    const { name } = set.metadata;
    expect(service.metadata.name).toBe(set.spec.serviceName);
    const urls = Array.from(
      { length: set.spec.replicas },
      (_, index) => `http://${name}-${index}.${service.metadata.name}:7676`,
    );
    expect(init.args).toContain(`--peer=${urls.join(',')}`);
    expect(init.args).toContain(`--own-url=http://$(POD_NAME).${service.metadata.name}:7676`);
  });
});

describe('run as it stands there', () => {
  const issuer = tokenIssuer();
  let program: BuiltProgram;
  beforeAll(async () => {
    program = await buildProgram('init-container');
  });
  afterAll(() => program[Symbol.dispose]());

  const guarded = async () => {
    const source = { read: () => Promise.resolve([issuer.publicKey]), clock: systemClock, log: createLogger('silent') };
    return { tokens: new TokenVerifier(await openPublicKeys('/keys', source), systemClock) };
  };

  test.each([2, 0])('it refills the disk of pod %i', async (own) => {
    using data = temporaryData();
    using secret = temporaryData();
    writeFileSync(join(secret.path, 'token'), await issuer.issue({ scope: 'safekeeperdata' }));
    const [a = 0, b = 0] = [0, 1, 2].filter((index) => index !== own);
    const membership = configuration(7, [0, 1, 2]);
    const change = (file: Parameters<NonNullable<Parameters<typeof startPeer>[2]>>[0]) => ({ ...file, membership });
    await using first = await startPeer(a, TIMELINES, change, await guarded());
    await using second = await startPeer(b, TIMELINES, change, await guarded());
    const urls = new Map([
      [`http://safekeeper-${a}.safekeepers:7676`, first.url],
      [`http://safekeeper-${b}.safekeepers:7676`, second.url],
    ]);
    const args = init.args.map((arg) => {
      const expanded = arg.replace('$(POD_NAME)', `safekeeper-${own}`).replace('$(POD_INDEX)', String(own));
      const local = expanded.replace(/=\/data$/, `=${data.path}`).replace('=/token/', `=${secret.path}/`);
      return local.startsWith('--peer=')
        ? [...urls].reduce((text, [from, to]) => text.replace(from, to), local)
        : local;
    });
    const { code, stderr } = await program.run(args);
    expect(stderr).not.toContain('"level":"error"');
    expect(code).toBe(0);
    expect(readdirSync(join(data.path, TENANT)).sort()).toEqual(TIMELINES);
    expect(readFileSync(join(data.path, 'safekeeper.id'), 'utf8')).toBe(String(own));
    for (const timelineId of TIMELINES) {
      expect(walOf(data.path, timelineId)).toEqual(walOf(first.dataDirectory, timelineId));
    }
  });
});
