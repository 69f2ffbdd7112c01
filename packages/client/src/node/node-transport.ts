/** Node's transport: node:http(s) with connections kept alive. Bodies go out piece by piece, so that progress and stalls are seen. */
import * as http from 'node:http';
import * as https from 'node:https';
import type { Transport, TransportOptions, TransportRequest, TransportResponse } from '../transport.ts';

/** Bytes handed to the socket at once. */
const pieceBytes = 256 * 1024;
/** Answers are small JSON; more than this is something else. */
const answerBytesMax = 16 * 2 ** 20;

export interface NodeTransport extends Transport {
  /** Closes the connections that are kept. */
  close(): void;
}

export function nodeTransport(): NodeTransport {
  const agents = { http: new http.Agent({ keepAlive: true }), https: new https.Agent({ keepAlive: true }) };
  return {
    send: async (request, options) => {
      const url = new URL(request.url);
      const body = await bodyBytes(request.body);
      const headers: http.OutgoingHttpHeaders = { ...request.headers };
      // POST and PUT without a body have to say so, or some servers wait for one.
      if (body !== null || request.method !== 'GET') headers['content-length'] = body?.byteLength ?? 0;
      const { method } = request;
      const { signal } = options;
      const outgoing =
        url.protocol === 'https:'
          ? https.request(url, { method, headers, signal, agent: agents.https })
          : http.request(url, { method, headers, signal, agent: agents.http });
      return exchange(outgoing, body, options);
    },
    close: () => {
      agents.http.destroy();
      agents.https.destroy();
    },
  };
}

async function bodyBytes(body: TransportRequest['body']): Promise<Uint8Array | null> {
  if (body === null) return null;
  if (typeof body === 'string') return Buffer.from(body);
  return body instanceof Blob ? new Uint8Array(await body.arrayBuffer()) : body;
}

function exchange(
  outgoing: http.ClientRequest,
  body: Uint8Array | null,
  { onSent }: TransportOptions,
): Promise<TransportResponse> {
  return new Promise((resolve, reject) => {
    let answered = false;
    outgoing.on('error', (error) => {
      // A server that refuses a body early answers and hangs up; the answer counts.
      if (!answered) reject(error);
    });
    outgoing.on('response', (incoming) => {
      answered = true;
      readAnswer(incoming).then((answer) => {
        // The rest of the body is of no use to a server that has answered; the connection cannot be used again either.
        if (!outgoing.writableFinished) outgoing.destroy();
        resolve(answer);
      }, reject);
    });
    const write = (from: number) => {
      if (body === null || from >= body.byteLength) {
        outgoing.end();
        return;
      }
      const to = Math.min(from + pieceBytes, body.byteLength);
      outgoing.write(body.subarray(from, to), (error) => {
        if (error !== undefined && error !== null) return;
        onSent?.(to);
        if (!answered && !outgoing.destroyed) write(to);
      });
    };
    write(0);
  });
}

async function readAnswer(incoming: http.IncomingMessage): Promise<TransportResponse> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of incoming as AsyncIterable<Buffer>) {
    bytes += piece.byteLength;
    if (bytes > answerBytesMax) throw new Error('The answer is too long.');
    pieces.push(piece);
  }
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return { status: incoming.statusCode ?? 0, headers, text: Buffer.concat(pieces).toString('utf8') };
}
