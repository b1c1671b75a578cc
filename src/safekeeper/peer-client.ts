import { Failure } from '../base/failure.ts';
import type { SafekeeperId, TenantTimelineId } from '../domain/ids.ts';
import type { HttpClient } from '../http/client.ts';
import type { Download } from '../http/download.ts';
import { SafekeeperClient, timelinePath } from './client.ts';
import { readErrorBody } from './error-body.ts';

/** A safekeeper as other safekeepers ask it: it also sends them its timelines. */
export class PeerClient extends SafekeeperClient {
  private readonly peer: HttpClient;

  constructor(options: { readonly http: HttpClient; readonly url: string }) {
    super(options);
    this.peer = options.http;
  }

  /**
   * The timeline as a tar archive for safekeeper `destination`. The iteration throws when the body is cut; whether it
   * is complete the content must tell. A chunk is only good until the next one is asked for. The caller reads or destroys
   * the body, which may have the content coding that is offered; `isCoded` tells.
   */
  async snapshot(
    timeline: TenantTimelineId,
    destination: SafekeeperId,
    signal: AbortSignal,
    coding?: string,
  ): Promise<Download & { readonly isCoded: boolean }> {
    const path = `${timelinePath(timeline)}/snapshot/${destination}`;
    const offer = coding === undefined ? {} : { headers: { 'accept-encoding': coding } };
    const stream = await this.peer.download({ ...this.toRequest({ method: 'GET', path }), ...offer }, signal);
    if (stream.status !== 200) {
      const text = await readErrorBody(stream, signal);
      throw this.refusal({ status: stream.status, headers: stream.headers, text });
    }
    if (stream.headers['transfer-encoding'] === undefined && stream.headers['content-length'] === undefined) {
      stream.body.destroy();
      throw new Failure('UnexpectedAnswer', `${this.url}: the snapshot is not framed, a cut could not be seen`);
    }
    const sent = stream.headers['content-encoding'];
    if (sent !== undefined && sent !== coding) {
      stream.body.destroy();
      throw new Failure('UnexpectedAnswer', `${this.url}: nobody asked for the content coding ${String(sent)}`);
    }
    return { ...stream, isCoded: sent !== undefined };
  }
}
