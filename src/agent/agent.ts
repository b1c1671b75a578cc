import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { limits } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { DiskUsageProbe } from '../disk/disk-usage.ts';
import type { FileSystem } from '../disk/file-system.ts';
import { acquirePidLock } from '../disk/pid-lock.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import type { HttpClient } from '../http/client.ts';
import { listen, type ListenOptions, type RunningServer } from '../http/server.ts';
import type { TokenVerifier } from '../http/token-verifier.ts';
import { createAgentMetrics } from '../observability/agent-metrics.ts';
import { createRegistry, type Registry } from '../observability/metrics.ts';
import type { RemoteStorage } from '../remote-storage/remote-storage.ts';
import type { DonateOptions } from '../transfer/donate.ts';
import { readSafekeeperId } from '../transfer/safekeeper-identity.ts';
import { TimelineMap } from '../transfer/timeline-map.ts';
import { TransferRegistry } from '../transfer/transfer-progress.ts';
import { observeAgent } from './observed-agent.ts';
import { createDispatcher, type Dispatcher } from './request-listener.ts';
import { createRoutes } from './routes.ts';

/** What clients may do to an agent's server; the defaults are those of {@link ListenOptions}. */
export interface AgentServerOptions extends Omit<ListenOptions, 'host' | 'port'> {
  /** `limits.requestBodyBytesMax` unless given. */
  readonly requestBodyBytesMax?: number;
}

export interface AgentOptions {
  /** Absolute; must exist. */
  readonly dataDirectory: string;
  /** Needed only while the data directory has no `safekeeper.id`. */
  readonly safekeeperId?: SafekeeperId;
  readonly host: string;
  /** 0 lets the system pick. */
  readonly port: number;
  readonly server?: AgentServerOptions;
  /** Checks the tokens of clients; without it nobody needs one. */
  readonly tokens?: TokenVerifier;
  /** For the agent's metrics, and whatever else `GET /metrics` shall show; a new one unless given. */
  readonly registry?: Registry;
  readonly files: FileSystem;
  readonly diskUsage: DiskUsageProbe;
  /** For reaching other safekeepers; stays the caller's. */
  readonly http: HttpClient;
  /** Where safekeepers keep what is not on their disks; stays the caller's. */
  readonly remoteStorage?: RemoteStorage;
  readonly clock: Clock;
  /** Letters and digits, different at each call. */
  readonly random: () => string;
  readonly log: Logger;
  /** Longest standstill of a snapshot or a pull; `limits.snapshotStallTimeoutMs` unless given. */
  readonly stallTimeoutMs?: number;
  /** For tests that need a snapshot to be under way. */
  readonly afterSnapshotList?: DonateOptions['afterList'];
}

/** An agent that answers requests. Disposing it breaks off what runs. */
export interface RunningAgent extends AsyncDisposable {
  readonly safekeeperId: SafekeeperId;
  /** Without a trailing slash: `http://127.0.0.1:7676`. */
  readonly url: string;
  /**
   * Takes no new connections, lets running requests finish for `graceMs`, breaks off the rest, and gives the data
   * directory free once nothing touches it any more.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Serves a data directory with the HTTP API of a safekeeper. Takes the directory's pid lock, so that no safekeeper and no
 * other agent can run on it. Failures: those of the lock, of `safekeeper.id` and of reading the directory, and
 * `CannotListen`.
 */
export async function startAgent(options: AgentOptions, signal: AbortSignal): Promise<RunningAgent> {
  const lock = await acquirePidLock(options.dataDirectory);
  try {
    return await startLocked(options, lock, signal);
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

/** The lock passes to the running agent; it stays the caller's when this throws. */
async function startLocked(options: AgentOptions, lock: AsyncDisposable, signal: AbortSignal): Promise<RunningAgent> {
  const { files, dataDirectory, clock, random, log } = options;
  const safekeeperId = await readSafekeeperId(files, dataDirectory, options.safekeeperId);
  const timelines = await TimelineMap.open({ files, dataDirectory, safekeeperId, clock, random, log }, signal);
  const stallTimeoutMs = options.stallTimeoutMs ?? limits.snapshotStallTimeoutMs;
  const transfers = new TransferRegistry(clock);
  const registry = options.registry ?? createRegistry();
  const metrics = createAgentMetrics(registry, observeAgent(timelines, transfers));
  let listenAddress = '';
  const router = createRoutes({
    safekeeperId,
    dataDirectory,
    timelines,
    transfers,
    metrics,
    registry,
    files,
    diskUsage: options.diskUsage,
    http: options.http,
    remoteStorage: options.remoteStorage,
    clock,
    stallTimeoutMs,
    afterSnapshotList: options.afterSnapshotList,
    listenAddress: () => listenAddress,
  });
  const dispatcher = createDispatcher({
    router,
    tokens: options.tokens,
    metrics,
    clock,
    log,
    newRequestId: random,
    stallTimeoutMs,
    requestBodyBytesMax: options.server?.requestBodyBytesMax ?? limits.requestBodyBytesMax,
  });
  const server = await listenOrExplain(dispatcher, options);
  listenAddress = `${server.host}:${server.port}`;
  const close = async (graceMs: number) => {
    await server.close(graceMs);
    // Handlers whose connection was closed still tidy up.
    await dispatcher.settled();
    await lock[Symbol.asyncDispose]();
  };
  return { safekeeperId, url: server.url, close, [Symbol.asyncDispose]: () => close(0) };
}

async function listenOrExplain(dispatcher: Dispatcher, options: AgentOptions): Promise<RunningServer> {
  const { host, port, server } = options;
  try {
    return await listen(dispatcher.listener, { ...server, host, port });
  } catch (cause) {
    throw new Failure('CannotListen', `cannot listen on ${host}:${port}`, { retry: 'after-change', cause });
  }
}
