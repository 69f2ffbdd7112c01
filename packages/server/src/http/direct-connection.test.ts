/** Requests of every kind on one connection, one behind the other: where each ends is where it ends without any of this. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { RequestBody } from './body-source.ts';
import { directConnection } from './direct-connection.ts';

const options = { clock: { now: () => 0, after: () => () => {} }, idleMs: 1_000, bytesPerSecondMin: 0 };
const KiB = 1024;

interface Sent {
  readonly bytes: number;
  readonly chunked: boolean;
  /** What the server does with the body. */
  readonly reader: 'all' | 'slow' | 'flushing' | 'leaves' | 'drops' | 'ignores';
}

let server: Server;
let failures: unknown[];
beforeEach(async () => {
  failures = [];
  server = createServer((incoming, response) => {
    incoming.on('error', (error) => failures.push(error));
    take(incoming).then(
      (answer) => response.end(answer),
      (error: unknown) => {
        failures.push(error);
        response.destroy();
      },
    );
  });
  server.on('clientError', (error) => failures.push(error));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

/** Reads as the request says; answers with the digest of what was read, of everything that is kept until its end. */
async function take(incoming: IncomingMessage): Promise<string> {
  const reader = incoming.url?.slice(1);
  const hash = createHash('sha256');
  const body = new RequestBody(incoming, options);
  if (reader === 'ignores') {
    incoming.resume();
    return 'ignored';
  }
  if (reader === 'leaves' || reader === 'drops') return await leave(incoming, body, reader);
  for (let batch = await body.next(); batch; batch = await body.next()) {
    // Hashed as late as it may be: memory that is used again too early is seen.
    for (let turn = 0; turn < (reader === 'slow' ? 5 : 1); turn += 1) await setImmediate();
    if (reader === 'flushing') body.flush();
    for (const buffer of batch.buffers) hash.update(buffer);
    batch.release();
  }
  await body.abandon();
  expect(incoming.complete).toBe(true);
  return hash.digest('hex');
}

/**
 * `leaves`: goes when it has as much as it may have, so that nothing is being read. `drops`: goes without taking what has come, which may be
 * all. The rest is left to `node:http`.
 */
async function leave(incoming: IncomingMessage, body: RequestBody, how: 'leaves' | 'drops'): Promise<string> {
  const first = await body.next();
  const second = first && how === 'leaves' ? await body.next() : null;
  for (let turn = 0; turn < 10; turn += 1) await setImmediate();
  await body.abandon();
  first?.release();
  second?.release();
  incoming.resume();
  return 'left';
}

function contentOf(sent: Sent, index: number): Buffer {
  const content = Buffer.alloc(sent.bytes);
  // Every KiB tells where it belongs.
  for (let at = 0; at + 4 <= content.length; at += KiB) content.writeUInt32LE(index * 7_919 + at, at);
  return content;
}

function answerTo(sent: Sent, index: number): string {
  if (sent.reader === 'ignores') return 'ignored';
  if (sent.reader === 'leaves' || sent.reader === 'drops') return 'left';
  return createHash('sha256').update(contentOf(sent, index)).digest('hex');
}

function wireOf(sent: Sent, index: number): Buffer {
  const content = contentOf(sent, index);
  const framing = sent.chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${content.length}`;
  const head = Buffer.from(`PUT /${sent.reader} HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`);
  if (!sent.chunked) return Buffer.concat([head, content]);
  const size = Buffer.from(content.length > 0 ? `${content.length.toString(16)}\r\n` : '');
  const end = Buffer.from(content.length > 0 ? '\r\n0\r\n\r\n' : '0\r\n\r\n');
  return Buffer.concat([head, size, content, end]);
}

/** The bodies of the answers to everything that was sent on one connection, cut as `cuts` say. */
async function exchange(requests: readonly Sent[], cuts: readonly number[]): Promise<string[]> {
  const wire = Buffer.concat(requests.map(wireOf));
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  let text = '';
  const answers: string[] = [];
  const done = new Promise<void>((resolve, reject) => {
    socket.setTimeout(5_000, () => reject(new Error(`nothing came for 5 s after ${answers.length} answers`)));
    socket.on('error', reject).on('close', () => reject(new Error(`closed after ${answers.length} answers`)));
    socket.on('data', (data) => {
      text += data.toString('latin1');
      for (;;) {
        const head = text.indexOf('\r\n\r\n');
        const length = Number(/Content-Length: (\d+)/i.exec(text.slice(0, head))?.[1]);
        if (head !== -1 && !(length >= 0)) reject(new Error(`an answer without length: ${text.slice(0, head)}`));
        if (head === -1 || !(text.length >= head + 4 + length)) break;
        answers.push(text.slice(head + 4, head + 4 + length));
        text = text.slice(head + 4 + length);
        if (answers.length === requests.length) resolve();
      }
    });
  });
  const places = [...cuts.map((cut) => Math.floor(cut * wire.length)).sort((a, b) => a - b), wire.length];
  let from = 0;
  for (const place of places) {
    socket.write(wire.subarray(from, place));
    from = place;
    await setImmediate();
  }
  try {
    await done;
    // Not before the server has read everything: what breaks off is an error there.
    socket.removeAllListeners('close').end();
    await once(socket, 'close');
  } finally {
    socket.destroy();
  }
  return answers;
}

const sizes = [0, 1, 1_000, 64 * KiB, 256 * KiB - 1, 256 * KiB, 256 * KiB + 1, 320 * KiB, 1024 * KiB + 7, 4500 * KiB];
const anySent = fc.record({
  bytes: fc.constantFrom(...sizes),
  chunked: fc.boolean(),
  reader: fc.constantFrom<Sent['reader']>('all', 'all', 'slow', 'flushing', 'leaves', 'drops', 'ignores'),
});

describe('requests on one connection', () => {
  test('each is read to its own end, whatever came before it, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anySent, { minLength: 1, maxLength: 8 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 6 }),
        async (requests, cuts) => {
          expect(await exchange(requests, cuts)).toEqual(requests.map(answerTo));
          expect(failures).toEqual([]);
        },
      ),
      { numRuns: 300, endOnFailure: true },
    );
  }, 120_000);

  test('many connections at once keep their bodies apart', async () => {
    const requests = (of: number): Sent[] =>
      Array.from({ length: 6 }, (_, n) => ({
        bytes: (n % 2 ? 900 : 40) * KiB + of,
        chunked: n === 3,
        reader: n === 2 ? 'leaves' : 'slow',
      }));
    const all = Array.from({ length: 24 }, (_, of) => requests(of));
    const answers = await Promise.all(all.map((sent) => exchange(sent, [0.3, 0.6])));
    expect(answers).toEqual(all.map((sent) => sent.map(answerTo)));
    expect(failures).toEqual([]);
  }, 60_000);
});

test('the memory of what is given out before a piece is full is not used again before the piece is back', async () => {
  const content = contentOf({ bytes: 1024 * KiB, chunked: false, reader: 'all' }, 1);
  const begun = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  const read = Promise.withResolvers<Buffer[]>();
  server.removeAllListeners('request');
  server.on('request', async (incoming) => {
    const body = new RequestBody(incoming, options);
    const first = body.next();
    for (let turn = 0; turn < 5; turn += 1) await setImmediate();
    begun.resolve();
    while (incoming.socket.bytesRead < 200 * KiB) await setImmediate();
    body.flush();
    const part = await first;
    const before = Buffer.concat(part?.buffers ?? []);
    part?.release();
    sent.resolve();
    const rest = await body.next();
    const end = body.next();
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    const behind = Buffer.concat(rest?.buffers ?? []);
    rest?.release();
    read.resolve([before, behind, Buffer.concat((await end)?.buffers ?? [])]);
  });
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    socket.write(`PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: ${content.length}\r\n\r\n`);
    socket.write(content.subarray(0, 50 * KiB));
    await begun.promise;
    socket.write(content.subarray(50 * KiB, 200 * KiB));
    await sent.promise;
    socket.write(content.subarray(200 * KiB));
    const [before, behind, end] = await read.promise;
    expect(before?.length).toBeGreaterThan(0);
    expect(Buffer.concat([before, behind, end] as Buffer[]).equals(content)).toBe(true);
  } finally {
    socket.destroy();
  }
});

test.each([-5, 5])(
  'an end that the parser does not see there (%i bytes off) breaks the connection: the body never ends',
  async (off) => {
    const ends: boolean[] = [];
    server.removeAllListeners('request');
    server.on('request', async (incoming) => {
      incoming.on('error', () => {});
      await setImmediate();
      const connection = directConnection(incoming);
      const room = new Uint8Array(64 * KiB);
      const left = 900 * KiB - incoming.readableLength + off;
      connection?.begin(incoming, left, { room: () => room, filled: (_bytes, last) => ends.push(last) });
      incoming.read();
      connection?.resume();
    });
    const sent: Sent = { bytes: 900 * KiB, chunked: false, reader: 'all' };
    await expect(exchange([sent], [])).rejects.toThrow(/closed after 0 answers|ECONNRESET|EPIPE/);
    expect(ends.length).toBeGreaterThan(0);
    expect(ends).not.toContain(true);
  },
);

test('a connection that is upgraded after a long body belongs to the other protocol, at its pace', async () => {
  server.on('upgrade', async (_incoming, socket: Socket, head: Buffer) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n');
    socket.write(head);
    for await (const bytes of socket) if (!socket.write(bytes)) await once(socket, 'drain');
  });
  const sent: Sent = { bytes: 900 * KiB, chunked: false, reader: 'all' };
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  try {
    socket.write(wireOf(sent, 0));
    expect(String(((await once(socket, 'data')) as [Buffer])[0])).toContain(answerTo(sent, 0));
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nfirst ');
    const echoed: Buffer[] = [];
    const content = contentOf({ ...sent, bytes: 4096 * KiB }, 7);
    const all = new Promise<Buffer>((resolve) => {
      socket.on('data', (data) => {
        echoed.push(data);
        const text = Buffer.concat(echoed);
        const at = text.indexOf('first ') + 6;
        if (at > 5 && text.length - at >= content.length) resolve(text.subarray(at));
      });
    });
    socket.write(content);
    expect((await all).equals(content)).toBe(true);
    expect(failures).toEqual([]);
  } finally {
    socket.destroy();
  }
});

test('this Node.js has what it takes, and a long body comes in large pieces', async () => {
  const pieces: number[] = [];
  let direct: unknown = null;
  server.removeAllListeners('request');
  server.on('request', async (incoming, response) => {
    const body = new RequestBody(incoming, options);
    for (let batch = await body.next(); batch; batch = await body.next()) {
      direct ??= directConnection(incoming);
      pieces.push(...batch.buffers.map((buffer) => buffer.byteLength));
      batch.release();
    }
    response.end('read');
  });
  expect(await exchange([{ bytes: 4096 * KiB, chunked: false, reader: 'all' }], [])).toEqual(['read']);
  expect(direct).not.toBe(null);
  expect(pieces.filter((bytes) => bytes === 256 * KiB).length).toBeGreaterThan(12);
});
