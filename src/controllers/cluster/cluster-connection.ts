import type { ClusterSpec } from '../../api/cluster-spec.ts';
import { limits } from '../../base/limits.ts';
import type { Clock } from '../../base/clock.ts';
import { startDeadline } from '../../base/deadline.ts';
import { describeError } from '../../base/failure.ts';
import type { Logger } from '../../base/log.ts';
import type { HttpClientOptions, HttpRequest, HttpSender, HttpStream, TokenSource } from '../../http/client.ts';
import { type OpenHttp, RenewableHttpClient } from '../../http/renewable-client.ts';
import type { KubeClient } from '../../kube/kube-client.ts';
import type { ObjectName } from '../../kube/object.ts';
import { type CredentialProblem, type Credentials, type CredentialSettings, readCredentials } from './credentials.ts';

export interface ClusterConnectionOptions {
  readonly cluster: Required<ObjectName>;
  readonly client: Pick<KubeClient, 'get'>;
  readonly openHttp: OpenHttp;
  readonly clock: Clock;
  readonly log: Logger;
}

export type ConnectionSettings = CredentialSettings & {
  readonly recovery: Pick<ClusterSpec['recovery'], 'maxPerRecipient'>;
};

/** What may be used now. */
export type Readiness =
  | { readonly kind: 'Ready'; readonly credentials: Credentials; readonly problem: undefined }
  /** The references cannot be read any more; what they last gave stays in use. */
  | { readonly kind: 'Outdated'; readonly credentials: Credentials; readonly problem: CredentialProblem }
  /** The references have never given anything that can be used. */
  | { readonly kind: 'Unusable'; readonly problem: CredentialProblem };

interface Applied {
  readonly settings: ConnectionSettings;
  readonly credentials: Credentials;
}

/**
 * One cluster's way to its safekeepers and its storage controller, with the credentials that its spec refers to. They
 * are read again at every {@link read}, when they are older than `limits.secretRecheckMs` at a request, and at once
 * when they were refused. A new token goes along with the next request, new TLS material makes new connections.
 */
export class ClusterConnection implements AsyncDisposable {
  readonly safekeepers: HttpSender;
  readonly storageController: HttpSender;
  private readonly options: ClusterConnectionOptions;
  private readonly toSafekeepers: RenewableHttpClient;
  private readonly toStorageController: RenewableHttpClient;
  private readonly closed = new AbortController();
  private applied: Applied | undefined;
  private readAtMs = Number.NEGATIVE_INFINITY;
  private reading: Promise<void> | undefined;

  constructor(options: ClusterConnectionOptions) {
    this.options = options;
    this.toSafekeepers = new RenewableHttpClient(options.openHttp);
    this.toStorageController = new RenewableHttpClient(options.openHttp);
    this.safekeepers = withoutSecrets(this.toSafekeepers, () => this.applied?.credentials);
    this.storageController = withoutSecrets(this.toStorageController, () => this.applied?.credentials);
  }

  /** Reads what the settings refer to; it is used once it is applied. Throws when the API server does not answer. */
  async read(settings: CredentialSettings, signal: AbortSignal): Promise<Readiness> {
    const { client, cluster, log, clock } = this.options;
    const known = sameReferences(this.applied?.settings, settings) ? this.applied?.credentials : undefined;
    this.readAtMs = clock.monotonicMs();
    try {
      const read = await readCredentials(client, cluster.namespace, settings, known, signal);
      if (read.kind === 'Read') return { kind: 'Ready', credentials: read.credentials, problem: undefined };
      const { problem } = read;
      return known === undefined ? { kind: 'Unusable', problem } : { kind: 'Outdated', credentials: known, problem };
    } catch (error) {
      signal.throwIfAborted();
      if (known === undefined) throw error;
      log.debug(
        { cluster: `${cluster.namespace}/${cluster.name}`, error: describeError(error) },
        'Credentials not read',
      );
      return { kind: 'Ready', credentials: known, problem: undefined };
    }
  }

  /** Uses these from the next request on. Requests under way are left alone. */
  apply(settings: ConnectionSettings, credentials: Credentials): void {
    const before = this.applied;
    this.applied = { settings, credentials };
    if (before !== undefined && poolKey(before) === poolKey(this.applied)) return;
    const { tls } = credentials;
    const { serverName } = settings.tls ?? {};
    this.toSafekeepers.renew({
      ...tls,
      token: this.tokenSource((current) => current.token),
      // A pull has one of its recipient's connections for as long as it takes; looking must go on beside it.
      connectionsPerHostMax: PROBE_CONNECTIONS + settings.recovery.maxPerRecipient,
      ...(serverName === undefined ? {} : { serverName }),
    });
    const controller: HttpClientOptions = {
      token: this.tokenSource((current) => current.storageControllerToken),
      connectionsPerHostMax: CONTROLLER_CONNECTIONS,
      ...(tls.ca === undefined ? {} : { ca: tls.ca }),
    };
    this.toStorageController.renew(controller);
  }

  /** Nothing more is sent, and nothing is read again. */
  close(): void {
    this.closed.abort();
    this.toSafekeepers.close();
    this.toStorageController.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.all([this.toSafekeepers[Symbol.asyncDispose](), this.toStorageController[Symbol.asyncDispose]()]);
  }

  /** Requests never wait for the API server, which may be away for hours; only one that was refused does. */
  private tokenSource(select: (credentials: Credentials) => string | undefined): TokenSource {
    const token = () => (this.applied === undefined ? undefined : select(this.applied.credentials));
    return {
      current: () => {
        if (this.ageMs() >= limits.secretRecheckMs) void this.readAgain();
        return Promise.resolve(token());
      },
      refresh: async () => {
        if (this.reading !== undefined || this.ageMs() >= limits.credentialRecheckMs) await this.readAgain();
        return token();
      },
    };
  }

  private ageMs(): number {
    return this.options.clock.monotonicMs() - this.readAtMs;
  }

  /** Once for everybody who asks meanwhile. Never throws: what is wrong the cluster's next visit says. */
  private readAgain(): Promise<void> {
    this.reading ??= this.readAndApply()
      .catch(() => undefined)
      .finally(() => (this.reading = undefined));
    return this.reading;
  }

  private async readAndApply(): Promise<void> {
    const { applied } = this;
    if (applied === undefined) return;
    using deadline = startDeadline(limits.probeTimeoutMs, 'reading credentials', this.closed.signal);
    const readiness = await this.read(applied.settings, deadline.signal);
    // A spec that came meanwhile has brought its own.
    if (readiness.kind !== 'Unusable' && this.applied === applied) this.apply(applied.settings, readiness.credentials);
  }
}

const PROBE_CONNECTIONS = 8;
const CONTROLLER_CONNECTIONS = 4;

/** Servers like to quote what they refuse, and their words go into logs and statuses. */
function withoutSecrets(http: HttpSender, credentials: () => Credentials | undefined): HttpSender {
  /** The token may be replaced in between. */
  const hide = (before: Credentials | undefined, text: string) =>
    [before, credentials()]
      .flatMap((known) => [known?.token, known?.storageControllerToken])
      .filter((secret) => secret !== undefined)
      .reduce((rest, secret) => rest.replaceAll(secret, '[token]'), text);
  return {
    request: async (request: HttpRequest, signal: AbortSignal) => {
      const before = credentials();
      const response = await http.request(request, signal);
      return response.status < 400 ? response : { ...response, text: hide(before, response.text) };
    },
    stream: async (request: HttpRequest, signal: AbortSignal) => {
      const before = credentials();
      const stream = await http.stream(request, signal);
      return stream.status < 400 ? stream : { ...stream, body: rewritten(stream.body, (text) => hide(before, text)) };
    },
  };
}

/** An error's body as a whole, as far as it is worth reading. */
function rewritten(body: HttpStream['body'], rewrite: (text: string) => string): HttpStream['body'] {
  async function* read(): AsyncGenerator<Buffer> {
    let text = '';
    for await (const chunk of body) {
      text += chunk.toString('utf8');
      if (text.length > limits.errorBodyBytesMax) break;
    }
    yield Buffer.from(rewrite(text));
  }
  return Object.assign(read(), { destroy: (error?: Error) => body.destroy(error) });
}

function sameReferences(a: CredentialSettings | undefined, b: CredentialSettings): boolean {
  return a !== undefined && referenceKey(a) === referenceKey(b);
}

function referenceKey({ tokenSecretRef, tls, storageController }: CredentialSettings): string {
  return JSON.stringify([tokenSecretRef, tls, storageController?.tokenSecretRef]);
}

/** What connections are made of. */
function poolKey({ settings, credentials }: Applied): string {
  return JSON.stringify([credentials.tls, settings.tls?.serverName, settings.recovery.maxPerRecipient]);
}
