import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { Command, Option } from 'commander';
import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import { createLogger, type LogLevel } from '../base/log.ts';
import { runControllers } from '../controllers/run-controllers.ts';
import { HttpClient, type HttpClientOptions } from '../http/client.ts';
import { listen } from '../http/server.ts';
import { EventRecorder } from '../kube/events.ts';
import { KubeClient } from '../kube/kube-client.ts';
import { lead } from '../kube/lead.ts';
import { DEFAULT_LEASE_TIMES, LeaderElector, type LeaseTimes } from '../kube/lease.ts';
import type { Runtime } from '../kube/runtime.ts';
import { createHealthHandler } from '../observability/health-server.ts';
import { createRegistry, createRuntimeMetrics, registerProcessMetrics } from '../observability/metrics.ts';
import { durationOption } from './duration-option.ts';
import { errorText } from './errors.ts';
import { withExamples } from './help.ts';
import { accessOf, addConnectionOptions, type NamespaceFlags } from './kube-options.ts';
import { type ListenAddress, parseListenAddress } from './listen-address.ts';
import { keepHeapSmall } from './small-heap.ts';
import { stopSignal } from './stop-signal.ts';

interface OperatorFlags extends NamespaceFlags {
  readonly leaseNamespace?: string;
  readonly leaderElect: boolean;
  readonly leaseDuration: number;
  readonly leaseRenewDeadline: number;
  readonly leaseRetryPeriod: number;
  readonly healthListen: ListenAddress;
  readonly logLevel: LogLevel;
  readonly debug?: boolean;
}

const LEASE_NAME = 'safekeeper-operator';
/** Tries are spread by a fifth. */
const LEASE_RETRY_JITTER_MAX = 1.2;

/**
 * `safekeeper-operator operator`: runs the controllers until SIGTERM or SIGINT. Exit code 0 after an orderly end, 1
 * when it cannot start or lost its leadership, 2 for bad usage.
 */
export function operatorCommand(): Command {
  const command = addConnectionOptions(
    new Command('operator').description(
      'watch SafekeeperCluster and SafekeeperTimeline resources and restore lost replicas',
    ),
  )
    .option('-n, --namespace <name>', 'look after one namespace; otherwise all')
    .option('--lease-namespace <name>', "namespace of the leader's lease; otherwise the pod's or context's")
    .option('--no-leader-elect', 'run without a lease; never with two replicas')
    .addOption(
      durationOption(
        '--lease-duration',
        'unrenewed for so long, a lease is taken over',
        DEFAULT_LEASE_TIMES.durationMs,
      ),
    )
    .addOption(
      durationOption(
        '--lease-renew-deadline',
        'the leader gives up when it could not renew for so long; shorter than the duration',
        DEFAULT_LEASE_TIMES.renewDeadlineMs,
      ),
    )
    .addOption(
      durationOption(
        '--lease-retry-period',
        'time between two tries; shorter than the renew deadline',
        DEFAULT_LEASE_TIMES.retryPeriodMs,
      ),
    )
    .option('--health-listen <host:port>', 'where /metrics, /healthz and /readyz are served', parseListenAddress, {
      host: '127.0.0.1',
      port: 8080,
    })
    .addOption(
      new Option('--log-level <level>', 'least severe log lines to write to standard error')
        .choices(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
        .default('info'),
    )
    .action(async (_flags: OperatorFlags, self: Command) => {
      process.exitCode = await operate(self.optsWithGlobals<OperatorFlags>());
    });
  return withExamples(command, [
    ['safekeeper-operator operator', 'all namespaces, with a lease'],
    ['safekeeper-operator operator --context prod -n neon --log-level debug', 'one namespace, from your own machine'],
    ['safekeeper-operator operator --health-listen 0.0.0.0:8080', 'as in a pod: metrics and health for others'],
  ]);
}

async function operate(flags: OperatorFlags): Promise<number> {
  const times = leaseTimes(flags);
  const log = createLogger(flags.logLevel);
  const stop = stopSignal();
  const registry = createRegistry();
  registerProcessMetrics(registry);
  const runtime: Runtime = { clock: systemClock, random: Math.random, log, metrics: createRuntimeMetrics(registry) };
  const access = accessOf(flags);
  const state: { phase: 'standby' | 'starting' | 'running' } = { phase: 'standby' };
  try {
    await using client = new KubeClient(access, runtime);
    const health = createHealthHandler({
      registry,
      liveness: {},
      readiness: { caches: () => (state.phase === 'starting' ? 'the caches are being filled' : undefined) },
    });
    await using server = await listen(health, flags.healthListen);
    log.info({ url: server.url }, 'Serving metrics and health');
    keepHeapSmall();
    const leaseNamespace = flags.leaseNamespace ?? (await access.current()).namespace ?? 'default';
    const identity = `${process.env.HOSTNAME ?? hostname()}_${randomBytes(8).toString('hex')}`;
    const lease = { namespace: leaseNamespace, name: LEASE_NAME, identity, times };
    const elector = flags.leaderElect ? new LeaderElector({ client, runtime, ...lease }) : undefined;
    await lead(elector, stop, async (signal, isLeading) => {
      state.phase = 'starting';
      const instance = process.env.HOSTNAME ?? hostname();
      const events = new EventRecorder({ client, runtime, component: 'safekeeper-operator', instance });
      const ended = new AbortController();
      const sending = events.run(ended.signal);
      const onSynced = () => {
        state.phase = 'running';
        log.info('Controllers are running');
        process.send?.({ kind: 'running' });
      };
      try {
        const openHttp = (options: HttpClientOptions) => new HttpClient(options);
        await runControllers(
          { client, events, runtime, openHttp, registry, namespace: flags.namespace, isLeading, onSynced },
          stop,
          signal,
        );
        await events.flush(AbortSignal.timeout(2_000)).catch(() => undefined);
      } finally {
        ended.abort();
        await sending;
      }
    });
    return 0;
  } catch (error) {
    if (stop.aborted && !(error instanceof Failure)) return 0;
    log.error({ error: errorText(error, flags.debug === true) }, 'Operator ended');
    return 1;
  } finally {
    // An open channel would keep the process.
    if (process.connected) process.disconnect();
  }
}

/** Throws a Failure `BadUsage` for times that would let two lead, or nobody. */
function leaseTimes(flags: OperatorFlags): LeaseTimes {
  const { leaseDuration, leaseRenewDeadline, leaseRetryPeriod } = flags;
  if (leaseDuration > leaseRenewDeadline && leaseRenewDeadline > leaseRetryPeriod * LEASE_RETRY_JITTER_MAX) {
    return { durationMs: leaseDuration, renewDeadlineMs: leaseRenewDeadline, retryPeriodMs: leaseRetryPeriod };
  }
  throw new Failure(
    'BadUsage',
    `error: --lease-duration must be longer than --lease-renew-deadline, and that more than ${LEASE_RETRY_JITTER_MAX} times as long as --lease-retry-period`,
    { retry: 'never' },
  );
}
