/**
 * A client that remembers what was acknowledged to it: sends the chunks of several uploads in any order over several connections,
 * while the server may die at any moment, and checks after each restart that nothing acknowledged is missing.
 */
import { createHash } from 'node:crypto';
import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';

export interface Reply<T> {
  readonly status: number;
  readonly body: T;
}

/** The connection broke before an answer came: the server is gone, and nobody knows what it did. */
export class NoAnswer extends Error {}

export class Api {
  readonly #url: () => string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });

  constructor(url: () => string) {
    this.#url = url;
  }

  json<T>(method: string, path: string, body?: object): Promise<Reply<T>> {
    const content = body === undefined ? null : Buffer.from(JSON.stringify(body));
    return this.#send<T>({ method, path, content, type: 'application/json' });
  }

  put<T>(path: string, content: Uint8Array, headers: Record<string, string> = {}): Promise<Reply<T>> {
    return this.#send<T>({ method: 'PUT', path, content, type: 'application/octet-stream', headers });
  }

  async bytes(path: string): Promise<Buffer> {
    const { body } = await this.#send<Buffer>({ method: 'GET', path, content: null, type: '', raw: true });
    return body;
  }

  close(): void {
    this.#agent.destroy();
  }

  #send<T>(wish: {
    method: string;
    path: string;
    content: Uint8Array | null;
    type: string;
    raw?: boolean;
    headers?: Record<string, string>;
  }): Promise<Reply<T>> {
    const { method, path, content, type, raw = false } = wish;
    const headers =
      content === null ? {} : { 'content-type': type, 'content-length': content.byteLength, ...wish.headers };
    return new Promise((resolve, reject) => {
      const fail = (cause: unknown) => reject(new NoAnswer(`${method} ${path}`, { cause }));
      const request: ClientRequest = httpRequest(
        this.#url() + path,
        { method, agent: this.#agent, headers },
        (response) => {
          read(response).then((bytes) => {
            const body = (raw ? bytes : JSON.parse(bytes.toString('utf8') || 'null')) as T;
            resolve({ status: response.statusCode ?? 0, body });
          }, fail);
        },
      );
      request.on('error', fail);
      request.end(content ?? undefined);
    });
  }
}

async function read(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of response) parts.push(part as Buffer);
  if (!response.complete) throw new Error('the answer was cut off');
  return Buffer.concat(parts);
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** mulberry32: the same numbers for the same seed. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function seededBytes(random: () => number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length + 3);
  for (let i = 0; i < length; i += 4) bytes.writeUInt32LE(Math.floor(random() * 2 ** 32), Math.min(i, length - 1));
  return bytes.subarray(0, length);
}

export function shuffled<T>(random: () => number, items: readonly T[]): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i -= 1) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}
