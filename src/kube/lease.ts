import { assert } from '../base/assert.ts';
import { startDeadline } from '../base/deadline.ts';
import { describeError, Failure } from '../base/failure.ts';
import { isApiError } from './api-error.ts';
import type { KubeClient } from './kube-client.ts';
import type { KubeObject, ObjectMeta, ResourceType } from './object.ts';
import type { Runtime } from './runtime.ts';

export interface Lease extends KubeObject {
  readonly spec?: {
    /** Absent once released. */
    readonly holderIdentity?: string;
    readonly leaseDurationSeconds?: number;
    readonly acquireTime?: string;
    readonly renewTime?: string;
    readonly leaseTransitions?: number;
  };
}

export const LEASES: ResourceType<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  plural: 'leases',
  kind: 'Lease',
  namespaced: true,
};

/** client-go's defaults. */
export interface LeaseTimes {
  /** Others take an unrenewed lease over after so long: 15 s. */
  readonly durationMs: number;
  /** The holder gives up when it could not renew for so long: 10 s; less than the duration. */
  readonly renewDeadlineMs: number;
  /** Between tries: 2 s. */
  readonly retryPeriodMs: number;
}

export const DEFAULT_LEASE_TIMES: LeaseTimes = { durationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 };

export interface LeaderElectorOptions {
  readonly client: KubeClient;
  readonly runtime: Runtime;
  readonly namespace: string;
  readonly name: string;
  /** Unique to this process: two with one identity would both lead. */
  readonly identity: string;
  readonly times?: LeaseTimes;
}

/** Held from `acquire` until lost or disposed. Disposing releases the lease, so that the next holder need not wait. */
export interface Leadership extends AsyncDisposable {
  /** Aborted with a Failure `LeadershipLost` at once when the lease could not be renewed in time. */
  readonly signal: AbortSignal;
  /** False also when the process was frozen past its deadline and no timer has noticed yet. */
  isHeld(): boolean;
}

/**
 * Leader election as client-go does it: a lease is free when its record stayed the same for its duration on our own
 * clock, whatever times it holds, so skewed clocks do no harm. A lease does not fence: for a moment two may lead.
 */
export class LeaderElector {
  private readonly options: LeaderElectorOptions;
  private readonly runtime: Runtime;
  private readonly times: LeaseTimes;
  /** The last record seen and when we first saw it. */
  private observed: { readonly version: string | undefined; readonly atMs: number } | undefined;

  constructor(options: LeaderElectorOptions) {
    this.options = options;
    this.runtime = options.runtime;
    this.times = options.times ?? DEFAULT_LEASE_TIMES;
    const { durationMs, renewDeadlineMs, retryPeriodMs } = this.times;
    assert(durationMs > renewDeadlineMs && renewDeadlineMs > retryPeriodMs, 'duration > renew deadline > retry period');
  }

  /** Waits, for as long as it takes, until this process holds the lease. */
  async acquire(signal: AbortSignal): Promise<Leadership> {
    const { clock, log, random, metrics } = this.runtime;
    const { name, identity } = this.options;
    metrics.leader.set({ name }, 0);
    for (;;) {
      const triedAtMs = clock.monotonicMs();
      try {
        const lease = await this.tryTake(signal);
        if (lease !== undefined) {
          log.info({ lease: name, identity }, 'Leadership acquired');
          metrics.leader.set({ name }, 1);
          return this.hold(lease, triedAtMs);
        }
      } catch (error) {
        signal.throwIfAborted();
        log.warn({ lease: name, error: describeError(error) }, 'Lease not reachable');
      }
      await clock.sleep(this.times.retryPeriodMs * (1 + 0.2 * random()), signal);
    }
  }

  /** The lease when it is ours now, undefined while another holds it. */
  private async tryTake(signal: AbortSignal): Promise<Lease | undefined> {
    const { client, namespace, name, identity } = this.options;
    try {
      const lease = await client.get(LEASES, { namespace, name }, signal);
      if (!this.isFree(lease)) return undefined;
      const sameHolder = lease.spec?.holderIdentity === identity;
      const transitions = (lease.spec?.leaseTransitions ?? 0) + (sameHolder ? 0 : 1);
      return await client.replace(LEASES, this.record(lease.metadata, transitions, this.now()), signal);
    } catch (error) {
      if (isApiError(error, 'Conflict') || isApiError(error, 'AlreadyExists')) return undefined;
      if (!isApiError(error, 'NotFound')) throw error;
    }
    try {
      return await client.create(LEASES, this.record({ namespace, name }, 0, this.now()), signal);
    } catch (error) {
      if (isApiError(error, 'AlreadyExists')) return undefined;
      throw error;
    }
  }

  private isFree(lease: Lease): boolean {
    const nowMs = this.runtime.clock.monotonicMs();
    const version = lease.metadata.resourceVersion;
    if (this.observed === undefined || this.observed.version !== version) this.observed = { version, atMs: nowMs };
    const { holderIdentity, leaseDurationSeconds } = lease.spec ?? {};
    if (holderIdentity === undefined || holderIdentity === '' || holderIdentity === this.options.identity) return true;
    const durationMs = leaseDurationSeconds === undefined ? this.times.durationMs : leaseDurationSeconds * 1_000;
    return nowMs - this.observed.atMs >= durationMs;
  }

  private hold(lease: Lease, renewedAtMs: number): Leadership {
    const { clock, log, metrics } = this.runtime;
    const { renewDeadlineMs } = this.times;
    const { name } = this.options;
    const ended = new AbortController();
    const term = { lease, renewedAtMs };
    const isHeld = () => !ended.signal.aborted && clock.monotonicMs() - term.renewedAtMs < renewDeadlineMs;
    const end = (reason: Failure) => {
      if (ended.signal.aborted) return;
      metrics.leader.set({ name }, 0);
      ended.abort(reason);
    };
    const lose = (why: string) => {
      if (ended.signal.aborted) return;
      log.error({ lease: name, why }, 'Leadership lost');
      end(new Failure('LeadershipLost', `the lease ${name} was lost: ${why}`));
    };
    const work = Promise.all([this.watchDeadline(term, lose, ended.signal), this.renew(term, lose, ended.signal)]);
    return {
      signal: ended.signal,
      isHeld,
      [Symbol.asyncDispose]: async () => {
        const held = isHeld();
        end(new Failure('LeadershipReleased', `the lease ${name} was released`));
        await work;
        if (held) await this.release(term.lease);
      },
    };
  }

  /** A renewal that hangs must not delay the end. */
  private async watchDeadline(
    term: { readonly renewedAtMs: number },
    lose: (why: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock } = this.runtime;
    while (!signal.aborted) {
      const leftMs = term.renewedAtMs + this.times.renewDeadlineMs - clock.monotonicMs();
      if (leftMs <= 0) lose('it could not be renewed in time');
      else await clock.sleep(leftMs, signal).catch(() => undefined);
    }
  }

  private async renew(
    term: { lease: Lease; renewedAtMs: number },
    lose: (why: string) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log } = this.runtime;
    const { client, namespace, name, identity } = this.options;
    while (!signal.aborted) {
      await clock.sleep(this.times.retryPeriodMs, signal).catch(() => undefined);
      const startedMs = clock.monotonicMs();
      // A process that was frozen must not renew what has run out meanwhile.
      if (startedMs - term.renewedAtMs >= this.times.renewDeadlineMs) return lose('it was not renewed in time');
      // Half of it, so that one hanging connection does not cost the lease.
      using attempt = startDeadline(this.times.renewDeadlineMs / 2, `the renewal of lease ${name}`, signal);
      try {
        const { metadata, spec } = term.lease;
        const next = this.record(metadata, spec?.leaseTransitions ?? 0, spec?.acquireTime ?? this.now());
        term.lease = await client.replace(LEASES, next, attempt.signal);
        term.renewedAtMs = startedMs;
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ lease: name, error: describeError(error) }, 'Lease not renewed');
        if (!isApiError(error, 'Conflict')) continue;
        // Somebody wrote it: another holder, or an answer of ours got lost.
        const current = await client.get(LEASES, { namespace, name }, attempt.signal).catch(() => undefined);
        if (current === undefined) continue;
        if (current.spec?.holderIdentity !== identity) lose('another process holds it');
        else term.lease = current;
      }
    }
  }

  private async release(lease: Lease): Promise<void> {
    const { client, name } = this.options;
    const { clock, log } = this.runtime;
    const limit = AbortSignal.timeout(this.times.retryPeriodMs);
    const spec = {
      leaseDurationSeconds: 1,
      leaseTransitions: lease.spec?.leaseTransitions ?? 0,
      renewTime: this.now(),
    };
    try {
      await client.replace(LEASES, { ...lease, spec }, limit);
      log.info({ lease: name, atMs: clock.wallTimeMs() }, 'Lease released');
    } catch (error) {
      log.warn({ lease: name, error: describeError(error) }, 'Lease not released, it will expire');
    }
  }

  private record(metadata: ObjectMeta, leaseTransitions: number, acquireTime: string): Lease {
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata,
      spec: {
        holderIdentity: this.options.identity,
        leaseDurationSeconds: Math.max(1, Math.ceil(this.times.durationMs / 1_000)),
        acquireTime,
        renewTime: this.now(),
        leaseTransitions,
      },
    };
  }

  /** Kubernetes' MicroTime. */
  private now(): string {
    return new Date(this.runtime.clock.wallTimeMs()).toISOString().replace('Z', '000Z');
  }
}
