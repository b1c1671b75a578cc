import { request } from 'node:http';
import { connect } from 'node:net';

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
  /** The connection was closed before the body had ended. */
  readonly isCut: boolean;
}

/** One exchange exactly as asked for, with any method, and a body on any of them. A cut body is a value. */
export function exchange(
  url: string,
  asked: {
    readonly method?: string;
    readonly path: string;
    readonly body?: string;
    readonly headers?: Record<string, string>;
  },
): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${asked.path}`, {
      method: asked.method ?? 'GET',
      agent: false,
      headers: {
        ...asked.headers,
        ...(asked.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(asked.body)) }),
      },
    });
    sent.once('error', reject);
    sent.once('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => {});
      response.once('close', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
          isCut: !response.complete,
        }),
      );
    });
    sent.end(asked.body);
  });
}

/** Sends `text` as it is; everything that comes back until the server closes the connection. */
export async function rawExchange(url: string, text: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) answer += String(chunk);
  return answer;
}
