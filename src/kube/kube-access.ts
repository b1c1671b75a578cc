import type { KubeConfig } from '@kubernetes/client-node';
import type { Clock } from '../base/clock.ts';
import { describeError, Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';

/** How to reach and convince one API server. Holds secrets: never log it. */
export interface KubeAccess {
  /** `https://host:port`, without a trailing slash. */
  readonly server: string;
  /** `Authorization`, and `Impersonate-User` where the user asks for it. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: KubeTls;
  /** The namespace of the context or of the pod. */
  readonly namespace: string | undefined;
}

/** PEM throughout. */
export interface KubeTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly serverName?: string;
  readonly verify: boolean;
}

export interface AccessSource {
  /** At most a minute old. */
  current(): Promise<KubeAccess>;
  /** Reads everything again, unless somebody did since `refused` was handed out. */
  refresh(refused: KubeAccess): Promise<KubeAccess>;
}

export interface KubeConfigLocation {
  /** Otherwise $KUBECONFIG, then ~/.kube/config, then the pod's service account. */
  readonly kubeconfigPath?: string;
  readonly context?: string;
}

/**
 * Access by the ecosystem's own library: in-cluster, kubeconfig, exec plugins, OIDC, client certificates. Its import
 * takes about half a second, so it waits for the first call; sub-paths of the package cost the same.
 */
export function kubeConfigAccess(location: KubeConfigLocation, clock: Clock): AccessSource {
  return new CachedAccess(clock, () => loadKubeConfig(location));
}

/** Fixed access, for an API server in the same process. */
export function fixedAccess(access: KubeAccess): AccessSource {
  return { current: () => Promise.resolve(access), refresh: () => Promise.resolve(access) };
}

/** Keeps the library's own caches short: it would start an exec plugin that names no expiry once a request. */
class CachedAccess implements AccessSource {
  private readonly clock: Clock;
  private readonly load: () => Promise<KubeConfig>;
  private config: Promise<KubeConfig> | undefined;
  private access: Promise<KubeAccess> | undefined;
  private readAtMs = 0;

  constructor(clock: Clock, load: () => Promise<KubeConfig>) {
    this.clock = clock;
    this.load = load;
  }

  current(): Promise<KubeAccess> {
    const expired = this.clock.monotonicMs() - this.readAtMs > limits.kubeAccessLifetimeMs;
    if (this.access === undefined || expired) return this.read();
    return this.access;
  }

  async refresh(refused: KubeAccess): Promise<KubeAccess> {
    const known = this.access;
    const isRefused = known !== undefined && (await known) === refused;
    if (!isRefused || this.access !== known) return await this.current();
    this.config = undefined;
    return await this.read();
  }

  private read(): Promise<KubeAccess> {
    this.config ??= this.load();
    this.readAtMs = this.clock.monotonicMs();
    const access = this.config.then(resolveAccess);
    this.access = access;
    access.catch(() => {
      this.config = undefined;
      if (this.access === access) this.access = undefined;
    });
    return access;
  }
}

async function loadKubeConfig(location: KubeConfigLocation): Promise<KubeConfig> {
  const { FileKubeConfig } = await import('./kube-config.ts');
  const config = new FileKubeConfig();
  try {
    if (location.kubeconfigPath === undefined) config.loadFromDefault();
    else config.loadFromFile(location.kubeconfigPath);
  } catch (cause) {
    const message = `the kubeconfig cannot be read: ${describeError(cause)}`;
    throw new Failure('KubeConfigInvalid', message, { retry: 'after-change', cause });
  }
  if (location.context !== undefined) config.setCurrentContext(location.context);
  // The library refuses plain HTTP unless verification is off; there is nothing to verify on it.
  const clusters = config.clusters.map((cluster) =>
    cluster.server.startsWith('http:') ? { ...cluster, skipTLSVerify: true } : cluster,
  );
  const { contexts, users, currentContext } = config;
  config.loadFromOptions({ clusters, contexts, users, currentContext });
  return config;
}

async function resolveAccess(config: KubeConfig): Promise<KubeAccess> {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    const message = `the kubeconfig has no cluster for its context "${config.getCurrentContext()}"`;
    throw new Failure('KubeConfigInvalid', message, { retry: 'after-change' });
  }
  if (cluster.proxyUrl) {
    throw new Failure('KubeConfigInvalid', 'proxy-url in the kubeconfig is not supported', { retry: 'after-change' });
  }
  const options: Parameters<KubeConfig['applyToHTTPSOptions']>[0] = { headers: {} };
  try {
    await config.applyToHTTPSOptions(options);
  } catch (cause) {
    throw new Failure('CredentialsInvalid', `no Kubernetes credentials: ${describeError(cause)}`, { cause });
  }
  const headers = Object.entries(options.headers ?? {}).map(([name, value]) => [name, String(value).trim()]);
  if (typeof options.auth === 'string') {
    headers.push(['Authorization', `Basic ${Buffer.from(options.auth).toString('base64')}`]);
  }
  const namespace = config.getContextObject(config.getCurrentContext())?.namespace;
  return {
    server: cluster.server.replace(/\/+$/, ''),
    headers: Object.fromEntries(headers) as Record<string, string>,
    tls: {
      verify: options.rejectUnauthorized !== false,
      ...pem('ca', options.ca),
      ...pem('cert', options.cert),
      ...pem('key', options.key),
      ...(options.servername === undefined ? {} : { serverName: options.servername }),
    },
    namespace: namespace === undefined || namespace === '' ? undefined : namespace,
  };
}

function pem<Field extends string>(field: Field, value: unknown): Partial<Record<Field, string>> {
  if (typeof value !== 'string' && !Buffer.isBuffer(value)) return {};
  return { [field]: value.toString() } as Partial<Record<Field, string>>;
}
