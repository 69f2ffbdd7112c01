/**
 * Questions and answers between a supervisor and a worker over the channel that Node keeps between parent and child. An answer that can
 * never come, because the other end is gone, is an error at once.
 */
import { type ErrorCode, errorCatalog, HoldfastError } from '../../core/errors.ts';

/** What travels. `tell` wants no answer. */
type Message =
  | { readonly kind: 'ask'; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'tell'; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly code: string; readonly message: string };

/** One end of a channel: `process` in a worker, a `cluster.Worker` in the supervisor. */
export interface Channel {
  send(message: unknown, sent: (error: Error | null) => void): unknown;
  on(event: 'message', listener: (message: unknown) => void): unknown;
  once(event: 'disconnect', listener: () => void): unknown;
}

type Handler = (...args: never[]) => unknown;

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class Link {
  readonly #channel: Channel;
  readonly #handlers = new Map<string, Handler>();
  readonly #waiting = new Map<number, Waiting>();
  #asked = 0;
  #open = true;

  constructor(channel: Channel) {
    this.#channel = channel;
    channel.on('message', (message) => this.#receive(message as Message));
    channel.once('disconnect', () => this.#close());
  }

  /** Answers questions of this name from now on; what it throws is what the asker gets. */
  answer(name: string, handler: Handler): void {
    this.#handlers.set(name, handler);
  }

  /** Rejects with what the other end threw, or with `unavailable` when it is gone. */
  ask<T>(name: string, ...args: readonly unknown[]): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!this.#open) return reject(gone());
      this.#asked += 1;
      const id = this.#asked;
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#send({ kind: 'ask', id, name, args });
    });
  }

  /** Lost when the other end is gone. */
  tell(name: string, ...args: readonly unknown[]): void {
    if (this.#open) this.#send({ kind: 'tell', name, args });
  }

  #send(message: Message): void {
    this.#channel.send(message, (error) => {
      if (error === null || message.kind !== 'ask') return;
      this.#waiting.get(message.id)?.reject(gone());
      this.#waiting.delete(message.id);
    });
  }

  #receive(message: Message): void {
    if (message.kind === 'ask' || message.kind === 'tell') return void this.#serve(message);
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.kind === 'answer') waiting?.resolve(message.value);
    else waiting?.reject(errorOf(message));
  }

  async #serve(message: Message & { kind: 'ask' | 'tell' }): Promise<void> {
    const reply = (answer: Message) => {
      if (this.#open && message.kind === 'ask') this.#send(answer);
    };
    const id = message.kind === 'ask' ? message.id : 0;
    try {
      const handler = this.#handlers.get(message.name) as ((...args: readonly unknown[]) => unknown) | undefined;
      if (handler === undefined) throw new HoldfastError('unavailable', 'That part of the server is still starting.');
      reply({ kind: 'answer', id, value: await handler(...message.args) });
    } catch (error) {
      const code = error instanceof HoldfastError ? error.code : 'internal';
      reply({ kind: 'error', id, code, message: error instanceof Error ? error.message : String(error) });
    }
  }

  #close(): void {
    this.#open = false;
    for (const waiting of this.#waiting.values()) waiting.reject(gone());
    this.#waiting.clear();
  }
}

function errorOf({ code, message }: Message & { kind: 'error' }): Error {
  const known = code !== 'internal' && code in errorCatalog;
  return known ? new HoldfastError(code as ErrorCode, message) : new Error(message);
}

function gone(): HoldfastError {
  return new HoldfastError('unavailable', 'The process that does this is being started anew. Try again in a moment.');
}
