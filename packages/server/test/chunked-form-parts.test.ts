/** B2: the multipart body of a chunk: order of its parts, missing and double ones, lengths, breaks. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { type Body, chunkOf, expectDetail, FormClient, formChunkBytes, multipart } from './chunked-form-client.ts';
import { RawConnection } from './raw-connection.ts';
import { type Answer, RunningNode, sha256, someBytes } from './running-node.ts';

const size = formChunkBytes + 1000;
const bytes = someBytes(size);
const first = chunkOf(bytes, 0);
const last = chunkOf(bytes, 1);
const file = 'name="chunk"; filename="blob"\r\nContent-Type: application/octet-stream';
const type = 'multipart/form-data; boundary=xyz';

let node: RunningNode;
let client: FormClient;
beforeAll(async () => {
  node = await RunningNode.start({ config: { bodyIdleSeconds: 1 } });
  client = new FormClient(node);
});
afterAll(async () => {
  await node.close();
});

type Parts = readonly (readonly [string, string | Uint8Array])[];
async function send(parts: Parts): Promise<Answer<Body>> {
  const headers = { 'content-type': type };
  return await client.send('chunk', { body: Uint8Array.from(multipart('xyz', parts)), headers });
}

describe('the order of the parts', () => {
  const orders: readonly [string, (id: string, index: number, chunk: Uint8Array) => Parts][] = [
    [
      'fields, file',
      (id, index, chunk) => [
        ['name="upload_id"', id],
        ['name="chunk_index"', `${index}`],
        [file, chunk],
      ],
    ],
    [
      'file, fields',
      (id, index, chunk) => [
        [file, chunk],
        ['name="upload_id"', id],
        ['name="chunk_index"', `${index}`],
      ],
    ],
    [
      'field, file, field',
      (id, index, chunk) => [
        ['name="chunk_index"', `${index}`],
        [file, chunk],
        ['name="upload_id"', id],
      ],
    ],
    [
      'other fields too',
      (id, index, chunk) => [
        ['name="x"', '1'],
        ['name="upload_id"', id],
        ['name="chunk_index"', `${index}`],
        ['name="y"', ''],
        [file, chunk],
        ['name="z"', '2'],
      ],
    ],
    [
      'a file without a name or a type',
      (id, index, chunk) => [
        ['name="upload_id"', id],
        ['name="chunk_index"', `${index}`],
        ['name="chunk"', chunk],
      ],
    ],
  ];
  it.each(orders)('B2: %s: stored, whole and true', async (_name, parts) => {
    const fresh = someBytes(size);
    const id = await client.begin(size);
    expect(await send(parts(id, 1, chunkOf(fresh, 1)))).toMatchObject({
      status: 200,
      body: { chunk_index: 1, received_chunks: 1, received_bytes: 1000 },
    });
    expect(await send(parts(id, 0, chunkOf(fresh, 0)))).toMatchObject({ status: 200, body: { received_chunks: 2 } });
    expect((await client.complete(id)).body).toMatchObject({ assessment_id: sha256(fresh) });
  });

  test('B2: a chunk in front of its fields is checked like any other', async () => {
    const id = await client.begin(size);
    const behind = (chunk: Uint8Array, index: string, session = id) =>
      send([
        [file, chunk],
        ['name="upload_id"', session],
        ['name="chunk_index"', index],
      ]);
    expectDetail(await behind(last, '2'), 400, 'Invalid chunk index');
    expectDetail(await behind(last, 'x'), 400, 'Invalid chunk index');
    expectDetail(await behind(last, '1', 'nope'), 404, 'Upload session not found');
    expectDetail(
      await behind(last.subarray(1), '1'),
      400,
      /Chunk 1 has 1000 bytes; the request declares 999/,
      'invalid-size',
    );
    expectDetail(
      await behind(someBytes(12 * 1024 * 1024), '1'),
      413,
      /A chunk has at most \d+ bytes. Send upload_id and chunk_index before the file/,
      'body-too-long',
    );
    expect(await client.status(id)).toMatchObject({ received_bytes: 0 });
    await behind(last, '1');
    expect(await behind(last, '1')).toMatchObject({ status: 200, body: { duplicate: true } });
    expectDetail(await behind(someBytes(1000), '1'), 409, /other bytes/, 'chunk-conflict');
  });

  test('B2: at most 12 chunks wait for their fields at once, and the room is given back', async () => {
    await using patient = await RunningNode.start();
    const other = new FormClient(patient);
    const id = await other.begin(size);
    const connections: RawConnection[] = [];
    const opening = multipart('xyz', [[file, '']]).subarray(0, -'\r\n--xyz--\r\n'.length);
    const occupy = async () => {
      const connection = await RawConnection.open(patient.port);
      connections.push(connection);
      connection.head('POST /api/chunked-upload/chunk', [`Content-Type: ${type}`, 'Content-Length: 4000000']);
      connection.send(Buffer.concat([opening, Buffer.alloc(1_500_000)]));
    };
    for (let count = 0; count < 12; count += 1) await occupy();
    const parts: Parts = [
      [file, last],
      ['name="upload_id"', id],
      ['name="chunk_index"', '1'],
    ];
    const body = Uint8Array.from(multipart('xyz', parts));
    const behind = () => other.send('chunk', { body, headers: { 'content-type': type } });
    const whatComesNext = async () => {
      const { status } = await behind();
      // It was this request that had the room when the last of them came: they were refused, so one more takes their place.
      if (status === 200) await occupy();
      return status;
    };
    await expect.poll(whatComesNext, { timeout: 10_000, interval: 20 }).toBe(429);
    const refused = await behind();
    expectDetail(refused, 429, /Send upload_id and chunk_index before the file/, 'rate-limited');
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(await other.chunk(id, 0, first), 'the usual order needs no room').toMatchObject({ status: 200 });
    for (const connection of connections) connection.destroy();
    await expect.poll(async () => (await behind()).status, { timeout: 10_000 }).not.toBe(429);
  });
});

describe('parts that are missing or too much', () => {
  const wrong: readonly [string, Parts, RegExp][] = [
    [
      'no chunk',
      [
        ['name="upload_id"', 'x'],
        ['name="chunk_index"', '0'],
      ],
      /file part "chunk" is missing/,
    ],
    [
      'no upload_id',
      [
        ['name="chunk_index"', '0'],
        [file, last],
      ],
      /upload_id is missing/,
    ],
    [
      'no chunk_index',
      [
        ['name="upload_id"', 'x'],
        [file, last],
      ],
      /chunk_index is missing/,
    ],
    [
      'an empty chunk_index',
      [
        ['name="upload_id"', 'x'],
        ['name="chunk_index"', ''],
        [file, last],
      ],
      /chunk_index is missing/,
    ],
    [
      'two upload_ids',
      [
        ['name="upload_id"', 'x'],
        ['name="upload_id"', 'y'],
        ['name="chunk_index"', '0'],
        [file, last],
      ],
      /upload_id is given more than once/,
    ],
    [
      'two chunks in front',
      [
        [file, last],
        [file, last],
        ['name="upload_id"', 'x'],
        ['name="chunk_index"', '0'],
      ],
      /more than one chunk/,
    ],
    [
      'a huge field',
      [
        ['name="upload_id"', 'x'.repeat(5000)],
        ['name="chunk_index"', '0'],
        [file, last],
      ],
      /"upload_id" is longer than 4096 bytes/,
    ],
    [
      'too many parts',
      [...Array.from({ length: 20 }, (_, i) => [`name="f${i}"`, ''] as const), [file, last]],
      /more than 16 parts/,
    ],
    ['nothing', [], /not well-formed|missing/],
  ];
  it.each(wrong)('B2: %s', async (_name, parts, detail) => {
    expectDetail(await send(parts), 400, detail, 'invalid-request');
  });
});

describe('lengths and breaks', () => {
  test('B2: a body without a length (chunked transfer coding)', async () => {
    const id = await client.begin(size);
    const body = multipart('xyz', [
      ['name="upload_id"', id],
      ['name="chunk_index"', '0'],
      [file, first],
    ]);
    const pieces = function* () {
      for (let at = 0; at < body.length; at += 100_001) yield Uint8Array.from(body.subarray(at, at + 100_001));
    };
    const headers = { 'content-type': type };
    const init = { body: ReadableStream.from(pieces()), duplex: 'half', headers } as RequestInit;
    expect(await client.send('chunk', init)).toMatchObject({ status: 200, body: { received_bytes: formChunkBytes } });
  });

  test('B2: bytes that look like the boundary are bytes', async () => {
    const tricky = Buffer.alloc(100_000, '\r\n--xy\r\n--xyZ--\r\n--');
    const id = await client.begin(tricky.length);
    expect(
      await send([
        ['name="upload_id"', id],
        ['name="chunk_index"', '0'],
        [file, tricky],
      ]),
    ).toMatchObject({ status: 200 });
    expect((await client.complete(id)).body).toMatchObject({ assessment_id: sha256(tricky) });
  });

  const cut = [0, 40, 200, 300, 1000, formChunkBytes, formChunkBytes + 300];
  it.each(cut)('B2: a form that ends after %i bytes: refused, nothing kept', async (length) => {
    const id = await client.begin(size);
    const body = multipart('xyz', [
      ['name="upload_id"', id],
      ['name="chunk_index"', '0'],
      [file, first],
    ]).subarray(0, -8);
    const headers = { 'content-type': type };
    expectDetail(
      await client.send('chunk', { body: Uint8Array.from(body.subarray(0, length)), headers }),
      400,
      /./,
      'invalid-request',
    );
    expect(await client.status(id)).toMatchObject({ received_bytes: 0 });
  });

  test('B2: a connection that breaks off: nothing kept, the place is free at once', async () => {
    const id = await client.begin(size);
    const body = multipart('xyz', [
      ['name="upload_id"', id],
      ['name="chunk_index"', '0'],
      [file, first],
    ]);
    const connection = await RawConnection.open(node.port);
    connection.head('POST /api/chunked-upload/chunk', [`Content-Type: ${type}`, `Content-Length: ${body.length}`]);
    connection.send(body.subarray(0, 3_000_000));
    connection.reset();
    expect(await client.chunk(id, 0, first)).toMatchObject({ status: 200, body: { duplicate: false } });
  });

  test('C11: one that stops sending is told so and cut off', async () => {
    const id = await client.begin(size);
    const body = multipart('xyz', [
      ['name="upload_id"', id],
      ['name="chunk_index"', '0'],
      [file, first],
    ]);
    for (const length of [20, 3_000_000]) {
      const connection = await RawConnection.open(node.port);
      connection.head('POST /api/chunked-upload/chunk', [`Content-Type: ${type}`, `Content-Length: ${body.length}`]);
      connection.send(body.subarray(0, length));
      expectDetail((await connection.answer()) as Answer<Body>, 408, /arrived for 1 s/, 'body-timeout');
      expect(await connection.closedWithin(2000)).toBe(true);
    }
    expect(await client.chunk(id, 0, first)).toMatchObject({ status: 200 });
  });
});
