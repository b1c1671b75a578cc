import { execFile, spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, openApi } from '../api-server/api-server.ts';
import { TENANT } from './api.ts';

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
if (!hasKubectl) console.warn('SKIPPED: kubectl is not on the PATH, so the API was not tried with it');

const WIDGET_YAML = `
apiVersion: example.dev/v1alpha1
kind: Widget
metadata: {name: w1, labels: {app: x}}
spec:
  tenantId: "${TENANT}"
  parts: [{id: "1", url: "http://a:1"}]
  limits: {cpu: 4, memory: 1}
`;

describe.skipIf(!hasKubectl)('kubectl', () => {
  let api: ApiServer;
  let directory: string;

  beforeAll(async () => {
    api = await openApi();
    directory = await mkdtemp(join(tmpdir(), 'dev-cluster-kubectl-'));
    await writeFile(join(directory, 'kubeconfig'), api.kubeconfig());
    await kubectl('apply', '-f', join(import.meta.dirname, 'widget-crd.yaml'));
    await kubectl('wait', '--for=condition=Established', 'crd/widgets.example.dev', '--timeout=10s');
  });

  afterAll(async () => {
    await api[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  function environment(extra: Record<string, string> = {}): NodeJS.ProcessEnv {
    return {
      ...process.env,
      KUBECONFIG: join(directory, 'kubeconfig'),
      KUBECACHEDIR: join(directory, 'cache'),
      ...extra,
    };
  }

  async function kubectl(...args: string[]): Promise<string> {
    return (await promisify(execFile)('kubectl', args, { env: environment() })).stdout;
  }

  async function failing(...args: string[]): Promise<string> {
    const error = await kubectl(...args).then(
      () => undefined,
      (cause: { stderr: string }) => cause,
    );
    expect(error, `kubectl ${args.join(' ')} must fail`).toBeDefined();
    return error?.stderr ?? '';
  }

  async function manifest(name: string, text: string): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, text);
    return path;
  }

  test('api-resources, explain and version', async () => {
    expect(await kubectl('version')).toMatch(/Server Version: v1\.3\d/);
    expect(await kubectl('api-resources')).toMatch(/widgets +wd +example.dev\/v1alpha1 +true +Widget/);
    // A real server documents a new kind a little later.
    const explained = () => kubectl('explain', 'widget.spec.tenantId').catch(String);
    await expect.poll(explained, { timeout: 15_000 }).toContain('The tenant, 32 lower-case hex digits.');
    expect(await kubectl('explain', 'pods.spec')).toContain('containers');
  });

  test('apply on the client side: create, change, remove a field, get in every form, describe', async () => {
    const file = await manifest('w1.yaml', WIDGET_YAML);
    expect(await kubectl('apply', '-f', file)).toContain('widget.example.dev/w1 created');
    await manifest('w1.yaml', WIDGET_YAML.replace('cpu: 4, memory: 1', 'cpu: 5'));
    expect(await kubectl('diff', '-f', file).catch((cause: { stdout: string }) => cause.stdout)).toContain(
      '-    memory: 1',
    );
    expect(await kubectl('apply', '-f', file)).toContain('configured');
    expect(await kubectl('get', 'widget', 'w1', '-o', 'jsonpath={.spec.limits}')).toBe('{"cpu":5}');
    expect(await kubectl('get', 'wd')).toMatch(/^NAME +READY +REPLICAS +SEEN +AGE\nw1 +3 /);
    expect(await kubectl('get', 'gadgets', '-o', 'wide')).toContain(TENANT);
    expect(await kubectl('get', 'wd', 'w1', '-o', 'yaml')).toContain(`tenantId: ${TENANT}`);
    expect(JSON.parse(await kubectl('get', 'wd', '-l', 'app in (x)', '-o', 'json'))).toMatchObject({ kind: 'List' });
    expect(await kubectl('describe', 'wd', 'w1')).toContain('Tenant Id:');
  });

  test('label, annotate, every patch, edit, replace, wait', async () => {
    const file = await manifest('w2.yaml', WIDGET_YAML.replace('w1', 'w2'));
    await kubectl('create', '-f', file);
    expect(await kubectl('label', 'wd', 'w2', 'a=b')).toContain('labeled');
    expect(await kubectl('annotate', 'wd', 'w2', 'note=hello')).toContain('annotated');
    await kubectl('patch', 'wd', 'w2', '--type=merge', '-p', '{"spec":{"replicas":4}}');
    await kubectl('patch', 'wd', 'w2', '--type=json', '-p', '[{"op":"replace","path":"/spec/replicas","value":2}]');
    const status = { status: { conditions: [{ type: 'Ready', status: 'True' }] } };
    const waiting = kubectl('wait', 'wd/w2', '--for=condition=Ready', '--timeout=15s');
    await kubectl('patch', 'wd', 'w2', '--subresource=status', '--type=merge', '-p', JSON.stringify(status));
    expect(await waiting).toContain('condition met');
    const env = environment({ KUBE_EDITOR: 'sed -i s/replicas:.*/replicas:\\ 5/' });
    await promisify(execFile)('kubectl', ['edit', 'wd', 'w2'], { env });
    expect(await kubectl('get', 'wd', 'w2', '-o', 'jsonpath={.spec.replicas} {.metadata.labels.a}')).toBe('5 b');
    expect(await kubectl('replace', '-f', file)).toContain('replaced');
    expect(await kubectl('delete', 'wd', 'w2')).toContain('deleted');
    expect(await failing('get', 'wd', 'w2')).toContain('widgets.example.dev "w2" not found');
  });

  test('apply on the server side, with a conflict', async () => {
    const file = await manifest('w3.yaml', WIDGET_YAML.replace('w1', 'w3'));
    expect(await kubectl('apply', '--server-side', '-f', file)).toContain('serverside-applied');
    await manifest('w3.yaml', WIDGET_YAML.replace('w1', 'w3').replace('cpu: 4', 'cpu: 9'));
    const conflict = await failing('apply', '--server-side', '--field-manager=other', '-f', file);
    expect(conflict).toContain('conflict with "kubectl": .spec.limits.cpu');
    await kubectl('apply', '--server-side', '--field-manager=other', '--force-conflicts', '-f', file);
    expect(await kubectl('get', 'wd', 'w3', '-o', 'jsonpath={.spec.limits.cpu}')).toBe('9');
  });

  test('a bad object is refused with the field named', async () => {
    const invalid = await manifest('bad.yaml', WIDGET_YAML.replace(TENANT, 'XYZ').replace('w1', 'bad'));
    expect(await failing('apply', '-f', invalid)).toContain('spec.tenantId: Invalid value: "XYZ"');
    const unknown = await manifest('unknown.yaml', WIDGET_YAML.replace('parts:', 'part:').replace('w1', 'bad'));
    expect(await failing('apply', '-f', unknown)).toContain('strict decoding error: unknown field "spec.part"');
  });

  test('built-in kinds: the create commands, events, namespaces', async () => {
    const team = `${api.namespace}-team`;
    await kubectl('create', 'namespace', team);
    await kubectl('-n', team, 'create', 'secret', 'generic', 's', '--from-literal=token=abc');
    await kubectl('-n', team, 'create', 'configmap', 'c', '--from-literal=a=b');
    expect(await kubectl('-n', team, 'get', 'secret', 's', '-o', 'jsonpath={.data.token}')).toBe('YWJj');
    const uid = await kubectl('-n', team, 'get', 'configmap', 'c', '-o', 'jsonpath={.metadata.uid}');
    const event = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'c.1', namespace: team },
      involvedObject: { kind: 'ConfigMap', namespace: team, name: 'c', uid },
      reason: 'Recovered',
      message: 'all is well',
      type: 'Normal',
      lastTimestamp: new Date().toISOString(),
    };
    await kubectl('create', '-f', await manifest('event.json', JSON.stringify(event)));
    expect(await kubectl('-n', team, 'get', 'events')).toMatch(/Normal +Recovered +configmap\/c +all is well/);
    expect(await kubectl('-n', team, 'describe', 'configmap', 'c')).toContain('all is well');
    expect(await kubectl('delete', 'namespace', team, '--wait=false')).toContain('deleted');
  });

  test('get --watch follows', async () => {
    const child = spawn('kubectl', ['get', 'configmaps', '--watch', '--output-watch-events'], { env: environment() });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
    const seen = (pattern: RegExp) => expect.poll(() => output, { timeout: 15_000 }).toMatch(pattern);
    try {
      await kubectl('create', 'configmap', 'watched', '--from-literal=a=b');
      await seen(/ADDED +watched +1/);
      await kubectl('patch', 'configmap', 'watched', '-p', '{"data":{"c":"d"}}');
      await seen(/MODIFIED +watched +2/);
      await kubectl('delete', 'configmap', 'watched');
      await seen(/DELETED +watched +2/);
    } finally {
      child.kill();
    }
  });
});
