/** C11: a refused request is answered at once, whatever is still to come; who sends too slowly or too much lets go of what it holds. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { RawConnection } from './raw-connection.ts';
import { chunkBytes, expectProblem, KiB, RunningNode, someBytes } from './running-node.ts';

const MiB = 1024 * KiB;
const large = 64 * MiB;
const key = 'a-key-of-enough-length';
const apiKeys = [{ principal: 'ana', sha256: createHash('sha256').update(key).digest('hex') }];

let node: RunningNode;
/** A paused upload of one large chunk. */
let paused: string;
beforeAll(async () => {
  node = await RunningNode.start({ config: { apiKeys } });
  const upload = await node.as(key).create({ size: large, chunkSize: large });
  paused = upload.id;
  await node.as(key).json('POST', `/v1/uploads/${paused}/pause`);
});
afterAll(async () => {
  await node.close();
});

/** Refusals before the route is asked, in the native and in the chunked-form dialect, and of a path that is none. */
const refusals: readonly (readonly [name: string, line: () => string, headers: readonly string[], status: number])[] = [
  ['no credentials', () => 'PUT /v1/uploads/x/chunks/0', [], 401],
  ['a paused upload', () => `PUT /v1/uploads/${paused}/chunks/0`, [`Authorization: Bearer ${key}`], 409],
  ['a form that is none', () => 'POST /api/chunked-upload/chunk', [`Authorization: Bearer ${key}`], 400],
  ['nothing there', () => 'POST /nowhere', [`Authorization: Bearer ${key}`], 404],
];

/** Sends everything before it reads anything, as a simple client does; resolves to what it read then. */
function writeThenRead(head: string, bytes: number, port = node.port): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.pause();
    let read = '';
    socket.on('data', (data) => {
      read += data.toString('latin1');
    });
    socket.once('error', reject);
    socket.once('close', () => resolve(read));
    socket.write(head);
    socket.write(Buffer.alloc(bytes), () => socket.resume());
  });
}

describe('C11: a refusal of a large body', () => {
  it.each(refusals)('%s: is answered while nothing of it has come', async (_name, line, headers, status) => {
    const connection = await RawConnection.open(node.port);
    const started = performance.now();
    connection.head(line(), [...headers, `Content-Length: ${large}`]);
    const answer = await connection.answer(2_000);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('connection')).toBe('close');
    expect(performance.now() - started).toBeLessThan(1_000);
    connection.destroy();
  });

  it.each(refusals)('%s: who reads only after writing sees it', async (_name, line, headers, status) => {
    const lines = [`${line()} HTTP/1.1`, `Host: 127.0.0.1:${node.port}`, ...headers, `Content-Length: ${large}`];
    const read = await writeThenRead(`${lines.join('\r\n')}\r\n\r\n`, large);
    expect(read).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(read).toMatch(/"code":"[a-z-]+"/);
  });

  it.each([
    [
      'tus',
      'POST /files',
      ['Tus-Resumable: 1.0.0', `Upload-Length: ${large}`, 'Upload-Metadata: filetype YXVkaW8vd2F2'],
    ],
    ['the draft', 'POST /ietf-files', ['Upload-Complete: ?1', 'Content-Type: audio/wav']],
    ['the draft, without its headers', 'POST /ietf-files', ['Content-Type: audio/wav']],
  ])('after its first bytes were read, by %s: who reads only after writing sees it', async (_name, line, headers) => {
    // Zeros are no audio that anybody declared, and no text; with a page in front they are what is refused.
    await using strict = await RunningNode.start({ config: { allowedTypes: ['audio/*'] } });
    const type = line === 'POST /files' ? ['Content-Type: application/offset+octet-stream'] : [];
    const length = `Content-Length: ${large}`;
    const lines = [`${line} HTTP/1.1`, `Host: 127.0.0.1:${strict.port}`, ...headers, ...type, length];
    const page = '<!doctype html>'.padEnd(8 * KiB);
    const read = await writeThenRead(`${lines.join('\r\n')}\r\n\r\n${page}`, large - page.length, strict.port);
    expect(read).toMatch(/^HTTP\/1\.1 415 [\s\S]*"code":"unsupported-type"/);
  });

  test('one of unknown length, too', async () => {
    const connection = await RawConnection.open(node.port);
    connection.head('PUT /v1/uploads/x/chunks/0', ['Transfer-Encoding: chunked']);
    connection.send('5\r\nhello\r\n');
    expectProblem(await connection.answer(2_000), 401, 'unauthenticated');
    connection.destroy();
  });

  test('fetch sees it every time', async () => {
    const body = new Uint8Array(40 * MiB);
    for (let i = 0; i < 12; i += 1) {
      const response = await fetch(`${node.url}/v1/uploads/x/chunks/0`, { method: 'PUT', body });
      expect([response.status, ((await response.json()) as { code: string }).code]).toEqual([401, 'unauthenticated']);
    }
  });

  it.each([
    ['as it is', []],
    ['without asking first', ['-H', 'Expect:']],
  ])('curl sees it, %s', async (_name, options) => {
    const url = `${node.url}/v1/uploads/x/chunks/0`;
    const command = `head -c ${40 * MiB} /dev/zero | curl -sS -X PUT --data-binary @- ${options.map((o) => `'${o}'`).join(' ')} -w '\\n%{http_code}' ${url}`;
    const { stdout } = await promisify(execFile)('sh', ['-c', command]);
    expect(stdout).toMatch(/"code":"unauthenticated"[\s\S]*\n401$/);
  });

  test('a client that asks first is told before it sends anything', async () => {
    const asking = await RawConnection.open(node.port);
    asking.head('PUT /v1/uploads/x/chunks/0', [`Content-Length: ${large}`, 'Expect: 100-continue']);
    expect((await asking.answer()).status).toBe(401);
    asking.destroy();
    const welcome = await RawConnection.open(node.port);
    const { id } = await node.as(key).create({ size: 3 });
    welcome.head(`PUT /v1/uploads/${id}/chunks/0`, [
      `Authorization: Bearer ${key}`,
      'Content-Length: 3',
      'Expect: 100-continue',
    ]);
    expect((await welcome.answer()).status).toBe(100);
    welcome.send('abc');
    expect((await welcome.answer()).status).toBe(200);
    welcome.destroy();
  });

  test('whoever goes on sending is cut off in the end', async () => {
    const sent = await new Promise<number>((resolve) => {
      const socket = connect(node.port, '127.0.0.1');
      let bytes = 0;
      const more = () => {
        bytes += MiB;
        if (!socket.destroyed) socket.write(Buffer.alloc(MiB), () => setImmediate(more));
      };
      socket.on('error', () => {});
      socket.once('close', () => resolve(bytes));
      socket.resume();
      socket.write(`PUT /v1/uploads/x/chunks/0 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: ${1024 * MiB}\r\n\r\n`);
      more();
    });
    expect(sent).toBeGreaterThan(79 * MiB);
    expect(sent).toBeLessThan(120 * MiB);
  });

  test('whoever stops sending does not keep the connection', async () => {
    const connection = await RawConnection.open(node.port);
    connection.head('PUT /v1/uploads/x/chunks/0', [`Content-Length: ${large}`]);
    expect((await connection.answer()).status).toBe(401);
    expect(await connection.closedWithin(9_000)).toBe(true);
  });
});

test('C11: after a refusal of a small body the connection can be used again, however late the rest comes', async () => {
  const connection = await RawConnection.open(node.port);
  connection.head('PUT /v1/uploads/x/chunks/0', ['Content-Length: 300000']);
  expect((await connection.answer()).status).toBe(401);
  const body = someBytes(300_000);
  connection.send(body.subarray(0, 100_000));
  await sleep(100);
  connection.send(body.subarray(100_000));
  connection.head('GET /health/live', []);
  expect((await connection.answer()).status).toBe(200);
  connection.destroy();
});

describe('C11: slow senders', () => {
  test('of a body are cut off by their average, and what they held is free', async () => {
    await using slow = await RunningNode.start({ config: { bodyIdleSeconds: 1, minBodyBytesPerSecond: 10_000 } });
    const { id } = await slow.create({ size: chunkBytes });
    const trickle = await RawConnection.open(slow.port);
    trickle.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`]);
    let open = true;
    const dripping = (async () => {
      while (open) {
        trickle.send(Buffer.alloc(100));
        await sleep(50);
      }
    })();
    const answer = await trickle.answer(5_000);
    open = false;
    await dripping;
    expect(expectProblem(answer, 408, 'body-timeout').detail).toMatch(/10000 bytes a second/);
    expect((await slow.put(id, 0, someBytes(chunkBytes))).status).toBe(200);
    trickle.destroy();
  });

  test('of headers are cut off', async () => {
    const trickle = await RawConnection.open(node.port);
    trickle.send('GET /health/live HTTP/1.1\r\nHost: x\r\n');
    const drips = setInterval(() => trickle.send('X-A: b\r\n'), 1_000);
    try {
      expect(await trickle.closedWithin(30_000)).toBe(true);
      expect(trickle.received).toMatch(/^HTTP\/1\.1 408 [\s\S]*"code":"body-timeout"/);
    } finally {
      clearInterval(drips);
    }
  });
});

describe('C11: limits of headers and metadata', () => {
  test('too many headers are refused instead of dropped', async () => {
    const headers = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: a`);
    for (const [count, status] of [
      [99, 200],
      [100, 400],
      [400, 400],
    ] as const) {
      const connection = await RawConnection.open(node.port);
      connection.head('GET /health/live', headers(count));
      const answer = await connection.answer();
      expect([count, answer.status]).toEqual([count, status]);
      if (status === 400) expectProblem(answer, 400, 'invalid-request');
      connection.destroy();
    }
  });

  test('metadata is limited by number and by the length of each', async () => {
    const refused = async (metadata: Record<string, string>) => {
      const wish = { filename: 'a', size: 1, metadata };
      expectProblem(await node.as(key).json('POST', '/v1/uploads', wish), 400, 'invalid-request');
    };
    const entries = (count: number, length: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'ü'.repeat(length)]));
    await refused(entries(65, 1));
    await refused(entries(1, 4097));
    await refused({ ['k'.repeat(129)]: 'v' });
    await node.as(key).create({ size: 1, metadata: entries(64, 4096) });
  });
});
