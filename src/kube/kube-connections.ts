import { limits } from '../base/limits.ts';
import { HttpClient } from '../http/client.ts';
import { untilAborted } from './abort.ts';
import type { AccessSource, KubeAccess } from './kube-access.ts';

/** Pools made for one set of credentials. Watches have their own: they would occupy the connections of calls. */
export interface KubeConnection {
  readonly access: KubeAccess;
  readonly calls: HttpClient;
  readonly watches: HttpClient;
}

/** Connections to one API server that follow its credentials. */
export class KubeConnections implements AsyncDisposable {
  private readonly access: AccessSource;
  private current: KubeConnection | undefined;

  constructor(access: AccessSource) {
    this.access = access;
  }

  /** Sends once; after a 401, once more with credentials that were read again. */
  async send<R extends { readonly status: number }>(
    request: (connection: KubeConnection) => Promise<R>,
    signal: AbortSignal,
  ): Promise<R> {
    const connection = await this.connectionFor(await untilAborted(this.access.current(), signal));
    const response = await request(connection);
    if (response.status !== 401) return response;
    const renewed = await untilAborted(this.access.refresh(connection.access), signal);
    return await request(await this.connectionFor(renewed));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const last = this.current;
    this.current = undefined;
    await close(last);
  }

  /** A new token needs no new connections; another server or new TLS material does, and ends what runs on the old. */
  private async connectionFor(access: KubeAccess): Promise<KubeConnection> {
    const last = this.current;
    if (last?.access === access) return last;
    const connection = last !== undefined && sameEndpoint(last.access, access) ? { ...last, access } : open(access);
    this.current = connection;
    if (last !== undefined && last.calls !== connection.calls) await close(last);
    return connection;
  }
}

function sameEndpoint(a: KubeAccess, b: KubeAccess): boolean {
  return a.server === b.server && JSON.stringify(a.tls) === JSON.stringify(b.tls);
}

function open(access: KubeAccess): KubeConnection {
  const { ca, cert, key, serverName, verify } = access.tls;
  const tls = {
    tlsVerify: verify,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined || key === undefined ? {} : { clientCertificate: { cert, key } }),
    ...(serverName === undefined ? {} : { serverName }),
  };
  return {
    access,
    calls: new HttpClient({ ...tls, connectionsPerHostMax: limits.kubeConnectionsMax }),
    watches: new HttpClient({ ...tls, connectionsPerHostMax: limits.kubeWatchesMax }),
  };
}

async function close(connection: KubeConnection | undefined): Promise<void> {
  await Promise.all([connection?.calls[Symbol.asyncDispose](), connection?.watches[Symbol.asyncDispose]()]);
}
