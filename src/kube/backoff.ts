export interface BackoffPolicy {
  readonly initialMs: number;
  readonly factor: number;
  readonly capMs: number;
  /** 1 spreads each pause over one to two times its length, so that many clients do not come back together. */
  readonly jitter: number;
}

/** Growing pauses between tries of one thing. */
export class Backoff {
  private readonly policy: BackoffPolicy;
  private readonly random: () => number;
  private baseMs: number;

  constructor(policy: BackoffPolicy, random: () => number) {
    this.policy = policy;
    this.random = random;
    this.baseMs = policy.initialMs;
  }

  nextMs(): number {
    const pauseMs = this.baseMs * (1 + this.policy.jitter * this.random());
    this.baseMs = Math.min(this.baseMs * this.policy.factor, this.policy.capMs);
    return Math.min(pauseMs, this.policy.capMs);
  }

  reset(): void {
    this.baseMs = this.policy.initialMs;
  }
}
