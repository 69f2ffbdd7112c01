import { once } from 'node:events';
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { HoldfastError } from '../core/errors.ts';
import { RequestBody } from './body-source.ts';

const options = { clock: { now: () => 0, after: () => () => {} }, idleMs: 1_000, bytesPerSecondMin: 0 };

/** Sends the bytes over a real socket and hands the request to `take`. */
async function withRequest(
  sent: Buffer,
  headers: OutgoingHttpHeaders,
  take: (incoming: IncomingMessage) => Promise<void>,
): Promise<void> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const taken = new Promise<void>((resolve, reject) => {
      server.once('request', (incoming, response) => {
        take(incoming)
          .then(resolve, reject)
          .finally(() => response.end());
      });
    });
    const outgoing = request({ method: 'PUT', port: (server.address() as AddressInfo).port, headers });
    outgoing.end(sent);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    answer.resume();
    await taken;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('the bytes are there until they are released, and their memory is used again then', async () => {
  const sent = Buffer.alloc(16 * 1024 * 1024, 'holdfast ');
  const received: Buffer[] = [];
  const memory = new Set<ArrayBufferLike>();
  await withRequest(sent, {}, async (incoming) => {
    const body = new RequestBody(incoming, options);
    for (let batch = await body.next(); batch; batch = await body.next()) {
      for (const buffer of batch.buffers) {
        received.push(Buffer.from(buffer));
        memory.add(buffer.buffer);
      }
      batch.release();
      batch.release();
    }
  });
  expect(Buffer.concat(received).equals(sent)).toBe(true);
  // 64 pieces, from far fewer.
  expect(memory.size).toBeLessThan(20);
});

test('memory of bodies that are left half-way is used again, too', async () => {
  const memory = new Set<ArrayBufferLike>();
  const read = async (incoming: IncomingMessage) => {
    const body = new RequestBody(incoming, options);
    for (let batch = await body.next(); batch; batch = await body.next()) {
      for (const buffer of batch.buffers) memory.add(buffer.buffer);
      batch.release();
    }
  };
  const leave = async (incoming: IncomingMessage) => {
    const body = new RequestBody(incoming, options);
    const batch = await body.next();
    // Meanwhile the next one is gathered.
    for (let turn = 0; turn < 200; turn += 1) await setImmediate();
    batch?.release();
    await body.abandon();
    incoming.resume();
  };
  // More than is kept at all, together.
  for (let count = 0; count < 40; count += 1) await withRequest(Buffer.alloc(4 * 1024 * 1024), {}, leave);
  await withRequest(Buffer.alloc(16 * 1024 * 1024), {}, read);
  expect(memory.size).toBeLessThan(20);
});

test('without a length the memory of each read is given back at once', async () => {
  const sent = Buffer.alloc(3 * 1024 * 1024, 'holdfast ');
  let freed = 0;
  await withRequest(sent, { 'Transfer-Encoding': 'chunked' }, async (incoming) => {
    const body = new RequestBody(incoming, options);
    for (let batch = await body.next(); batch; batch = await body.next()) {
      const large = batch.buffers.filter((buffer) => buffer.byteLength >= 32 * 1024);
      batch.release();
      expect(large.filter((buffer) => buffer.byteLength > 0)).toEqual([]);
      freed += large.length;
    }
  });
  expect(freed).toBeGreaterThan(0);
});

test('a small body shares memory with others and is left alone', async () => {
  await withRequest(Buffer.from('few'), {}, async (incoming) => {
    const batch = await new RequestBody(incoming, options).next();
    batch?.release();
    expect(Buffer.from(batch?.buffers[0] ?? []).toString()).toBe('few');
  });
});

// The longer one is read straight from its connection.
describe.each([100, 1_000_000])('a body of %i bytes that does not come whole', (declared) => {
  /** A request that declares more than it sends; `then` is what becomes of the connection. */
  async function withPart(then: 'end' | 'nothing', take: (incoming: IncomingMessage) => Promise<void>): Promise<void> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.on('error', () => {});
    try {
      const taken = new Promise<void>((resolve, reject) => {
        server.once('request', (incoming: IncomingMessage) => {
          incoming.on('error', () => {});
          take(incoming).then(resolve, reject);
        });
      });
      socket.write(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${declared}\r\n\r\nsome of it`);
      if (then === 'end') socket.end();
      await taken;
    } finally {
      socket.destroy();
      server.closeAllConnections();
      server.close();
    }
  }

  async function read(body: RequestBody): Promise<{ text: string; code: string }> {
    let text = '';
    for (;;) {
      const batch = await body
        .next()
        .catch((error: unknown) => (error instanceof HoldfastError ? error.code : 'other'));
      if (typeof batch === 'string') return { text, code: batch };
      if (batch === null) return { text, code: 'whole' };
      for (const buffer of batch.buffers) text += Buffer.from(buffer).toString();
      batch.release();
    }
  }

  test('gives out what had arrived, then says why it ended', async () => {
    await withPart('end', async (incoming) => {
      expect(await read(new RequestBody(incoming, options))).toEqual({ text: 'some of it', code: 'body-too-short' });
    });
  });

  test.each([1, 3])('can be ended by somebody else after %i turns, and gives out what had arrived', async (turns) => {
    await withPart('nothing', async (incoming) => {
      const body = new RequestBody(incoming, options);
      const reading = read(body);
      for (let turn = 0; turn < turns; turn += 1) await setImmediate();
      body.interrupt(new HoldfastError('upload-taken-over', 'Somebody else (test)'));
      expect(await reading).toEqual({ text: 'some of it', code: 'upload-taken-over' });
      await body.abandon();
    });
  });

  test('says so at once when the connection had ended before anybody read', async () => {
    await withPart('end', async (incoming) => {
      await new Promise((resolve) => incoming.once('close', resolve));
      expect((await read(new RequestBody(incoming, options))).code).toBe('body-too-short');
    });
  });

  test('says so at once when all of it had arrived, the sender was gone, and nobody had read', async () => {
    const { promise, resolve } = Promise.withResolvers<IncomingMessage>();
    const server = createServer((incoming) => resolve(incoming.on('error', () => {})));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    try {
      socket.write('PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nfour');
      const incoming = await promise;
      const closed = new Promise((gone) => incoming.once('close', gone));
      socket.destroy();
      await closed;
      expect(incoming.complete).toBe(true);
      expect((await read(new RequestBody(incoming, options))).code).toBe('body-too-short');
    } finally {
      server.close();
    }
  }, 5_000);
});

test('many bodies share the memory that one alone may have, and give it back', async () => {
  const sent = Buffer.alloc(4 * 1024 * 1024, 'holdfast ');
  /** The usual size of a batch: at the beginning and at the end there are fewer senders. */
  const usual = async (senders: number) => {
    const sizes: number[] = [];
    const together = Promise.withResolvers<void>();
    let begun = 0;
    const take = async (incoming: IncomingMessage) => {
      const body = new RequestBody(incoming, options);
      const first = body.next();
      begun += 1;
      if (begun === senders) together.resolve();
      await together.promise;
      for (let batch = await first; batch; batch = await body.next()) {
        sizes.push(batch.bytes);
        batch.release();
      }
      await body.abandon();
    };
    await Promise.all(Array.from({ length: senders }, () => withRequest(sent, {}, take)));
    expect(sizes.reduce((sum, bytes) => sum + bytes, 0)).toBe(senders * sent.length);
    return sizes.sort((a, b) => a - b)[Math.floor(sizes.length / 2)];
  };
  expect(await usual(32)).toBeLessThanOrEqual(256 * 1024);
  expect(await usual(1)).toBeGreaterThanOrEqual(1024 * 1024);
});
