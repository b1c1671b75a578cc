import { once } from 'node:events';
import { Command, InvalidArgumentError, Option } from 'commander';
import { startAgent } from '../agent/agent.ts';
import { systemClock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { createLogger, type LogLevel } from '../base/log.ts';
import { randomName } from '../base/random-name.ts';
import { nodeDiskUsage } from '../disk/disk-usage.ts';
import { nodeFileSystem } from '../disk/node-file-system.ts';
import type { SafekeeperId } from '../domain/ids.ts';
import { HttpClient } from '../http/client.ts';
import { createRegistry, registerProcessMetrics } from '../observability/metrics.ts';
import type { RemoteStorageLocation } from '../remote-storage/location.ts';
import { openRemoteStorage } from '../remote-storage/open-remote-storage.ts';
import { addCredentialOptions, type CredentialFlags, openIncoming, openOutgoing } from './agent-credentials.ts';
import { durationOption } from './duration-option.ts';
import { withExamples } from './help.ts';
import { type ListenAddress, parseListenAddress } from './listen-address.ts';
import { remoteStorageOption } from './remote-storage.ts';
import { parseSafekeeperIdArgument } from './safekeeper-id-argument.ts';
import { resolveDataDirectory } from './resolve-data-directory.ts';
import { keepHeapSmall } from './small-heap.ts';
import { stopSignal } from './stop-signal.ts';

interface AgentFlags extends CredentialFlags, LimitFlags {
  readonly dataDir: string;
  readonly id?: SafekeeperId;
  readonly listen: ListenAddress;
  readonly remoteStorage?: RemoteStorageLocation;
  readonly logLevel: LogLevel;
}

const LISTEN_DEFAULT = '127.0.0.1:7676';
const LOOPBACK = /^(127\.[0-9.]+|::1|localhost)$/;

/** How far clients may go; times in milliseconds. */
interface LimitFlags {
  readonly maxConnections: number;
  readonly maxBodyBytes: number;
  readonly headersTimeout: number;
  readonly requestTimeout: number;
  readonly idleTimeout: number;
}

/**
 * `safekeeper-operator agent`: serves a data directory until SIGTERM or SIGINT, or, when it was started with an IPC
 * channel, until its parent is gone. A parent is sent `{kind: 'listening', url}`. Throws what keeps it from starting.
 */
export function agentCommand(): Command {
  const command = new Command('agent')
    .description('serve a data directory with the HTTP API of a safekeeper, as donor and recipient')
    .requiredOption('--data-dir <directory>', 'data directory of one safekeeper; must exist')
    .option(
      '--id <number>',
      'safekeeper id, needed while the directory has no safekeeper.id',
      parseSafekeeperIdArgument,
    )
    .addOption(
      new Option('--listen <host:port>', 'where to listen; port 0 picks one')
        .argParser(parseListenAddress)
        .default(parseListenAddress(LISTEN_DEFAULT), LISTEN_DEFAULT),
    )
    .addOption(remoteStorageOption())
    .addOption(
      new Option('--log-level <level>', 'least severe log lines to write to standard error')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    );
  return withExamples(addLimitOptions(addCredentialOptions(command)).action(serve), [
    ['safekeeper-operator agent --data-dir /data', 'for tools on this machine'],
    ['safekeeper-operator agent --data-dir /data --id 3 --listen 0.0.0.0:7676', 'an empty directory, for its peers'],
    [
      'safekeeper-operator agent --data-dir /data --listen 0.0.0.0:7676 --http-auth-public-key-path /keys --auth-token-path /token',
      'with tokens, its own and those of its clients',
    ],
  ]);
}

function addLimitOptions(command: Command): Command {
  const { connectionsMax, requestBodyBytesMax } = limits;
  const { requestHeadersTimeoutMs, requestTimeoutMs, connectionIdleTimeoutMs } = limits;
  return command
    .option('--max-connections <number>', 'clients at once', parseCount, connectionsMax)
    .option('--max-body-bytes <number>', 'length of a request body', parseCount, requestBodyBytesMax)
    .addOption(
      durationOption('--headers-timeout', 'for the headers of a request, or a TLS handshake', requestHeadersTimeoutMs),
    )
    .addOption(durationOption('--request-timeout', 'for a request with its body', requestTimeoutMs))
    .addOption(durationOption('--idle-timeout', 'for the next request on a connection', connectionIdleTimeoutMs));
}

async function serve(flags: AgentFlags): Promise<void> {
  const log = createLogger(flags.logLevel);
  const stop = stopSignal();
  const registry = createRegistry();
  registerProcessMetrics(registry);
  try {
    const { tokens, server } = await openIncoming(flags, log);
    await using http = new HttpClient(await openOutgoing(flags, process.env, log));
    await using remoteStorage = flags.remoteStorage && openRemoteStorage(flags.remoteStorage, randomName);
    const agent = await startAgent(
      {
        dataDirectory: await resolveDataDirectory(flags.dataDir),
        ...(flags.id === undefined ? {} : { safekeeperId: flags.id }),
        ...flags.listen,
        ...(tokens === undefined ? {} : { tokens }),
        server: {
          ...server,
          connectionsMax: flags.maxConnections,
          requestBodyBytesMax: flags.maxBodyBytes,
          headersTimeoutMs: flags.headersTimeout,
          requestTimeoutMs: flags.requestTimeout,
          idleTimeoutMs: flags.idleTimeout,
        },
        registry,
        files: nodeFileSystem,
        diskUsage: nodeDiskUsage,
        http,
        ...(remoteStorage === undefined ? {} : { remoteStorage }),
        clock: systemClock,
        random: randomName,
        log,
      },
      stop,
    );
    keepHeapSmall();
    log.info({ url: agent.url, safekeeper: agent.safekeeperId.toString() }, 'listening');
    if (tokens === undefined && !LOOPBACK.test(flags.listen.host))
      log.warn('everybody who can reach this agent may use it');
    process.send?.({ kind: 'listening', url: agent.url });
    if (!stop.aborted) await once(stop, 'abort');
    log.info({ cause: String(stop.reason) }, 'stopping');
    await agent.close(limits.agentShutdownGraceMs);
  } catch (error) {
    if (error !== stop.reason) throw error;
  } finally {
    // An open channel would keep the process.
    if (process.connected) process.disconnect();
  }
}

function parseCount(text: string): number {
  const count = Number(text);
  if (/^[1-9][0-9]*$/.test(text) && Number.isSafeInteger(count)) return count;
  throw new InvalidArgumentError('It must be a whole number above 0, for example 1000.');
}
