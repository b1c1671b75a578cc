import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { freePort } from '../support/free-port.ts';
import { startTethered, type Tethered } from './tethered.ts';

/** What it takes to reach it as an administrator. Plain data, so that it can be handed to other processes. */
export interface KubeApiserverAddress {
  /** `https://127.0.0.1:<port>` */
  readonly url: string;
  /** PEM */
  readonly ca: string;
  /** Of a member of system:masters. */
  readonly token: string;
}

/** A real kube-apiserver over an etcd of its own; both end with this process and leave nothing behind. */
export interface KubeApiserver extends KubeApiserverAddress, AsyncDisposable {
  /** Ends kube-apiserver in order. Its data and its address stay. */
  stop(): Promise<void>;
  /** Starts it again; resolves when it is ready. */
  start(): Promise<void>;
  /** Forgets etcd's history. What kube-apiserver remembers of it itself goes with its next start. */
  compact(): Promise<void>;
  /** A token as its own TokenRequest would give, but of any lifetime, negative ones included. */
  serviceAccountToken(account: ServiceAccountName, lifetimeSeconds: number): string;
}

export interface ServiceAccountName {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

const READY_TIMEOUT_MS = 60_000;
/** A port that the system had picked can be taken by somebody else before the program listens. */
const START_TRIES = 3;
const ISSUER = 'https://kubernetes.default.svc';

/** Starts the programs of `directory`, as `findEnvtest` found it; ready after about five seconds. */
export async function startKubeApiserver(programs: string): Promise<KubeApiserver> {
  for (let attempt = 1; ; attempt++) {
    const directory = await mkdtemp(join(tmpdir(), 'kube-apiserver-'));
    try {
      return await startIn(programs, directory);
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      if (attempt === START_TRIES) throw error;
    }
  }
}

/** What a user proves itself by: a token, or a file with one. */
type Access = Pick<KubeApiserverAddress, 'url' | 'ca'> & { readonly token?: string; readonly tokenFile?: string };

/** A kubeconfig (YAML) for one user of it. */
export function kubeconfigOf({ url, ca, token, tokenFile }: Access, namespace = 'default'): string {
  const name = 'envtest';
  const cluster = { server: url, 'certificate-authority-data': Buffer.from(ca).toString('base64') };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster }],
    users: [{ name, user: tokenFile === undefined ? { token } : { tokenFile } }],
    contexts: [{ name, context: { cluster: name, user: name, namespace } }],
    'current-context': name,
  });
}

async function startIn(programs: string, directory: string): Promise<KubeApiserver> {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateKey = keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const token = randomBytes(16).toString('hex');
  await mkdir(join(directory, 'certs'));
  await writeFile(join(directory, 'service-account.key'), privateKey);
  await writeFile(join(directory, 'service-account.pub'), keys.publicKey.export({ type: 'spki', format: 'pem' }));
  await writeFile(join(directory, 'tokens.csv'), `${token},admin,admin,system:masters\n`);

  const etcdUrl = `http://127.0.0.1:${await freePort()}`;
  const etcd = startTethered(directory, 'etcd', join(programs, 'etcd'), etcdFlags(directory, etcdUrl));
  const port = await freePort();
  const url = `https://127.0.0.1:${port}`;
  const startApiserver = () =>
    startTethered(directory, 'kube-apiserver', join(programs, 'kube-apiserver'), [
      ...apiserverFlags(directory),
      `--etcd-servers=${etcdUrl}`,
      `--secure-port=${port}`,
    ]);
  let apiserver = startApiserver();
  const cut = async () => void (await Promise.all([apiserver.cut(), etcd.cut()]));
  const ca = () => readFile(join(directory, 'certs', 'apiserver.crt'), 'utf8');
  const ready = async () => {
    try {
      await untilReady(url, directory, token, { etcd, 'kube-apiserver': apiserver });
    } catch (error) {
      await cut();
      throw error;
    }
  };
  await ready();
  return {
    url,
    ca: await ca(),
    token,
    stop: () => apiserver.stop(),
    start: async () => {
      apiserver = startApiserver();
      await ready();
    },
    compact: () => compact(etcdUrl),
    serviceAccountToken: (account, lifetimeSeconds) => accountToken(account, lifetimeSeconds, privateKey),
    [Symbol.asyncDispose]: cut,
  };
}

function etcdFlags(directory: string, url: string): string[] {
  return [
    `--data-dir=${join(directory, 'etcd')}`,
    `--listen-client-urls=${url}`,
    `--advertise-client-urls=${url}`,
    // It has no peers.
    '--listen-peer-urls=http://127.0.0.1:0',
    '--unsafe-no-fsync',
    '--log-level=error',
  ];
}

function apiserverFlags(directory: string): string[] {
  return [
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    '--endpoint-reconciler-type=none',
    `--cert-dir=${join(directory, 'certs')}`,
    '--service-cluster-ip-range=10.0.0.0/24',
    `--service-account-issuer=${ISSUER}`,
    `--service-account-key-file=${join(directory, 'service-account.pub')}`,
    `--service-account-signing-key-file=${join(directory, 'service-account.key')}`,
    `--token-auth-file=${join(directory, 'tokens.csv')}`,
    '--authorization-mode=RBAC',
    // Nobody makes the `default` accounts that pods would need.
    '--disable-admission-plugins=ServiceAccount',
    // Else its end waits for watches that have no end.
    '--shutdown-watch-termination-grace-period=1s',
    // History goes when a test says so.
    '--etcd-compaction-interval=0',
  ];
}

async function untilReady(
  url: string,
  directory: string,
  token: string,
  programs: Readonly<Record<string, Tethered>>,
): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  const caPath = join(directory, 'certs', 'apiserver.crt');
  for (;;) {
    for (const [name, program] of Object.entries(programs)) {
      if (program.exitCode() !== undefined) throw new Error(`${name} ended:\n${program.lastWords()}`);
    }
    if (existsSync(caPath) && (await isReady(url, await readFile(caPath, 'utf8'), token))) return;
    if (performance.now() > deadlineMs) {
      throw new Error(`kube-apiserver does not get ready:\n${programs['kube-apiserver']?.lastWords()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function isReady(url: string, ca: string, token: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}` };
    const asked = request(`${url}/readyz`, { ca, headers, agent: false, timeout: 2_000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', () => resolve(false));
    asked.end();
  });
}

async function compact(etcdUrl: string): Promise<void> {
  const call = async (path: string, body: object): Promise<{ header?: { revision?: string } }> => {
    const response = await fetch(`${etcdUrl}/v3/kv/${path}`, { method: 'POST', body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`etcd: ${response.status} ${await response.text()}`);
    return (await response.json()) as { header?: { revision?: string } };
  };
  const { header } = await call('range', { key: Buffer.from('/').toString('base64'), limit: 1 });
  await call('compaction', { revision: header?.revision, physical: true });
}

function accountToken({ namespace, name, uid }: ServiceAccountName, lifetimeSeconds: number, key: string): string {
  const now = Math.floor(Date.now() / 1_000);
  const claims = {
    iss: ISSUER,
    aud: [ISSUER],
    sub: `system:serviceaccount:${namespace}:${name}`,
    iat: now - 60,
    nbf: now - 60,
    exp: now + lifetimeSeconds,
    'kubernetes.io': { namespace, serviceaccount: { name, uid } },
  };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES256' })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}
