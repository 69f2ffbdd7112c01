import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import type { FastifyReply } from 'fastify';
import { expect, test } from 'vitest';
import { HoldfastError } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { LoggedEvent } from '../core/upload.ts';
import { EventStreams, endWithCredentials } from './event-stream.ts';

/** A log that the test writes, and a clock that it turns. */
class World {
  readonly #log: LoggedEvent[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #timers = new Set<{ readonly at: number; readonly run: () => void }>();
  #now = 0;

  readonly clock: Clock = {
    now: () => this.#now,
    after: (ms, run) => {
      const timer = { at: this.#now + ms, run };
      this.#timers.add(timer);
      return () => this.#timers.delete(timer);
    },
  };

  readonly streams = new EventStreams({
    store: {
      events: async ({ after, limit }: { after: number; limit: number }) =>
        this.#log.filter(({ id }) => id > after).slice(0, limit),
      onEvents: (listener: () => void) => {
        this.#listeners.add(listener);
        return () => this.#listeners.delete(listener);
      },
    } as unknown as UploadStore,
    clock: this.clock,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    streamsMax: 10,
    render: ({ message }) => ({ message }),
  });

  /** How many streams wait for events. */
  get waiting(): number {
    return this.#listeners.size;
  }

  get timers(): number {
    return this.#timers.size;
  }

  async happens(count: number, message = ''): Promise<void> {
    for (let i = 0; i < count; i += 1)
      this.#log.push({ id: this.#log.length + 1, type: 'progress', message } as unknown as LoggedEvent);
    for (const listener of this.#listeners) listener();
    await settled();
  }

  async pass(ms: number): Promise<void> {
    this.#now += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.#now) continue;
      this.#timers.delete(timer);
      timer.run();
    }
    await settled();
  }
}

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await setImmediate();
}

/** What of a reply is asked for; its token ends at that time. */
function replyOf(raw: ServerResponse, endsAt: number | null, holder = 'ana'): FastifyReply {
  const reply = { raw, hijack() {}, getHeaders: () => ({}), request: { identity: { holder, endsAt } } };
  return reply as unknown as FastifyReply;
}

test('a stream that ended with its token gets nothing more, although its client has not read the answer before it', async () => {
  const world = new World();
  const responses: ServerResponse[] = [];
  const server = createServer((_request, response) => responses.push(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    const ask = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';
    socket.write(ask + ask);
    await expect.poll(() => responses.length).toBe(2);
    const [, second] = responses as [ServerResponse, ServerResponse];
    const errors: unknown[] = [];
    second.on('error', (error) => errors.push(error));
    const reply = replyOf(second, 20_000);
    world.streams.serve(reply, { after: 0 });
    endWithCredentials(reply, { clock: world.clock, confirm: null });
    await world.happens(1);
    expect(world.waiting).toBe(1);
    await world.pass(20_000);
    for (let i = 0; i < 3; i += 1) await world.happens(1);
    await world.pass(60_000);
    expect(errors).toEqual([]);
    expect(world.waiting).toBe(0);
    // Its connection is there still.
    expect(world.streams.count).toBe(1);
  } finally {
    socket.destroy();
    server.close();
  }
  await expect.poll(() => world.streams.count).toBe(0);
});

test('a client that went away before its stream began has none', async () => {
  const world = new World();
  const { promise: response, resolve } = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, raw) => resolve(raw)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  const raw = await response;
  const closed = once(raw, 'close');
  socket.destroy();
  await closed;
  server.close();
  const reply = replyOf(raw, 20_000);
  world.streams.serve(reply, { after: 0 });
  endWithCredentials(reply, { clock: world.clock, confirm: null });
  expect([world.streams.count, world.waiting, world.timers]).toEqual([0, 0, 0]);
});

test('a stream that is often behind its client leaves nothing on its response each time', async () => {
  const world = new World();
  await world.happens(5_000, 'x'.repeat(1_000));
  const { promise: response, resolve } = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, raw) => {
    world.streams.serve(replyOf(raw, 0), { after: 0 });
    resolve(raw);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
    });
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const raw = await response;
    await expect.poll(() => text.includes('\nid: 5000\n')).toBe(true);
    expect(raw.listenerCount('close')).toBeLessThan(6);
  } finally {
    socket.destroy();
    server.close();
  }
});

test('a stream ends once its credentials were taken back, and goes on while nobody can be asked', async () => {
  const world = new World();
  const { promise: response, resolve } = Promise.withResolvers<ServerResponse>();
  const server = createServer((_request, raw) => resolve(raw)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    socket.resume().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    const raw = await response;
    const reply = replyOf(raw, null);
    let refusal: HoldfastError | null = null;
    const confirm = async () => {
      if (refusal) throw refusal;
    };
    world.streams.serve(reply, { after: 0 });
    endWithCredentials(reply, { clock: world.clock, confirm });
    await world.pass(20_000);
    refusal = new HoldfastError('unavailable', 'The provider does not answer.');
    await world.pass(20_000);
    expect([raw.writableEnded, world.streams.count]).toEqual([false, 1]);
    refusal = new HoldfastError('unauthenticated', 'The upload token is not known, or was revoked.');
    await world.pass(20_000);
    expect(raw.writableEnded).toBe(true);
    await expect.poll(() => world.streams.count).toBe(0);
    expect(world.timers).toBe(0);
  } finally {
    socket.destroy();
    server.close();
  }
});

test('a holder of credentials has no more streams than are left for others, who get theirs', async () => {
  const world = new World();
  const responses: ServerResponse[] = [];
  const server = createServer((_request, response) => responses.push(response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const sockets: Socket[] = [];
  const open = async (holder: string) => {
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').resume();
    sockets.push(socket);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await expect.poll(() => responses.length).toBe(sockets.length);
    world.streams.admit(holder);
    world.streams.serve(replyOf(responses.at(-1) as ServerResponse, null, holder), { after: 0 });
  };
  const refused = (own: number) => ({
    code: 'rate-limited',
    message: expect.stringContaining(`You have ${own} event streams open`),
    details: { retryAfterSeconds: 30 },
  });
  try {
    for (let i = 0; i < 5; i += 1) await open('greedy');
    await expect(open('greedy')).rejects.toMatchObject(refused(5));
    for (let i = 0; i < 3; i += 1) await open('modest');
    await expect(open('modest')).rejects.toMatchObject(refused(3));
    await open('third');
    await expect(open('greedy')).rejects.toMatchObject(refused(5));
    await open('fourth');
    await expect(open('fifth')).rejects.toMatchObject({ code: 'rate-limited', details: { retryAfterSeconds: 30 } });
    sockets[0]?.destroy();
    await expect.poll(() => world.streams.count).toBe(9);
    await open('fifth');
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
