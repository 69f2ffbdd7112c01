/** B1–B6: a file by forms, from init to the processing run. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { bodyKinds, chunkOf, expectDetail, FormClient, formChunkBytes } from './chunked-form-client.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const size = 2 * formChunkBytes + 100;
const bytes = someBytes(size);

let node: RunningNode;
let client: FormClient;
beforeAll(async () => {
  node = await RunningNode.start();
  client = new FormClient(node);
});
afterAll(async () => {
  await node.close();
});

describe('a whole file', () => {
  it.each(bodyKinds)(
    'B1, B2, B3: init and complete as %s; any order of chunks; answers field for field',
    async (kind) => {
      const fresh = someBytes(size);
      const begun = await client.post(
        'init',
        { filename: 'Clase ñ.mp4', file_size: size, total_chunks: 3, content_type: 'video/mp4' },
        kind,
      );
      expect(begun).toMatchObject({
        status: 200,
        body: { upload_id: expect.any(String), chunk_size: 5_242_880, message: expect.any(String) },
      });
      expect(Object.keys(begun.body).sort()).toEqual(['chunk_size', 'message', 'upload_id']);
      const id: string = begun.body['upload_id'];

      expect((await client.chunk(id, 2, chunkOf(fresh, 2))).body).toEqual({
        upload_id: id,
        chunk_index: 2,
        received_chunks: 1,
        total_chunks: 3,
        received_bytes: 100,
        progress_percentage: 0,
        duplicate: false,
        message: 'Chunk 2 received (1/3)',
      });
      expect((await client.chunk(id, 0, chunkOf(fresh, 0))).body).toMatchObject({
        received_chunks: 2,
        progress_percentage: 50,
      });
      expect(await client.status(id)).toMatchObject({
        status: 'receiving',
        missing_chunks: [1],
        received_chunks: 2,
        filename: 'Clase ñ.mp4',
        content_type: 'video/mp4',
        assessment_id: null,
      });
      expect((await client.chunk(id, 1, chunkOf(fresh, 1))).body).toMatchObject({
        received_chunks: 3,
        progress_percentage: 100,
      });

      const done = await client.post('complete', { upload_id: id }, kind);
      expect(done).toMatchObject({
        status: 200,
        body: { assessment_id: sha256(fresh), filename: 'Clase ñ.mp4', message: 'Upload completed' },
      });
      expect(Object.keys(done.body).sort()).toEqual(['assessment_id', 'filename', 'message']);
      expect((await client.post('complete', { upload_id: id }, kind)).body, 'again: the same answer').toEqual(
        done.body,
      );
      expect(await client.status(id)).toMatchObject({
        status: 'completed',
        missing_chunks: [],
        received_chunks: 3,
        assessment_id: sha256(fresh),
      });
      expect(await node.incoming(), 'B3: temporary data is removed').not.toContain(id);
      const stored = await node.fetch(`/v1/assets/${sha256(fresh)}/content`);
      expect(sha256(Buffer.from(await stored.arrayBuffer()))).toBe(sha256(fresh));
    },
  );

  test('B1, B3: an empty file has no chunks', async () => {
    const id = await client.begin(0, 'empty.bin');
    expect(await client.complete(id)).toMatchObject({
      status: 200,
      body: { filename: 'empty.bin', assessment_id: sha256(Buffer.alloc(0)) },
    });
  });

  test.each([1, formChunkBytes - 1, formChunkBytes, formChunkBytes + 1])('B2: a file of %i bytes', async (length) => {
    const file = someBytes(length);
    const id = await client.begin(length);
    for (let i = 0; i * formChunkBytes < length; i += 1)
      expect(await client.chunk(id, i, chunkOf(file, i))).toMatchObject({ status: 200 });
    expect((await client.complete(id)).body).toMatchObject({ assessment_id: sha256(file) });
  });

  test('B2: parallel chunks, each four times: one is stored, the others are acknowledged', async () => {
    const id = await client.begin(size);
    const answers = await Promise.all(
      [0, 1, 0, 1, 0, 1, 0, 1].map((index) => client.chunk(id, index, chunkOf(bytes, index))),
    );
    for (const answer of answers) expect(answer).toMatchObject({ status: 200 });
    expect(answers.filter((answer) => answer.body['duplicate'] === false)).toHaveLength(2);
    expect(await client.status(id)).toMatchObject({
      received_chunks: 2,
      missing_chunks: [2],
      received_bytes: 2 * formChunkBytes,
    });
    await client.chunk(id, 2, chunkOf(bytes, 2));
    expect((await client.complete(id)).body).toMatchObject({ assessment_id: sha256(bytes) });
  });

  test('B2: all chunks of a file at once', async () => {
    const file = someBytes(4 * formChunkBytes + 1);
    const id = await client.begin(file.length);
    const answers = await Promise.all([3, 1, 4, 0, 2].map((index) => client.chunk(id, index, chunkOf(file, index))));
    for (const answer of answers) expect(answer).toMatchObject({ status: 200, body: { duplicate: false } });
    expect((await client.complete(id)).body).toMatchObject({ assessment_id: sha256(file) });
  });
});

describe('sessions', () => {
  test('B5: cancel frees the bytes, twice is fine, and nothing is taken afterwards', async () => {
    const id = await client.begin(size);
    await client.chunk(id, 0, chunkOf(bytes, 0));
    expect((await client.get('sessions')).body['session_ids']).toContain(id);
    for (let i = 0; i < 2; i += 1)
      expect(await client.post('cancel', { upload_id: id })).toMatchObject({
        status: 200,
        body: { upload_id: id, status: 'cancelled' },
      });
    expect(await node.incoming()).not.toContain(id);
    expect((await client.get('sessions')).body['session_ids']).not.toContain(id);
    expectDetail(await client.chunk(id, 1, chunkOf(bytes, 1)), 410, /cancelled/, 'upload-closed');
    expectDetail(await client.complete(id), 410, /cancelled/, 'upload-closed');
  });

  test('B5: sessions lists what is not ended and came by forms', async () => {
    const before = (await client.get('sessions')).body['session_ids'] as string[];
    const ids = [await client.begin(10), await client.begin(20)];
    await node.create({ size: 30 });
    const { body } = await client.get('sessions');
    expect(Object.keys(body).sort()).toEqual(['active_sessions', 'session_ids']);
    expect([...body['session_ids']].sort()).toEqual([...before, ...ids].sort());
    expect(body['active_sessions']).toBe(before.length + 2);
  });

  test('A3: paused refuses and keeps; resumed goes on', async () => {
    const id = await client.begin(size);
    await client.chunk(id, 0, chunkOf(bytes, 0));
    expect(await client.post('pause', { upload_id: id }, 'json')).toMatchObject({
      status: 200,
      body: { status: 'paused' },
    });
    expectDetail(await client.chunk(id, 1, chunkOf(bytes, 1)), 409, /paused/, 'upload-paused');
    expectDetail(await client.complete(id), 409, /paused/, 'upload-paused');
    expect(await client.status(id)).toMatchObject({ status: 'paused', received_chunks: 1 });
    expect(await client.post('resume', { upload_id: id }, 'multipart')).toMatchObject({
      status: 200,
      body: { status: 'receiving' },
    });
    expect(await client.chunk(id, 1, chunkOf(bytes, 1))).toMatchObject({ status: 200, body: { received_chunks: 2 } });
  });

  test.each(bodyKinds)('status takes %s too', async (kind) => {
    const id = await client.begin(10);
    expect(await client.post('status', { upload_id: id }, kind)).toMatchObject({
      status: 200,
      body: { upload_id: id, missing_chunks: [0], expires_at: expect.stringMatching(/Z$/) },
    });
  });
});

describe('refusals', () => {
  test('B4: missing chunks, with the list', async () => {
    const id = await client.begin(size);
    await client.chunk(id, 1, chunkOf(bytes, 1));
    const body = expectDetail(await client.complete(id), 400, 'Missing chunks: [0, 2]', 'missing-chunks');
    expect(body['missing_chunks']).toEqual([0, 2]);
  });

  test('B4: of many missing chunks the words have a hundred, the list all', async () => {
    const id = await client.begin(250 * formChunkBytes);
    const body = expectDetail(await client.complete(id), 400, /^Missing chunks: \[0, 1, .* 99, …\]$/);
    expect(body['missing_chunks']).toHaveLength(250);
  });

  it.each(['-1', '1.5', '3', '99999999999999', '99999999999999999999', '1e0', '0x1', 'abc', ' 1', '+1'])(
    'B4: a chunk index of %j is refused',
    async (index) => {
      const id = await client.begin(size);
      expectDetail(await client.chunk(id, index, chunkOf(bytes, 0)), 400, 'Invalid chunk index', 'invalid-chunk-index');
      expect(await client.status(id)).toMatchObject({ received_chunks: 0 });
    },
  );

  it.each([
    'nope',
    '018f0000-0000-7000-8000-000000000000',
    '../../etc/passwd',
    '\0',
    "'; drop table uploads; --",
    'x'.repeat(3000),
  ])('B4: a session %j is not found', async (id) => {
    const notFound = 'Upload session not found';
    for (const command of ['complete', 'cancel', 'pause', 'resume', 'status'])
      for (const kind of bodyKinds)
        expectDetail(await client.post(command, { upload_id: id }, kind), 404, notFound, 'upload-not-found');
    expectDetail(await client.get(`status?upload_id=${encodeURIComponent(id)}`), 404, notFound);
    expectDetail(await client.chunk(id, 0, chunkOf(bytes, 0)), 404, notFound);
  });

  test('B2: the same bytes again are acknowledged; other bytes are refused and the stored ones kept', async () => {
    const id = await client.begin(size);
    await client.chunk(id, 1, chunkOf(bytes, 1));
    expect(await client.chunk(id, 1, chunkOf(bytes, 1))).toMatchObject({
      status: 200,
      body: { duplicate: true, received_chunks: 1 },
    });
    const other = Uint8Array.from(chunkOf(bytes, 1));
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    expectDetail(await client.chunk(id, 1, other), 409, /already stored with other bytes/, 'chunk-conflict');
    await client.chunk(id, 0, chunkOf(bytes, 0));
    await client.chunk(id, 2, chunkOf(bytes, 2));
    expect((await client.complete(id)).body).toMatchObject({ assessment_id: sha256(bytes) });
  });

  test('A1: a chunk that comes again when the file is finished gets its receipt; other bytes are refused', async () => {
    const fresh = someBytes(size);
    const id = await client.begin(size);
    for (const index of [0, 1, 2]) await client.chunk(id, index, chunkOf(fresh, index));
    await client.complete(id);
    for (const index of [0, 1, 2]) {
      expect(await client.chunk(id, index, chunkOf(fresh, index))).toMatchObject({
        status: 200,
        body: { duplicate: true, chunk_index: index, received_chunks: 3, total_chunks: 3, progress_percentage: 100 },
      });
      const other = someBytes(chunkOf(fresh, index).length);
      expectDetail(await client.chunk(id, index, other), 409, /already stored with other bytes/, 'chunk-conflict');
    }
  });

  it.each([
    [0, 0],
    [0, 1],
    [0, formChunkBytes - 1],
    [2, 99],
  ])('B2: chunk %i with only %i bytes is refused and nothing of it kept', async (index, length) => {
    const id = await client.begin(size);
    expectDetail(await client.chunk(id, index, someBytes(length)), 400, /./, 'body-too-short');
    expect(await client.status(id)).toMatchObject({ received_bytes: 0, missing_chunks: [0, 1, 2] });
  });

  it.each([
    [0, formChunkBytes + 1],
    [0, 3 * formChunkBytes],
    [2, 101],
  ])('B2: chunk %i with %i bytes is refused and nothing of it kept', async (index, length) => {
    const id = await client.begin(size);
    expectDetail(await client.chunk(id, index, someBytes(length)), 413, /./, 'body-too-long');
    expect(await client.status(id)).toMatchObject({ received_bytes: 0, missing_chunks: [0, 1, 2] });
  });

  test('B4: an address that is not there', async () => {
    expectDetail(await client.post('nothing', {}), 404, /nothing/, 'route-not-found');
  });
});
