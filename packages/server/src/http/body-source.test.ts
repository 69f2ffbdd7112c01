import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { RequestBody } from './body-source.ts';

const options = { clock: { now: () => 0, after: () => () => {} }, idleMs: 1_000, bytesPerSecondMin: 0 };

/** Sends the bytes over a real socket and hands the request to `take`. */
async function withRequest(sent: Buffer, take: (incoming: IncomingMessage) => Promise<void>): Promise<void> {
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
    const outgoing = request({ method: 'PUT', port: (server.address() as AddressInfo).port });
    outgoing.end(sent);
    const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
    answer.resume();
    await taken;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('the bytes are there until they are released, and their memory is given back then', async () => {
  const sent = Buffer.alloc(3 * 1024 * 1024, 'holdfast ');
  const received: Buffer[] = [];
  let freed = 0;
  await withRequest(sent, async (incoming) => {
    const body = new RequestBody(incoming, options);
    for (let batch = await body.next(); batch; batch = await body.next()) {
      for (const buffer of batch.buffers) received.push(Buffer.from(buffer));
      const large = batch.buffers.filter((buffer) => buffer.byteLength >= 32 * 1024);
      batch.release();
      batch.release();
      expect(large.filter((buffer) => buffer.byteLength > 0)).toEqual([]);
      freed += large.length;
    }
  });
  expect(Buffer.concat(received).equals(sent)).toBe(true);
  expect(freed).toBeGreaterThan(0);
});

test('a small body shares memory with others and is left alone', async () => {
  await withRequest(Buffer.from('few'), async (incoming) => {
    const batch = await new RequestBody(incoming, options).next();
    batch?.release();
    expect(Buffer.from(batch?.buffers[0] ?? []).toString()).toBe('few');
  });
});
