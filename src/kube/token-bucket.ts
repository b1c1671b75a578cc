/** Lets a burst through, then one for every `refillMs`. Times are of one monotonic clock. */
export class TokenBucket {
  private readonly burst: number;
  private readonly refillMs: number;
  private tokens: number;
  private filledAtMs: number;

  constructor(burst: number, refillMs: number, nowMs: number) {
    this.burst = burst;
    this.refillMs = refillMs;
    this.tokens = burst;
    this.filledAtMs = nowMs;
  }

  tryTake(nowMs: number): boolean {
    this.tokens = Math.min(this.burst, this.tokens + (nowMs - this.filledAtMs) / this.refillMs);
    this.filledAtMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
