import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { startAgent } from '../agent/agent.ts';
import { systemClock } from '../base/clock.ts';
import { limits } from '../base/limits.ts';
import { createLogger, type LogLevel } from '../base/log.ts';
import { nodeDiskUsage } from '../disk/disk-usage.ts';
import { nodeFileSystem } from '../disk/node-file-system.ts';
import { parseSafekeeperId, type SafekeeperId } from '../domain/ids.ts';
import { HttpClient } from '../http/client.ts';
import { type ListenAddress, parseListenAddress } from './listen-address.ts';
import { stopSignal } from './stop-signal.ts';

interface AgentFlags {
  readonly dataDir: string;
  readonly id?: SafekeeperId;
  readonly listen: ListenAddress;
  readonly logLevel: LogLevel;
}

const LISTEN_DEFAULT = '127.0.0.1:7676';

/**
 * `safekeeper-operator agent`: serves a data directory until SIGTERM or SIGINT, or, when it was started with an IPC
 * channel, until its parent is gone. A parent is sent `{kind: 'listening', url}`. Throws what keeps it from starting.
 */
export function agentCommand(): Command {
  return new Command('agent')
    .description('serve a data directory with the HTTP API of a safekeeper, as donor and recipient')
    .requiredOption('--data-dir <directory>', 'data directory of one safekeeper; must exist')
    .option('--id <number>', 'safekeeper id, needed while the directory has no safekeeper.id', parseId)
    .addOption(
      new Option('--listen <host:port>', 'where to listen; port 0 picks one')
        .argParser(parseListenAddress)
        .default(parseListenAddress(LISTEN_DEFAULT), LISTEN_DEFAULT),
    )
    .addOption(
      new Option('--log-level <level>', 'least severe log lines to write to standard error')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .action(serve);
}

async function serve(flags: AgentFlags): Promise<void> {
  const log = createLogger(flags.logLevel);
  const stop = stopSignal();
  await using http = new HttpClient();
  try {
    const agent = await startAgent(
      {
        dataDirectory: resolve(flags.dataDir),
        ...(flags.id === undefined ? {} : { safekeeperId: flags.id }),
        ...flags.listen,
        files: nodeFileSystem,
        diskUsage: nodeDiskUsage,
        http,
        clock: systemClock,
        random: () => randomBytes(16).toString('hex'),
        log,
      },
      stop,
    );
    log.info({ url: agent.url, safekeeper: agent.safekeeperId.toString() }, 'listening');
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

function parseId(text: string): SafekeeperId {
  const id = parseSafekeeperId(text);
  if (id === undefined) throw new InvalidArgumentError('It must be a number from 0 to 2^64 - 1, for example 3.');
  return id;
}
