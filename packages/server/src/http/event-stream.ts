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
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
    raw.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    raw.write('retry: 1000\n\n');
    const stop = () => {
      this.#open.delete(stop);
      raw.end();
    };
    this.#open.add(stop);
    raw.once('close', stop);
    this.#pump(reply, query, () => this.#open.has(stop)).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'an event stream broke off; its client connects again');
      stop();
    });
  }

  closeAll(): void {
    for (const stop of [...this.#open]) stop();
  }

  async #pump(reply: FastifyReply, query: Omit<EventQuery, 'limit'>, isOpen: () => boolean): Promise<void> {
    const { store, render } = this.#options;
    let after = query.after;
    while (isOpen()) {
      const news = this.#news();
      const events = await store.events({ ...query, after, limit: batch });
      for (const event of events) after = query.subject ? event.seq : event.id;
      const text = events
        .map((event) => frame(query.subject ? event.seq : event.id, event.type, render(event)))
        .join('');
      if (text !== '' && isOpen() && !reply.raw.write(text)) await drained(reply);
      if (events.length === batch) news.cancel();
      else if ((await news.promise) === 'quiet' && isOpen()) reply.raw.write(': still here\n\n');
    }
  }

  /** Resolves at the next event or when it is time for a sign of life. Begun before reading, so that no event is missed between. */
  #news(): { promise: Promise<'event' | 'quiet'>; cancel: () => void } {
    let cancel = () => {};
    const promise = new Promise<'event' | 'quiet'>((resolve) => {
      const finish = (why: 'event' | 'quiet') => {
        stopTimer();
        unsubscribe();
        resolve(why);
      };
      const stopTimer = this.#options.clock.after(heartbeatMs, () => finish('quiet'));
      const unsubscribe = this.#options.store.onEvents(() => finish('event'));
      cancel = () => finish('quiet');
    });
    return { promise, cancel };
  }
}

function frame(id: number, type: string, data: object): string {
  return `id: ${id}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function drained(reply: FastifyReply): Promise<void> {
  return new Promise((resolve) => {
    reply.raw.once('drain', resolve);
    reply.raw.once('close', resolve);
  });
}
