/** A receiver of webhooks on a real socket: keeps what came, verified by the reference library, and answers as it is told to. */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { WebhookMessage } from '@holdfast/protocol';
import { Webhook } from 'standardwebhooks';
import { expect } from 'vitest';

export interface Received {
  readonly at: number;
  readonly path: string;
  readonly method: string;
  readonly headers: IncomingMessage['headers'];
  readonly id: string;
  readonly text: string;
  readonly message: WebhookMessage;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** What to answer to a request, or null for nothing at all: the connection stays open. */
export type Answering = (received: Received, earlier: readonly Received[]) => Reply | null | Promise<Reply | null>;

/** Patient, because deliveries have to wait for retries and for other processes on this machine. */
export function eventually<T>(look: () => T, message?: string) {
  return expect.poll(look, { timeout: 15_000, interval: 20, ...(message === undefined ? {} : { message }) });
}

export function newSecret(): string {
  return `whsec_${randomBytes(32).toString('base64')}`;
}

export class WebhookReceiver {
  readonly secret: string;
  /** Everything that came, in order; also what was answered with an error. */
  readonly received: Received[] = [];
  /** What is wrong with requests that came; tests expect nothing. */
  readonly wrong: string[] = [];
  answer: Answering = () => ({});
  readonly #server: Server;
  #port = 0;

  private constructor(secret: string) {
    this.secret = secret;
    this.#server = createServer((request, response) => void this.#take(request, response));
  }

  static async start(given: { readonly port?: number; readonly secret?: string } = {}): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver(given.secret ?? newSecret());
    await receiver.listen(given.port ?? 0);
    return receiver;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  /** As an entry of the setting `webhooks`. */
  entry(more: object = {}): object {
    return { url: this.url, secret: this.secret, ...more };
  }

  get types(): string[] {
    return this.received.map((one) => one.message.type);
  }

  of(type: string): Received[] {
    return this.received.filter((one) => one.message.type === type);
  }

  /** Resolves with everything of the type once there are at least so many. */
  async until(type: string, count = 1): Promise<Received[]> {
    await eventually(() => this.of(type).length).toBeGreaterThanOrEqual(count);
    return this.of(type);
  }

  async listen(port: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, '127.0.0.1', resolve);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const text = Buffer.concat(parts).toString();
    const earlier = [...this.received];
    const one = this.#read(request, text);
    this.received.push(one);
    const reply = await this.answer(one, earlier);
    if (reply === null) return;
    response.writeHead(reply.status ?? 204, reply.headers).end(reply.body);
  }

  #read(request: IncomingMessage, text: string): Received {
    const { headers, url: path = '', method = '' } = request;
    const id = String(headers['webhook-id']);
    try {
      new Webhook(this.secret).verify(text, headers as Record<string, string>);
    } catch (error) {
      this.wrong.push(`${id}: ${error}`);
    }
    const message = JSON.parse(text) as WebhookMessage;
    if (message.id !== id) this.wrong.push(`${id} is ${message.id} in the body`);
    if (headers['content-type'] !== 'application/json') this.wrong.push(`${id}: ${headers['content-type']}`);
    return { at: Date.now(), path, method, headers, id, text, message };
  }
}
