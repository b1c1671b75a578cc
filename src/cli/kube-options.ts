import type { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/log.ts';
import { type AccessSource, kubeConfigAccess } from '../kube/kube-access.ts';
import type { Runtime } from '../kube/runtime.ts';
import { createRegistry, createRuntimeMetrics } from '../observability/metrics.ts';

/** Which API server a command talks to, and as whom. */
export interface ConnectionFlags {
  readonly kubeconfig?: string;
  readonly context?: string;
}

export interface NamespaceFlags extends ConnectionFlags {
  readonly namespace?: string;
}

/** The names that kubectl has are its. */
export function addConnectionOptions(command: Command): Command {
  return command
    .option('--kubeconfig <file>', 'kubeconfig; otherwise $KUBECONFIG, ~/.kube/config or the pod it runs in')
    .option('--context <name>', 'context of the kubeconfig');
}

export function addNamespaceOptions(command: Command): Command {
  return addConnectionOptions(command).option('-n, --namespace <name>', "namespace; otherwise the context's");
}

export function accessOf({ kubeconfig, context }: ConnectionFlags): AccessSource {
  const location = {
    ...(kubeconfig === undefined ? {} : { kubeconfigPath: kubeconfig }),
    ...(context === undefined ? {} : { context }),
  };
  return kubeConfigAccess(location, systemClock);
}

/** What a command of people needs: it logs nothing, and nobody reads its metrics. */
export function interactiveRuntime(): Runtime {
  return {
    clock: systemClock,
    random: Math.random,
    log: createLogger('silent'),
    metrics: createRuntimeMetrics(createRegistry()),
  };
}

/** The namespace that was asked for, else the context's. */
export async function namespaceOf(flags: NamespaceFlags, access: AccessSource): Promise<string> {
  return flags.namespace ?? (await access.current()).namespace ?? 'default';
}

/** ` --context prod`: makes a proposed command go to the same API server. Quoted for a shell where it must be. */
export function connectionArguments({ kubeconfig, context }: ConnectionFlags): string {
  const argument = (flag: string, value: string | undefined) =>
    value === undefined
      ? ''
      : ` ${flag} ${/^[\w./:@%+=-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`}`;
  return argument('--kubeconfig', kubeconfig) + argument('--context', context);
}
