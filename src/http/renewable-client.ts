import { Failure } from '../base/failure.ts';
import type { HttpClient, HttpClientOptions, HttpRequest, HttpResponse, HttpSender, HttpStream } from './client.ts';

export type OpenHttp = (options: HttpClientOptions) => HttpClient;

/** One set of connections, and how many calls are using it. */
interface Pool {
  readonly http: HttpClient;
  calls: number;
  retired: boolean;
}

/**
 * Requests over connections that are replaced as a whole when what they are made of changes. Whatever is under way on
 * the old ones goes on undisturbed; they are closed when the last of it has ended.
 */
export class RenewableHttpClient implements HttpSender, AsyncDisposable {
  private readonly open: OpenHttp;
  /** All whose connections are not closed yet. */
  private readonly pools = new Set<Pool>();
  private pool: Pool | undefined;

  /** Before the first {@link renew}, and after {@link close}, every request fails as `Unreachable`. */
  constructor(open: OpenHttp) {
    this.open = open;
  }

  /** Every request from now on goes over new connections. */
  renew(options: HttpClientOptions): void {
    this.close();
    this.pool = { http: this.open(options), calls: 0, retired: false };
    this.pools.add(this.pool);
  }

  /** Nothing more is sent. */
  close(): void {
    const last = this.pool;
    this.pool = undefined;
    if (last === undefined) return;
    last.retired = true;
    this.closeIdle(last);
  }

  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
    return await this.with((http) => http.request(request, signal));
  }

  async stream(request: HttpRequest, signal: AbortSignal): Promise<HttpStream> {
    // The body outlives the call; closing the connections waits for it.
    return await this.with((http) => http.stream(request, signal));
  }

  /** Ends the requests under way, too. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await Promise.all([...this.pools].map(({ http }) => http[Symbol.asyncDispose]()));
  }

  private async with<Result>(call: (http: HttpClient) => Promise<Result>): Promise<Result> {
    const { pool } = this;
    if (pool === undefined) throw new Failure('Unreachable', 'there is no connection to send this over');
    pool.calls++;
    try {
      return await call(pool.http);
    } finally {
      pool.calls--;
      this.closeIdle(pool);
    }
  }

  private closeIdle(pool: Pool): void {
    if (!pool.retired || pool.calls > 0) return;
    const forget = () => void this.pools.delete(pool);
    // Whoever ends it in the meantime makes this fail.
    pool.http.close().then(forget, forget);
  }
}
