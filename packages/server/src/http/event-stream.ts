/** The event log as a live stream: server-sent events (WHATWG HTML §9.2), resumed by Last-Event-ID. */
import type { FastifyReply } from 'fastify';
import { type ErrorCode, HoldfastError } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Log } from '../core/ports/log.ts';
import type { EventQuery, UploadStore } from '../core/ports/upload-store.ts';
import type { LoggedEvent } from '../core/upload.ts';
import { sessionCookie } from './api-keys.ts';

const batch = 500;
const heartbeatMs = 15_000;

export interface EventStreamsOptions {
  readonly store: UploadStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Streams open at once. */
  readonly streamsMax: number;
  render(event: LoggedEvent): object;
}

interface OpenStream {
  /** Of the credentials that opened it. */
  readonly holder: string | undefined;
  /** The cookie of the browser that opened it, if one did. */
  readonly session: string | undefined;
  stop(): void;
}

export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #open = new Set<OpenStream>();

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#open.size;
  }

  /**
   * A holder of credentials has no more streams than are left for all others: one alone gets half of them, and none can take the last.
   * Throws `rate-limited`.
   */
  admit(holder: string): void {
    const own = [...this.#open].filter((stream) => stream.holder === holder).length;
    if (own < this.#options.streamsMax - this.#open.size) return;
    const open =
      own === 0 ? 'Too many event streams are open' : `You have ${own} event streams open, which is your share`;
    const retryAfterSeconds = 30;
    throw new HoldfastError('rate-limited', `${open}. Close some, or try again in ${retryAfterSeconds} s.`, {
      details: { retryAfterSeconds },
    });
  }

  /** Takes the reply over until the client goes away or `closeAll`. */
  serve(reply: FastifyReply, query: Omit<EventQuery, 'limit'>): void {
    reply.hijack();
    const { raw } = reply;
    // Its client went away while it was found out what it may see: nobody would be told of that any more.
    if (raw.destroyed) return;
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    // Nothing follows the head that was asked for: as a stream it would never be sent, and hold up what else is asked on its connection.
    if (reply.request.method === 'HEAD') {
      raw.end();
      return;
    }
    raw.write('retry: 1000\n\n');
    const stream: OpenStream = {
      holder: reply.request.identity?.holder,
      session: reply.request.cookies?.[sessionCookie],
      stop: () => {
        this.#open.delete(stream);
        raw.end();
      },
    };
    this.#open.add(stream);
    raw.once('close', stream.stop);
    // The response of a stream that was ended elsewhere (`endWithCredentials`) may not be closed for long: not before its client reads.
    const isOpen = () => this.#open.has(stream) && !raw.writableEnded;
    this.#pump(reply, query, isOpen).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'an event stream broke off; its client connects again');
      stream.stop();
    });
  }

  closeAll(): void {
    for (const { stop } of [...this.#open]) stop();
  }

  /** A browser signed out. */
  closeSession(cookie: string): void {
    for (const { session, stop } of [...this.#open]) if (session === cookie) stop();
  }

  async #pump(reply: FastifyReply, query: Omit<EventQuery, 'limit'>, isOpen: () => boolean): Promise<void> {
    const { store, clock, render } = this.#options;
    const bell = new Bell(clock);
    // One subscription as long as the stream: taking a new one for each wait would make the store look anew each time.
    const unsubscribe = store.onEvents(() => bell.ring());
    reply.raw.once('close', () => bell.ring());
    let after = query.after;
    try {
      while (isOpen()) {
        // Before reading, so that no event is missed between.
        bell.reset();
        const events = await store.events({ ...query, after, limit: batch });
        for (const event of events) after = query.subject ? event.seq : event.id;
        const text = events
          .map((event) => frame(query.subject ? event.seq : event.id, event.type, render(event)))
          .join('');
        if (text !== '' && isOpen() && !reply.raw.write(text)) await drained(reply);
        if (events.length === batch) continue;
        if ((await bell.rung(heartbeatMs)) === 'quiet' && isOpen()) reply.raw.write(': still here\n\n');
      }
    } finally {
      unsubscribe();
    }
  }
}

/** Remembers that it rang until it is reset. */
class Bell {
  readonly #clock: Clock;
  #rang = false;
  #wake: () => void = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  ring(): void {
    this.#rang = true;
    this.#wake();
  }

  reset(): void {
    this.#rang = false;
  }

  /** Resolves when it rang, or when it was quiet for that long. */
  rung(ms: number): Promise<'event' | 'quiet'> {
    if (this.#rang) return Promise.resolve('event');
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ms, () => resolve('quiet'));
      this.#wake = () => {
        cancel();
        resolve('event');
      };
    });
  }
}

function frame(id: number, type: string, data: object): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function drained({ raw }: FastifyReply): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      raw.off('drain', done).off('close', done);
      resolve();
    };
    raw.once('drain', done).once('close', done);
  });
}

/** The longest that a timer of Node.js takes. Whoever connects again goes on. */
const timerMsMax = 2 ** 31 - 1;

/** How often it is asked whether credentials still hold that somebody can take back. */
const confirmMs = 15_000;
const takenBack = new Set<ErrorCode>(['unauthenticated', 'token-expired', 'forbidden']);

export interface StreamCredentials {
  readonly clock: Clock;
  /** Rejects when they do not hold any more; null: they always do. */
  readonly confirm: (() => Promise<void>) | null;
}

/** An event stream ends with the credentials that opened it; a client that connects again is told so. */
export function endWithCredentials(reply: FastifyReply, { clock, confirm }: StreamCredentials): void {
  const { raw } = reply;
  if (raw.destroyed) return;
  const { endsAt = null } = reply.request.identity ?? {};
  if (endsAt !== null)
    raw.once(
      'close',
      clock.after(Math.min(endsAt - clock.now(), timerMsMax), () => raw.end()),
    );
  if (confirm === null) return;
  let cancel = () => {};
  const wait = () => {
    if (!raw.destroyed && !raw.writableEnded) cancel = clock.after(confirmMs, ask);
  };
  // Where nobody can be asked just now, the stream goes on.
  const ask = () =>
    void confirm().then(wait, (error: unknown) => {
      if (error instanceof HoldfastError && takenBack.has(error.code)) raw.end();
      else wait();
    });
  wait();
  raw.once('close', () => cancel());
}
