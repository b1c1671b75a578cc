import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { Failure } from '../../src/base/failure.ts';
import { HttpClient } from '../../src/http/client.ts';
import { FUZZ_TIMEOUT_MS, fractions, fuzzRuns } from './runs.ts';

const never = new AbortController().signal;

/** An answer whose content is known. */
interface Answer {
  readonly bytes: Buffer;
  readonly content: Buffer;
}

const contents = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.constantFrom('0\r\n\r\n', '\r\n', '5').map((text) => Buffer.from(text)),
    ),
    {
      maxLength: 6,
    },
  )
  .map((pieces) => pieces.map((piece) => Buffer.from(piece)).filter((piece) => piece.length > 0));
const extensions = fc.constantFrom('', '', ';a', ';a=b;c="d"');
const trailers = fc.constantFrom('', '', 'x-check: 1\r\n');

const answers: fc.Arbitrary<Answer> = fc.oneof(
  fc.tuple(contents, extensions, trailers).map(([pieces, extension, trailer]) => ({
    content: Buffer.concat(pieces),
    bytes: Buffer.concat([
      Buffer.from('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n'),
      ...pieces.flatMap((piece) => [
        Buffer.from(`${piece.length.toString(16)}${extension}\r\n`),
        piece,
        Buffer.from('\r\n'),
      ]),
      Buffer.from(`0\r\n${trailer}\r\n`),
    ]),
  })),
  contents.map((pieces) => {
    const content = Buffer.concat(pieces);
    const head = `HTTP/1.1 200 OK\r\ncontent-length: ${content.length}\r\nConnection: close\r\n\r\n`;
    return { content, bytes: Buffer.concat([Buffer.from(head), content]) };
  }),
);

/** A change somewhere: bytes put in, overwritten or taken out; or the rest cut off. */
const mutations = fc.oneof(
  fc.record({
    kind: fc.constantFrom('Insert' as const, 'Overwrite' as const),
    where: fractions(),
    bytes: fc.oneof(
      fc
        .constantFrom('\r\n', '\n', '\r', '0', '0\r\n\r\n', ' ', ';', '\0', 'Content-Length: 3\r\n')
        .map((text) => Buffer.from(text)),
      fc.uint8Array({ minLength: 1, maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
    ),
  }),
  fc.record({ kind: fc.constant('Remove' as const), where: fractions(), count: fc.integer({ min: 1, max: 5 }) }),
  fc.record({ kind: fc.constant('Cut' as const), where: fractions() }),
);
type Mutation = typeof mutations extends fc.Arbitrary<infer T> ? T : never;

const pieceSizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });

function mutate(bytes: Buffer, mutation: Mutation): Buffer {
  const at = Math.floor(mutation.where * bytes.length);
  switch (mutation.kind) {
    case 'Insert':
      return Buffer.concat([bytes.subarray(0, at), mutation.bytes, bytes.subarray(at)]);
    case 'Overwrite':
      return Buffer.concat([bytes.subarray(0, at), mutation.bytes, bytes.subarray(at + mutation.bytes.length)]);
    case 'Remove':
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + mutation.count)]);
    case 'Cut':
      return bytes.subarray(0, at);
  }
}

/** Answers every request with bytes that may be changed, in pieces of the given sizes, and closes the connection. */
async function startServer() {
  const answer = { bytes: Buffer.alloc(0), sizes: [1] };
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      const { bytes, sizes } = answer;
      for (let at = 0, turn = 0; at < bytes.length; turn++) {
        const size = sizes[turn % sizes.length] ?? 1;
        socket.write(bytes.subarray(at, at + size));
        at += size;
      }
      socket.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/x`;
  return {
    answer,
    url,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => void server.close(() => resolve())),
  };
}

/** The whole content; undefined when the answer or its body is broken, which must be a Failure. */
async function download(client: HttpClient, url: string): Promise<Buffer | undefined> {
  try {
    const { body } = await client.download({ url, timeoutMs: 10_000 }, never);
    const chunks: Buffer[] = [];
    for await (const chunk of body) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  } catch (error) {
    expect(error).toBeInstanceOf(Failure);
    expect((error as Failure).reason).not.toBe('DeadlineExceeded');
    return undefined;
  }
}

/** What Node's own client makes of it. It also refuses what follows the body, which we never look at. */
function downloadByNode(url: string): Promise<Buffer | undefined> {
  return new Promise((resolve) => {
    let response: IncomingMessage | undefined;
    const chunks: Buffer[] = [];
    const finish = () => {
      // Lets out what came in one piece with the bytes behind the body.
      for (let piece: unknown = true; piece !== null; ) piece = response?.read() ?? null;
      resolve(response?.complete === true ? Buffer.concat(chunks) : undefined);
    };
    const exchange = httpRequest(url, { agent: false }, (answer) => {
      response = answer;
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('error', finish);
      answer.on('end', finish);
    });
    exchange.on('error', finish);
    exchange.end();
  });
}

test(
  'an answer comes out as it was sent, in whatever pieces it comes',
  async () => {
    await using server = await startServer();
    await using client = new HttpClient();
    await fc.assert(
      fc.asyncProperty(answers, pieceSizes, async ({ bytes, content }, sizes) => {
        Object.assign(server.answer, { bytes, sizes });
        expect((await download(client, server.url))?.equals(content)).toBe(true);
      }),
      fuzzRuns(150),
    );
  },
  FUZZ_TIMEOUT_MS,
);

test(
  'a changed answer is refused, or means the same to Node’s own client',
  async () => {
    await using server = await startServer();
    await using client = new HttpClient();
    let accepted = 0;
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        answers,
        fc.array(mutations, { minLength: 1, maxLength: 3 }),
        pieceSizes,
        async (answer, list, sizes) => {
          Object.assign(server.answer, { bytes: list.reduce(mutate, answer.bytes), sizes });
          const content = await download(client, server.url);
          if (content === undefined) {
            refused++;
            return;
          }
          accepted++;
          expect((await downloadByNode(server.url))?.toString('latin1')).toBe(content.toString('latin1'));
        },
      ),
      fuzzRuns(300),
    );
    expect(Math.min(accepted, refused)).toBeGreaterThan(5);
  },
  FUZZ_TIMEOUT_MS,
);
