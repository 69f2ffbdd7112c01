/** A1, A3, A4, C1, C11: creation and chunks over HTTP, with every kind of wrong input. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { chunkBytes, expectProblem, RunningNode, sha256, someBytes } from './running-node.ts';

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(async () => {
  expect(await node.incoming(), 'every upload of these tests that ended freed its bytes').toEqual(await stillLive());
  await node.close();
});

async function stillLive(): Promise<string[]> {
  const { body } = await node.json<{ items: { id: string; receivedBytes: number }[] }>(
    'GET',
    '/v1/uploads?state=receiving,paused&limit=200',
  );
  return body.items
    .filter((u) => u.receivedBytes > 0)
    .map((u) => u.id)
    .sort();
}

describe('creation', () => {
  const good = { filename: 'talk.mp4', size: 10 };
  const wrong: readonly [string, unknown, string][] = [
    ['size missing', { filename: 'a' }, 'invalid-size'],
    ['size negative', { ...good, size: -1 }, 'invalid-size'],
    ['size fractional', { ...good, size: 1.5 }, 'invalid-size'],
    ['size as a string', { ...good, size: '10' }, 'invalid-size'],
    ['size null', { ...good, size: null }, 'invalid-size'],
    ['size beyond exact integers', { ...good, size: 2 ** 53 }, 'invalid-size'],
    ['chunkSize 0', { ...good, chunkSize: 0 }, 'invalid-size'],
    ['chunkSize negative', { ...good, chunkSize: -4 }, 'invalid-size'],
    ['chunkSize fractional', { ...good, chunkSize: 70_000.5 }, 'invalid-size'],
    ['filename missing', { size: 1 }, 'invalid-request'],
    ['filename empty', { ...good, filename: '' }, 'invalid-request'],
    ['filename too long', { ...good, filename: 'x'.repeat(1025) }, 'invalid-request'],
    ['filename a number', { ...good, filename: 5 }, 'invalid-request'],
    ['sha256 too short', { ...good, sha256: 'abc' }, 'invalid-digest'],
    ['sha256 not hex', { ...good, sha256: 'z'.repeat(64) }, 'invalid-digest'],
    ['contentType without subtype', { ...good, contentType: 'video' }, 'invalid-request'],
    ['contentType with a line break', { ...good, contentType: 'video/mp4\r\nx: y' }, 'invalid-request'],
    ['metadata not words', { ...good, metadata: { a: 1 } }, 'invalid-request'],
    ['metadata value too long', { ...good, metadata: { a: 'x'.repeat(4097) } }, 'invalid-request'],
    ['metadata with NUL', { ...good, metadata: { a: 'x\0y' } }, 'invalid-request'],
    ['metadata with an empty key', { ...good, metadata: { '': 'x' } }, 'invalid-request'],
    [
      'too much metadata',
      { ...good, metadata: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`k${i}`, ''])) },
      'invalid-request',
    ],
    ['an unknown field', { ...good, sise: 10 }, 'invalid-request'],
    ['an array', [good], 'invalid-request'],
    ['null', null, 'invalid-request'],
  ];
  it.each(wrong)('C11: %s is refused', async (_name, body, code) => {
    expectProblem(await node.json('POST', '/v1/uploads', body), 400, code);
  });

  test('C11: a file that is too large is refused with the limit', async () => {
    const problem = expectProblem(
      await node.json('POST', '/v1/uploads', { filename: 'a', size: 2 ** 50 }),
      413,
      'file-too-large',
    );
    expect(problem.details).toMatchObject({ fileBytesMax: 2 ** 40 });
  });

  test('C11: a file that the disk cannot hold is refused, and said to be worth trying later', async () => {
    const answer = await node.json('POST', '/v1/uploads', { filename: 'a', size: 2 ** 40 });
    expect(expectProblem(answer, 507, 'insufficient-storage').retryable).toBe(true);
    expect(answer.headers.get('retry-after')).toBe('60');
  });

  test('C1: the answer has the whole record, and a Location', async () => {
    const answer = await node.json<Record<string, unknown>>('POST', '/v1/uploads', {
      filename: 'Clase 1.mp4',
      size: 200_000,
      chunkSize: 1,
      contentType: 'Video/MP4; codecs=avc1',
      sha256: 'AB'.repeat(32),
      metadata: { asignatura: 'Cardiología', tema: 'ECG', profesor_text: 'Dra. Ruiz' },
    });
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toBe(`/v1/uploads/${String(answer.body['id'])}`);
    const { createdAt, expiresAt } = answer.body as { createdAt: string; expiresAt: string };
    expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(24 * 3_600_000);
    expect(answer.body).toMatchObject({
      filename: 'Clase 1.mp4',
      contentType: 'video/mp4',
      chunkSize: chunkBytes,
      totalChunks: 4,
      state: 'receiving',
      receivedBytes: 0,
      progress: 0,
      missing: [{ start: 0, end: 200_000 }],
      missingChunks: [0, 1, 2, 3],
      expectedSha256: 'ab'.repeat(32),
      sha256: null,
      metadata: { asignatura: 'Cardiología', tema: 'ECG', profesor_text: 'Dra. Ruiz' },
      lastEvent: 1,
    });
  });

  test('C1: metadata as large as it may be comes back as it was', async () => {
    const metadata = Object.fromEntries(
      Array.from({ length: 64 }, (_, i) => [`key-${i}`, `${i}ñ`.repeat(1024).slice(0, 4096)]),
    );
    const { id } = await node.create({ size: 10, metadata });
    expect((await node.status(id)).metadata).toEqual(metadata);
  });

  const names: readonly [string, string][] = [
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\windows\\system32\\cmd.exe', 'cmd.exe'],
    ['/absolute/path.mp4', 'path.mp4'],
    ['a\u0000b.mp4', 'ab.mp4'],
    ['line\nbreak\r.mp4', 'linebreak.mp4'],
    ['\u202egpj.exe', 'gpj.exe'],
    ['...', 'unnamed'],
    ['.hidden', 'hidden'],
    ['CON', 'unnamed'],
    ['日本語 ñandú.webm', '日本語 ñandú.webm'],
    ['<script>"x"|?*.html', 'scriptx.html'],
  ];
  it.each(names)('C11: the name %j is kept and made safe', async (filename, safeName) => {
    const upload = await node.create({ size: 3, filename });
    expect(upload).toMatchObject({ filename, safeName });
    const done = await node.put(upload.id, 0, Buffer.from('abc'));
    expect(done.status).toBe(200);
    await node.json('POST', `/v1/uploads/${upload.id}/complete`);
    const content = await node.fetch(`/v1/assets/${sha256(Buffer.from('abc'))}/content?download=1`);
    expect(content.headers.get('content-disposition')).toMatch(/^attachment; filename/);
    expect(content.headers.get('content-disposition')).not.toMatch(/[\r\n/\\]/);
  });
});

describe('chunks', () => {
  const size = 2 * chunkBytes + 100;
  const bytes = someBytes(size);
  const chunk = (i: number) => bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes);

  test('A1, A4, C2: receipts, progress from what is stored, missing chunks, completion by itself', async () => {
    const { id } = await node.create({ size });
    const last = await node.put(id, 2, chunk(2));
    expect(last.body).toMatchObject({
      uploadId: id,
      index: 2,
      offset: 2 * chunkBytes,
      length: 100,
      duplicate: false,
      receivedBytes: 100,
    });
    expect(last.body.crc32).toMatch(/^[0-9a-f]{8}$/);
    expect(await node.status(id)).toMatchObject({
      missingChunks: [0, 1],
      missing: [{ start: 0, end: 2 * chunkBytes }],
      receivedChunks: 1,
    });
    expect((await node.put(id, 0, chunk(0))).body).toMatchObject({
      receivedBytes: chunkBytes + 100,
      state: 'receiving',
    });
    const { progress } = await node.status(id);
    expect(progress).toBeCloseTo((chunkBytes + 100) / size, 10);
    expect((await node.put(id, 1, chunk(1))).body).toMatchObject({ receivedBytes: size, state: 'validating' });
    const done = await node.json<{ sha256: string }>('POST', `/v1/uploads/${id}/complete`);
    expect(done).toMatchObject({
      status: 200,
      body: { state: 'completed', sha256: sha256(bytes), progress: 1, missing: [], missingChunks: [] },
    });
    const stored = await node.fetch(`/v1/assets/${done.body.sha256}/content`);
    expect(sha256(Buffer.from(await stored.arrayBuffer()))).toBe(sha256(bytes));
  });

  it.each(['-1', '1.5', '3', '99999999999999', '1e1', '0x1', 'abc', '%20', '+1'])(
    'an index of %s is refused',
    async (index) => {
      const { id } = await node.create({ size });
      expectProblem(await node.put(id, index, chunk(0)), 400, 'invalid-chunk-index');
      expect(await node.status(id)).toMatchObject({ receivedBytes: 0 });
    },
  );

  test('an index of 17 digits is refused', async () => {
    const { id } = await node.create({ size });
    expectProblem(await node.put(id, '1'.repeat(17), chunk(0)), 400, 'invalid-request');
  });

  it.each([0, 1, chunkBytes - 1, chunkBytes + 1, 3 * chunkBytes])(
    'A1: a chunk declared with %i bytes is refused and nothing of it kept',
    async (length) => {
      const { id } = await node.create({ size });
      const problem = expectProblem(await node.put(id, 0, someBytes(length)), 400, 'invalid-size');
      expect(problem.details).toEqual({ index: 0, expected: chunkBytes, declared: length });
      expect(await node.status(id)).toMatchObject({ receivedBytes: 0, missingChunks: [0, 1, 2] });
    },
  );

  test('A1: the same chunk again is acknowledged again; other bytes are refused and the stored ones kept', async () => {
    const { id } = await node.create({ size });
    await node.put(id, 1, chunk(1));
    const again = await node.put(id, 1, chunk(1));
    expect(again).toMatchObject({ status: 200, body: { duplicate: true, receivedBytes: chunkBytes } });
    const other = Buffer.from(chunk(1));
    other[chunkBytes - 1] = (other[chunkBytes - 1] ?? 0) ^ 1;
    const problem = expectProblem(await node.put(id, 1, other), 409, 'chunk-conflict');
    expect(problem.retryable).toBe(false);
    await node.put(id, 0, chunk(0));
    await node.put(id, 2, chunk(2));
    const done = await node.json('POST', `/v1/uploads/${id}/complete`);
    expect(done.body).toMatchObject({ sha256: sha256(bytes) });
    expect((await node.events(id)).filter((e) => e.type === 'completed')).toHaveLength(1);
  });

  it.each([
    'application/json',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'text/plain',
    'nonsense',
  ])('a chunk is raw whatever its Content-Type: %s', async (type) => {
    const body = Buffer.from('{"not": "parsed"');
    const { id } = await node.create({ size: body.length });
    expect(await node.put(id, 0, body, { 'content-type': type })).toMatchObject({ status: 200 });
    const done = await node.json('POST', `/v1/uploads/${id}/complete`);
    expect(done.body).toMatchObject({ state: 'completed', sha256: sha256(body) });
  });

  test('A1: unknown and malformed ids', async () => {
    for (const id of [
      'nope',
      '018f0000-0000-7000-8000-000000000000',
      '..%2f..%2fetc',
      '%00',
      "'; drop table uploads; --",
    ]) {
      const answers = [
        await node.json('GET', `/v1/uploads/${id}`),
        await node.json('POST', `/v1/uploads/${id}/pause`),
        await node.json('POST', `/v1/uploads/${id}/resume`),
        await node.json('POST', `/v1/uploads/${id}/complete`),
        await node.json('DELETE', `/v1/uploads/${id}`),
        await node.json('GET', `/v1/uploads/${id}/events`),
        await node.put(id, 0, chunk(0)),
      ];
      for (const answer of answers) expectProblem(answer, 404, 'upload-not-found');
    }
  });
});
