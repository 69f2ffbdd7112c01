/**
 * One live stream of everything (`/v1/events`), shared by the whole page: HTTP/1.1 leaves six connections to a server, uploads need most of them.
 *
 * States: closed → connecting → open ⇄ lost. The browser's EventSource goes on by itself after a broken connection, with
 * Last-Event-ID. After an answer that is not a stream (401, a proxy's 502) it gives up for good: then a new one is made,
 * which starts after the last event that was seen, with a growing wait.
 */
import type { LogEvent } from '@holdfast/protocol';
import { createStore, type Watchable } from '../state/store.ts';

export type Connection = 'closed' | 'connecting' | 'open' | 'lost';

/** What we use of an EventSource. */
export interface Source {
  readonly readyState: number;
  addEventListener(type: string, listener: (event: Event) => void): void;
  close(): void;
}

export interface EventStreamOptions {
  open(url: string): Source;
  /** Position of the newest event: what was before is not news. Rejects when the server cannot be asked. */
  newestId(): Promise<number>;
  setTimer(run: () => void, ms: number): () => void;
  /** The source gave up; asked before a new one is made, so that a 401 is noticed. */
  onGivenUp(): void;
}

export interface EventStream {
  readonly connection: Watchable<Connection>;
  /** Every event once, in order. Returns the function that stops it. */
  listen(listener: (event: LogEvent) => void): () => void;
  /** Starts with the first user and stops with the last: safe under StrictMode. */
  use(): () => void;
}

/** The server names each event by its type; EventSource only delivers names that were asked for. */
export const eventTypes = [
  'message',
  ...['created', 'progress', 'paused', 'resumed', 'validating', 'assembling', 'completed', 'cancelled', 'expired'],
  ...['failed', 'bytes-dropped', 'run.created', 'run.succeeded', 'run.failed', 'run.cancelling', 'run.cancelled'],
  ...['step.started', 'step.progress', 'step.succeeded', 'step.skipped', 'step.retrying', 'step.failed'],
  ...['step.cancelling', 'step.cancelled'],
];

const firstWaitMs = 1_000;
const longestWaitMs = 15_000;
const closedState = 2;

export function createEventStream(options: EventStreamOptions): EventStream {
  return new ReconnectingStream(options);
}

class ReconnectingStream implements EventStream {
  readonly connection = createStore<Connection>('closed');
  readonly #options: EventStreamOptions;
  readonly #listeners = new Set<(event: LogEvent) => void>();
  #users = 0;
  /** Rises when the last user leaves: what was asked before is then of no use. */
  #life = 0;
  #source: Source | null = null;
  #cancelTimer: (() => void) | null = null;
  /** Null until the server said where its log ends now. */
  #lastId: number | null = null;
  #waitMs = firstWaitMs;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  listen(listener: (event: LogEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  use(): () => void {
    this.#users += 1;
    if (this.#users === 1) {
      this.connection.set('connecting');
      void this.#connect();
    }
    let used = true;
    return () => {
      if (!used) return;
      used = false;
      this.#users -= 1;
      if (this.#users === 0) this.#disconnect();
    };
  }

  async #connect(): Promise<void> {
    this.#cancelTimer = null;
    const life = this.#life;
    if (this.#lastId === null) {
      const newest = await this.#options.newestId().catch(() => null);
      if (life !== this.#life) return;
      if (newest === null) {
        this.#retryLater();
        return;
      }
      this.#lastId = newest;
    }
    const source = this.#options.open(`/v1/events?after=${this.#lastId}`);
    this.#source = source;
    source.addEventListener('open', () => {
      this.#waitMs = firstWaitMs;
      this.connection.set('open');
    });
    source.addEventListener('error', () => {
      if (this.#source === source) this.#broken(source);
    });
    for (const type of eventTypes) source.addEventListener(type, (event) => this.#receive(event));
  }

  #broken(source: Source): void {
    this.connection.set('lost');
    if (source.readyState !== closedState) return;
    this.#options.onGivenUp();
    this.#retryLater();
  }

  #retryLater(): void {
    this.connection.set('lost');
    this.#cancelTimer = this.#options.setTimer(() => void this.#connect(), this.#waitMs);
    this.#waitMs = Math.min(this.#waitMs * 2, longestWaitMs);
  }

  #receive(event: Event): void {
    const parsed = parseEvent(event);
    // A server that repeats the last events after a reconnect must not have them shown twice.
    if (parsed === null || (this.#lastId !== null && parsed.id <= this.#lastId)) return;
    this.#lastId = parsed.id;
    for (const listener of [...this.#listeners]) listener(parsed);
  }

  #disconnect(): void {
    this.#life += 1;
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#source?.close();
    this.#source = null;
    this.connection.set('closed');
  }
}

function parseEvent(event: Event): LogEvent | null {
  if (!('data' in event) || typeof event.data !== 'string') return null;
  try {
    const parsed: unknown = JSON.parse(event.data);
    return isLogEvent(parsed) ? parsed : null;
  } catch {
    // Something between us and the server wrote into the stream; the next event is whole again.
    return null;
  }
}

function isLogEvent(value: unknown): value is LogEvent {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'id') === 'number' &&
    typeof Reflect.get(value, 'type') === 'string' &&
    typeof Reflect.get(value, 'subjectId') === 'string'
  );
}
