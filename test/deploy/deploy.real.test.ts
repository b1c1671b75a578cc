import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningAgent, startAgent } from '../../src/agent/agent.ts';
import { agentOptions, placeTimeline, safekeeperId, TENANT } from '../agent/test-agent.ts';
import { startOwnKubeApiserver } from '../api-server/api-server.ts';
import { openDoor } from '../api-server/door.ts';
import { type KubeApiserver, kubeconfigOf } from '../envtest/kube-apiserver.ts';
import { type BuiltImage, buildImage } from './image.ts';
import { complaints, type OperatorProcess, startOperatorProcess } from './operator-process.ts';

const REPOSITORY = resolve(import.meta.dirname, '../..');
const SYSTEM = 'safekeeper-operator';
const ACCOUNT = `system:serviceaccount:${SYSTEM}:${SYSTEM}`;
const LEADS = 'leader_election_leader{name="safekeeper-operator"}';
const TIMELINES = ['1', '2'].map((digit) => digit.repeat(32));

/** What the operator says while its token is refused. */
const DURING_EXPIRY = ['Event not sent', 'Lease not renewed', 'Reconcile failed', 'Safekeeper lost timelines'];

const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;
if (!hasKubectl) console.warn('SKIPPED: kubectl is not on the PATH, so what deploy/ installs was not tried');

/** Everything of deploy/ on a real API server of its own, and the operator as the account, with the role and from the image of deploy/. */
describe.skipIf(!hasKubectl)('deploy/', () => {
  let server: KubeApiserver;
  let directory: string;
  let image: BuiltImage;
  let agents: Array<{ url: string; dataDirectory: string; agent: RunningAgent }>;
  let operators: OperatorProcess[] = [];

  beforeAll(async () => {
    [server, image] = await Promise.all([startOwnKubeApiserver(), buildImage()]);
    directory = await mkdtemp(join(tmpdir(), 'deploy-'));
    // The operator runs as somebody else.
    await chmod(directory, 0o755);
    await writeFile(join(directory, 'kubeconfig'), kubeconfigOf(server));
    agents = await Promise.all([1, 2, 3].map((id) => startSafekeeper(id)));
  }, 120_000);

  afterAll(async () => {
    for (const operator of operators) await operator[Symbol.asyncDispose]();
    for (const { agent, dataDirectory } of agents) {
      await agent[Symbol.asyncDispose]();
      rmSync(dataDirectory, { recursive: true, force: true });
    }
    image[Symbol.dispose]();
    await server[Symbol.asyncDispose]();
    await rm(directory, { recursive: true });
  });

  async function kubectl(...args: string[]): Promise<{ stdout: string; stderr: string }> {
    const env = {
      ...process.env,
      KUBECONFIG: join(directory, 'kubeconfig'),
      KUBECACHEDIR: join(directory, 'cache'),
      KUBE_EDITOR: 'sed -i s/gracePeriod:.*/gracePeriod:\\ 16s/',
    };
    return await promisify(execFile)('kubectl', args, { env, cwd: REPOSITORY });
  }
  const output = async (...args: string[]) => (await kubectl(...args)).stdout.trim();
  const manifest = async (name: string, object: unknown) => {
    await writeFile(join(directory, name), JSON.stringify(object));
    return join(directory, name);
  };

  async function startOperator(name: string): Promise<OperatorProcess> {
    const token = await output('create', 'token', SYSTEM, '-n', SYSTEM);
    const kubeconfig = kubeconfigOf({ ...server, token }, SYSTEM);
    const operator = await startOperatorProcess({
      program: image.program,
      flags: [],
      kubeconfig,
      env: { HOSTNAME: name },
    });
    operators.push(operator);
    return operator;
  }

  test('installs as it is, without a warning, and a second time changes nothing', async () => {
    const first = await kubectl('apply', '-k', 'deploy');
    // Pod security would warn here.
    expect(first.stderr).toBe('');
    expect(first.stdout.split('\n').filter((line) => line.endsWith('created'))).toHaveLength(10);
    await kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s');
    const second = await output('apply', '-k', 'deploy');
    expect(second.split('\n').filter((line) => !line.endsWith('unchanged'))).toEqual([]);
    expect(await output('diff', '-k', 'deploy')).toBe('');
    expect((await kubectl('apply', '--dry-run=server', '-k', 'deploy')).stderr).toBe('');
  });

  test('the samples are accepted', async () => {
    await kubectl('create', 'namespace', 'neon');
    const applied = await kubectl('apply', '--dry-run=server', '-f', 'deploy/samples');
    expect(applied.stderr).toBe('');
    expect(applied.stdout).toMatch(/safekeepercluster.safekeeper.dev\/neon created/);
  });

  test('the example of an init container is accepted, and pod security has nothing to say', async () => {
    const applied = await kubectl('apply', '--dry-run=server', '-f', 'deploy/restore');
    expect(applied.stderr).toBe('');
    expect(applied.stdout).toMatch(/statefulset.apps\/safekeeper created/);
  });

  test('the role gives what is needed and nothing that is not', async () => {
    const can = async (...what: string[]) =>
      await output('auth', 'can-i', ...what, '--as', ACCOUNT, '-n', 'neon').catch(({ stdout }: { stdout: string }) =>
        stdout.trim(),
      );
    expect(await can('patch', 'safekeepertimelines.safekeeper.dev', '--subresource=status')).toBe('yes');
    for (const forbidden of [
      ['patch', 'safekeepertimelines.safekeeper.dev'],
      ['delete', 'safekeeperclusters.safekeeper.dev'],
      ['list', 'secrets'],
      ['create', 'secrets'],
      ['delete', 'pods'],
      ['create', 'pods'],
      ['get', 'leases'],
      ['get', 'nodes'],
      ['escalate', 'clusterroles'],
    ]) {
      expect(await can(...forbidden), forbidden.join(' ')).toBe('no');
    }
  });

  test('the operator heals as that account, and is denied nothing', async () => {
    const operator = await startOperator('operator-0');
    const cluster = {
      apiVersion: 'safekeeper.dev/v1alpha1',
      kind: 'SafekeeperCluster',
      metadata: { name: 'main', namespace: 'neon' },
      spec: {
        safekeepers: agents.map(({ url }, index) => ({ id: index + 1, url })),
        inventory: { interval: '2s' },
        recovery: { gracePeriod: '15s' },
      },
    };
    const file = await manifest('cluster.json', cluster);
    expect(await output('diff', '-f', file).catch(({ stdout }: { stdout: string }) => stdout)).toContain('+kind: Safe');
    expect(await output('apply', '--dry-run=server', '-f', file)).toContain('(server dry run)');
    expect(await output('apply', '-f', file)).toContain('safekeepercluster.safekeeper.dev/main created');
    const found = () => output('get', 'skt', '-n', 'neon', '-o', 'name').then(countLines);
    await expect.poll(found, { timeout: 20_000 }).toBe(TIMELINES.length);
    await kubectl('wait', '-n', 'neon', '--for=condition=Ready', 'skt', '--all', '--timeout=30s');
    await kubectl('wait', '-n', 'neon', '--for=condition=Ready', 'skc/main', '--timeout=30s');

    await wipe(1);
    await kubectl('wait', '-n', 'neon', '--for=condition=Ready=False', 'skt', '--all', '--timeout=30s');
    await kubectl('wait', '-n', 'neon', '--for=condition=Ready', 'skt', '--all', '--timeout=60s');
    const described = await output('describe', 'skt', '-n', 'neon');
    for (const word of ['ReplicaLost', 'RecoveryStarted', 'Recovered', 'Safe: every member']) {
      expect(described).toContain(word);
    }
    expect(await output('get', 'skt', '-n', 'neon')).toContain('3/3');

    await kubectl('edit', '-n', 'neon', 'skc', 'main');
    expect(await output('get', '-n', 'neon', 'skc', 'main', '-o', 'jsonpath={.spec.recovery.gracePeriod}')).toBe('16s');
    const seen = () => output('get', '-n', 'neon', 'skc', 'main', '-o', 'jsonpath={.status.observedGeneration}');
    await expect.poll(seen, { timeout: 10_000 }).toBe('2');

    expect(await operator.metric(LEADS)).toBe(1);
    expect((await fetch(`${operator.url}/readyz`)).status).toBe(200);
    expect(complaints(operator)).toEqual(['Safekeeper lost timelines']);
  }, 180_000);

  test('a second one stands by, ready, and takes over when the first is told to stop', async () => {
    const [first] = operators;
    const second = await startOperator('operator-1');
    expect((await fetch(`${second.url}/readyz`)).status).toBe(200);
    expect((await second.metric(LEADS)) ?? 0).toBe(0);
    first?.signal('SIGTERM');
    expect(await first?.ended).toBe(0);
    await expect.poll(() => second.metric(LEADS), { timeout: 10_000 }).toBe(1);
    await expect
      .poll(() => second.log().map(({ msg }) => msg), { timeout: 10_000 })
      .toContain('Controllers are running');
    expect(complaints(second)).toEqual([]);
  }, 60_000);

  test('a token that expired is read again, and nothing is lost over it', async () => {
    // In order, so that the lease is free at once.
    for (const operator of operators) {
      operator.signal('SIGTERM');
      await operator.ended;
    }
    const uid = await output('get', 'serviceaccount', SYSTEM, '-n', SYSTEM, '-o', 'jsonpath={.metadata.uid}');
    // The API server lets a token live for a minute longer than it says.
    const token = (lifetimeSeconds: number) =>
      server.serviceAccountToken({ namespace: SYSTEM, name: SYSTEM, uid }, lifetimeSeconds - 60);
    const tokenFile = join(directory, 'token');
    const old = token(20);
    await writeFile(tokenFile, old, { mode: 0o644 });
    const operator = await startOperatorProcess({
      program: image.program,
      flags: [],
      kubeconfig: kubeconfigOf({ url: server.url, ca: server.ca, tokenFile }, SYSTEM),
    });
    operators.push(operator);
    await expect.poll(() => operator.metric(LEADS), { timeout: 10_000 }).toBe(1);

    await using door = await openDoor(server);
    const status = async () => {
      const headers = { authorization: `Bearer ${old}` };
      return (await fetch(`${door.url}/apis/safekeeper.dev/v1alpha1/safekeepertimelines`, { headers })).status;
    };
    await expect.poll(status, { timeout: 40_000, interval: 200 }).toBe(401);
    await wipe(1);
    await expect.poll(() => complaints(operator).length, { timeout: 10_000 }).toBeGreaterThan(0);
    await writeFile(tokenFile, token(600));
    await kubectl('wait', '-n', 'neon', '--for=condition=Ready=False', 'skt', '--all', '--timeout=30s');
    await kubectl('wait', '-n', 'neon', '--for=condition=Ready', 'skt', '--all', '--timeout=60s');
    const unlisted = operator.log().filter(({ level, msg }) => level !== 'info' && !DURING_EXPIRY.includes(msg));
    expect(unlisted).toEqual([]);
  }, 180_000);

  async function startSafekeeper(id: number) {
    const dataDirectory = mkdtempSync(join(tmpdir(), `safekeeper-${id}-`));
    for (const timelineId of TIMELINES) {
      await placeTimeline(dataDirectory, { snapshot: 'gen0_v9', tenantId: TENANT, timelineId });
    }
    const options = { ...agentOptions(dataDirectory), safekeeperId: safekeeperId(id) };
    const agent = await startAgent(options, new AbortController().signal);
    return { url: agent.url, dataDirectory, agent };
  }

  /** Its disk is gone, and it is back at once, at the same address. */
  async function wipe(index: number): Promise<void> {
    const victim = agents[index]!;
    await victim.agent[Symbol.asyncDispose]();
    rmSync(victim.dataDirectory, { recursive: true, force: true });
    mkdirSync(victim.dataDirectory);
    const options = {
      ...agentOptions(victim.dataDirectory),
      safekeeperId: safekeeperId(index + 1),
      port: Number(new URL(victim.url).port),
    };
    victim.agent = await startAgent(options, new AbortController().signal);
  }
});

function countLines(text: string): number {
  return text === '' ? 0 : text.split('\n').length;
}
