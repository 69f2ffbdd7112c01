/** The event log as a live stream: server-sent events (WHATWG HTML §9.2), resumed by Last-Event-ID. */
import type { FastifyReply } from 'fastify';
import type { Clock } from '../core/ports/clock.ts';
import type { Log } from '../core/ports/log.ts';
import type { EventQuery, UploadStore } from '../core/ports/upload-store.ts';
import type { LoggedEvent } from '../core/upload.ts';

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

export class EventStreams {
  readonly #options: EventStreamsOptions;
  readonly #open = new Set<() => void>();

  constructor(options: EventStreamsOptions) {
    this.#options = options;
  }

  get full(): boolean {
    return this.#open.size >= this.#options.streamsMax;
  }

  get count(): number {
    return this.#open.size;
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
    const stop = () => {
      this.#open.delete(stop);
      raw.end();
    };
    this.#open.add(stop);
    raw.once('close', stop);
    // The response of a stream that was ended elsewhere (`endWithToken`) may not be closed for long: not before its client reads.
    const isOpen = () => this.#open.has(stop) && !raw.writableEnded;
    this.#pump(reply, query, isOpen).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'an event stream broke off; its client connects again');
      stop();
    });
  }

  closeAll(): void {
    for (const stop of [...this.#open]) stop();
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

/** An event stream ends with the token that opened it; a client that connects again is told so. */
export function endWithToken(reply: FastifyReply, clock: Clock): void {
  const { endsAt = null } = reply.request.identity ?? {};
  if (endsAt === null || reply.raw.destroyed) return;
  const cancel = clock.after(Math.min(endsAt - clock.now(), timerMsMax), () => reply.raw.end());
  reply.raw.once('close', cancel);
}
