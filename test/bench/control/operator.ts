import { readFile } from 'node:fs/promises';
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { freePort } from '../../support/free-port.ts';

const PROGRAM = resolve(import.meta.dirname, '../../../dist/safekeeper-operator.js');
/** `sysconf(_SC_CLK_TCK)` on Linux. */
const TICKS_PER_SECOND = 100;
const POLL_MS = 250;

/** The built operator in a process of its own. */
export class OperatorProcess implements AsyncDisposable {
  private readonly child: ChildProcess;
  private readonly metricsUrl: string;

  private constructor(child: ChildProcess, metricsUrl: string) {
    this.child = child;
    this.metricsUrl = metricsUrl;
  }

  /** Without a lease, so that its writes are those of its work. It may not be ready yet. */
  static async start(kubeconfigPath: string, namespace: string): Promise<OperatorProcess> {
    const address = `127.0.0.1:${await freePort()}`;
    const flags = ['--kubeconfig', kubeconfigPath, '--namespace', namespace, '--health-listen', address];
    const child = fork(PROGRAM, ['operator', ...flags, '--no-leader-elect', '--log-level', 'error'], {
      execArgv: process.env['OPERATOR_NODE_FLAGS']?.split(' ') ?? [],
    });
    return new OperatorProcess(child, `http://${address}/metrics`);
  }

  /** Waits until so many timelines have this reason of Ready. */
  async untilTimelines(reason: string, count: number, timeoutMs: number): Promise<void> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const seen = sum(await this.metrics().catch(() => ''), 'safekeeper_operator_timelines', `reason="${reason}"`);
      if (seen >= count) return;
      if (this.child.exitCode !== null) throw new Error(`the operator ended with ${this.child.exitCode}`);
      if (performance.now() > deadlineMs) throw new Error(`only ${seen} of ${count} timelines became ${reason}`);
      await new Promise((wake) => setTimeout(wake, POLL_MS));
    }
  }

  async metrics(): Promise<string> {
    return await (await fetch(this.metricsUrl)).text();
  }

  /** Everything but reads, so far. */
  async writes(): Promise<number> {
    const text = await this.metrics();
    return ['POST', 'PUT', 'PATCH', 'DELETE'].reduce(
      (total, method) => total + sum(text, 'kube_api_requests_total', `method="${method}"`),
      0,
    );
  }

  async cpuSeconds(): Promise<number> {
    const stat = await readFile(`/proc/${this.child.pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  }

  async peakMib(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    await ended;
  }
}

/** The sum of a metric's series that carry this label. */
export function sum(text: string, name: string, label: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  return lines
    .filter((line) => line.includes(label))
    .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}
