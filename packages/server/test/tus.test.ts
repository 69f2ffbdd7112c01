/** tus 1.0.0, core protocol: each test is named by the sentence of the specification that it holds the server to. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { RunningNode, sha256, someBytes } from './running-node.ts';
import { begun, bytesType, chunk, createUpload, offsetOf, patchUpload, tus } from './tus-client.ts';

const missing = '/files/01900000-0000-7000-8000-000000000000';
let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { bodyIdleSeconds: 1, maxFileSizeGb: 1 } });
});
afterAll(() => node.close());

async function completed(path: string): Promise<string | null> {
  const state = async () => (await tus(node, 'HEAD', path)).headers.get('holdfast-upload-state');
  await expect.poll(state, { timeout: 10_000 }).toBe('completed');
  return (await tus(node, 'HEAD', path)).headers.get('holdfast-asset');
}

describe('Tus-Resumable', () => {
  test('The Tus-Resumable header MUST be included in every request and response', async () => {
    const path = await createUpload(node, { 'Upload-Length': 5 });
    const answers = [
      await tus(node, 'POST', '/files', { headers: { 'Upload-Length': 1 } }),
      await tus(node, 'POST', '/files'),
      await tus(node, 'HEAD', path),
      await tus(node, 'HEAD', missing),
      await tus(node, 'PATCH', path),
      await tus(node, 'PUT', path),
      await tus(node, 'GET', path),
      await tus(node, 'DELETE', path),
      await tus(node, 'OPTIONS', '/files'),
    ];
    expect(answers.map((a) => a.status)).toEqual([201, 400, 200, 404, 415, 404, 409, 204, 204]);
    for (const answer of answers) expect(answer.headers.get('tus-resumable')).toBe('1.0.0');
  });

  test.each(['0.2.2', '1.0.1', '2.0.0', 'x', null])(
    'If the version specified by the Client is not supported, it MUST respond with 412 and Tus-Version, and MUST NOT process: %s',
    async (version) => {
      const path = await createUpload(node, { 'Upload-Length': 5 });
      const headers = { ...bytesType, 'Upload-Offset': 0 };
      for (const [method, given] of [
        ['PATCH', { headers, body: Buffer.from('hello') }],
        ['DELETE', {}],
        ['HEAD', {}],
      ] as const) {
        const answer = await tus(node, method, path, { ...given, version });
        expect(answer.status).toBe(412);
        expect(answer.headers.get('tus-version')).toBe('1.0.0');
        expect(answer.headers.get('upload-offset')).toBeNull();
      }
      expect(await offsetOf(node, path)).toBe(0);
    },
  );
});

describe('OPTIONS', () => {
  test('A successful response MUST contain the Tus-Version header; the Server MUST ignore Tus-Resumable', async () => {
    for (const version of ['1.0.0', '9.9.9', null]) {
      const { status, headers } = await tus(node, 'OPTIONS', '/files', { version });
      expect(status).toBe(204);
      expect(headers.get('tus-version')).toBe('1.0.0');
      expect(headers.get('tus-max-size')).toBe(String(1024 ** 3));
      expect(headers.get('tus-checksum-algorithm')?.split(',')).toEqual(
        expect.arrayContaining(['sha1', 'sha256', 'sha512', 'md5', 'crc32']),
      );
      expect(headers.get('tus-extension')).toBe(
        'creation,creation-with-upload,creation-defer-length,expiration,checksum,checksum-trailer,termination,concatenation,concatenation-unfinished',
      );
    }
  });
});

describe('X-HTTP-Method-Override', () => {
  test('MUST be interpreted as the request’s method; the actual method MUST be ignored', async () => {
    const path = await createUpload(node, { 'Upload-Length': 5 });
    const headers = { ...bytesType, 'Upload-Offset': 0, 'X-HTTP-Method-Override': 'PATCH' };
    for (const [method, offset] of [
      ['POST', 0],
      ['PUT', 2],
      ['DELETE', 3],
    ] as const) {
      const answer = await tus(node, method, path, {
        headers: { ...headers, 'Upload-Offset': offset },
        body: Buffer.from(method === 'POST' ? 'he' : 'l'),
      });
      expect(answer.status).toBe(204);
    }
    expect(await offsetOf(node, path)).toBe(4);
    const probe = await tus(node, 'POST', path, { headers: { 'X-HTTP-Method-Override': 'HEAD' } });
    expect(probe.headers.get('upload-offset')).toBe('4');
    expect((await tus(node, 'POST', path, { headers: { 'X-HTTP-Method-Override': 'DELETE' } })).status).toBe(204);
    expect((await tus(node, 'HEAD', path)).status).toBe(410);
  });
});

describe('HEAD', () => {
  test('MUST always include Upload-Offset, even if it is 0 or the upload is completed; MUST include Upload-Length; MUST have no-store', async () => {
    const path = await createUpload(node, { 'Upload-Length': 5 });
    for (const [send, offset] of [
      ['', 0],
      ['hel', 3],
      ['lo', 5],
    ] as const) {
      if (send !== '') await patchUpload(node, path, offset - send.length, Buffer.from(send));
      const { status, headers } = await tus(node, 'HEAD', path);
      expect(status).toBe(200);
      expect(headers.get('upload-offset')).toBe(String(offset));
      expect(headers.get('upload-length')).toBe('5');
      expect(headers.get('cache-control')).toBe('no-store');
    }
    await completed(path);
    expect(await offsetOf(node, path)).toBe(5);
  });

  test.each([missing, '/files/x', '/files/..%2f..%2fetc', '/files/%00', `/files/${'a'.repeat(300)}`])(
    'If the resource is not found: 404 without Upload-Offset: %s',
    async (path) => {
      const { status, headers } = await tus(node, 'HEAD', path);
      expect(status).toBe(404);
      expect(headers.get('upload-offset')).toBeNull();
    },
  );
});

describe('PATCH', () => {
  test('MUST be acknowledged with 204 and the new offset: the old one and the bytes stored', async () => {
    const bytes = someBytes(300_000);
    const path = await createUpload(node, { 'Upload-Length': bytes.length });
    for (const [from, to] of [
      [0, 1],
      [1, 100_000],
      [100_000, 100_000],
      [100_000, 300_000],
    ] as const) {
      const { status, headers } = await patchUpload(node, path, from, bytes.subarray(from, to));
      expect(status).toBe(204);
      expect(headers.get('upload-offset')).toBe(String(to));
      expect(await offsetOf(node, path)).toBe(to);
    }
    expect(await completed(path)).toBe(sha256(bytes));
    // The last answer may have been lost: nothing more to do is not an error.
    expect((await patchUpload(node, path, bytes.length, Buffer.alloc(0))).status).toBe(204);
  });

  test('a body in chunks (Transfer-Encoding) counts as well', async () => {
    const path = await createUpload(node, { 'Upload-Length': 11 });
    const connection = await begun(node, 'PATCH', path, {
      ...bytesType,
      'Upload-Offset': 0,
      'Transfer-Encoding': 'chunked',
    });
    connection.send(chunk(Buffer.from('hello ')));
    connection.send(chunk(Buffer.from('world')));
    connection.send('0\r\n\r\n');
    expect((await connection.answer()).headers.get('upload-offset')).toBe('11');
    connection.destroy();
    expect(await completed(path)).toBe(sha256(Buffer.from('hello world')));
  });

  test('If the offsets do not match, the Server MUST respond with 409 without modifying the upload', async () => {
    const path = await createUpload(node, { 'Upload-Length': 10 });
    await patchUpload(node, path, 0, Buffer.from('abcd'));
    for (const offset of [0, 3, 5, 10, 99])
      expect((await patchUpload(node, path, offset, Buffer.from('x'))).status).toBe(409);
    expect(await offsetOf(node, path)).toBe(4);
    await patchUpload(node, path, 4, Buffer.from('efghij'));
    expect((await patchUpload(node, path, 4, Buffer.from('efghij'))).status).toBe(409);
    expect(await completed(path)).toBe(sha256(Buffer.from('abcdefghij')));
    expect((await patchUpload(node, path, 4, Buffer.from('efghij'))).status).toBe(409);
  });

  test.each(['application/octet-stream', 'application/offset', 'multipart/form-data; boundary=x', '', null, '///'])(
    'All PATCH requests MUST use application/offset+octet-stream, otherwise 415: %s',
    async (type) => {
      const path = await createUpload(node, { 'Upload-Length': 10 });
      const headers = { 'Upload-Offset': 0, ...(type === null ? {} : { 'Content-Type': type }) };
      expect((await tus(node, 'PATCH', path, { headers, body: Buffer.from('x') })).status).toBe(415);
      expect(await offsetOf(node, path)).toBe(0);
    },
  );

  test.each(['-1', '1e3', '0x10', '1.0', '', ' ', '+1', '9007199254740993', '99999999999999999999', 'NaN', '١'])(
    'Upload-Offset and Upload-Length MUST be non-negative integers: "%s" is 400',
    async (text) => {
      const path = await createUpload(node, { 'Upload-Length': 10 });
      expect((await patchUpload(node, path, 0, Buffer.from('x'), { 'Upload-Offset': text })).status).toBe(400);
      expect((await tus(node, 'POST', '/files', { headers: { 'Upload-Length': text } })).status).toBe(400);
      expect(await offsetOf(node, path)).toBe(0);
    },
  );

  test('without Upload-Offset it is 400; against a non-existent resource 404', async () => {
    const path = await createUpload(node, { 'Upload-Length': 10 });
    expect((await tus(node, 'PATCH', path, { headers: bytesType, body: Buffer.from('x') })).status).toBe(400);
    expect((await patchUpload(node, missing, 0, Buffer.from('x'))).status).toBe(404);
  });

  test('The Server SHOULD always attempt to store as much of the received data as possible', async () => {
    const bytes = someBytes(500_000);
    for (const how of ['reset', 'finish', 'stop'] as const) {
      const path = await createUpload(node, { 'Upload-Length': bytes.length });
      const connection = await begun(node, 'PATCH', path, {
        ...bytesType,
        'Upload-Offset': 0,
        'Content-Length': bytes.length,
      });
      connection.send(bytes.subarray(0, 100_000));
      await expect.poll(() => offsetOf(node, path)).toBe(100_000);
      connection.send(bytes.subarray(100_000, 123_457));
      if (how === 'finish') connection.finish();
      if (how === 'stop') expect((await connection.answer()).status).toBe(408);
      if (how === 'reset') connection.reset();
      // A reset may throw away what the server's machine has, but the server has not read yet.
      const atLeast = how === 'reset' ? 100_000 : 123_457;
      await expect.poll(() => offsetOf(node, path), { timeout: 5_000 }).toBeGreaterThanOrEqual(atLeast);
      const { offset } = (await patchUpload(node, path, 0, bytes)).body['details'] as { offset: number };
      connection.destroy();
      expect(offset).toBeLessThanOrEqual(123_457);
      await patchUpload(node, path, offset, bytes.subarray(offset));
      expect(await completed(path)).toBe(sha256(bytes));
    }
  });

  test('more than the length is 413, whether it is declared or not, and nothing of it is kept', async () => {
    const path = await createUpload(node, { 'Upload-Length': 10 });
    expect((await patchUpload(node, path, 0, Buffer.alloc(11))).status).toBe(413);
    const connection = await begun(node, 'PATCH', path, {
      ...bytesType,
      'Upload-Offset': 0,
      'Transfer-Encoding': 'chunked',
    });
    connection.send(chunk(Buffer.alloc(11)));
    connection.send('0\r\n\r\n');
    expect((await connection.answer()).status).toBe(413);
    connection.destroy();
    expect(await offsetOf(node, path)).toBe(0);
  });
});

test('a server that stops ends a body that is coming in, at once, and keeps what had arrived', async () => {
  const bytes = someBytes(400_000);
  const first = await RunningNode.start();
  const path = await createUpload(first, { 'Upload-Length': bytes.length });
  const connection = await begun(first, 'PATCH', path, {
    ...bytesType,
    'Upload-Offset': 0,
    'Content-Length': bytes.length,
  });
  connection.send(bytes.subarray(0, 150_000));
  await expect.poll(() => offsetOf(first, path)).toBe(150_000);
  const began = performance.now();
  const stopped = first.stop();
  expect((await connection.answer()).status).toBe(503);
  connection.destroy();
  await stopped;
  expect(performance.now() - began).toBeLessThan(3_000);
  await using second = await RunningNode.start({ dataDir: first.dataDir });
  expect(await offsetOf(second, path)).toBe(150_000);
  expect((await patchUpload(second, path, 150_000, bytes.subarray(150_000))).status).toBe(204);
});

describe('two requests for one upload', () => {
  test('the newer one goes on where the older one was', async () => {
    const bytes = someBytes(400_000);
    const path = await createUpload(node, { 'Upload-Length': bytes.length });
    const old = await begun(node, 'PATCH', path, { ...bytesType, 'Upload-Offset': 0, 'Content-Length': bytes.length });
    old.send(bytes.subarray(0, 150_000));
    await expect.poll(() => offsetOf(node, path)).toBe(150_000);
    const answer = await patchUpload(node, path, 0, bytes);
    expect(answer).toMatchObject({ status: 409, body: { details: { offset: 150_000 } } });
    expect((await old.answer()).status).toBe(423);
    old.destroy();
    expect((await patchUpload(node, path, 150_000, bytes.subarray(150_000))).status).toBe(204);
    expect(await completed(path)).toBe(sha256(bytes));
  });

  test('HEAD tells what has arrived of a body that is still coming, without disturbing it; the newer request goes on there', async () => {
    const bytes = someBytes(2_500_000);
    for (const arrived of [0, 1, 150_000, 1_700_000]) {
      const path = await createUpload(node, { 'Upload-Length': bytes.length });
      const old = await begun(node, 'PATCH', path, {
        ...bytesType,
        'Upload-Offset': 0,
        'Content-Length': bytes.length,
      });
      old.send(bytes.subarray(0, arrived));
      await expect.poll(() => offsetOf(node, path)).toBe(arrived);
      // It goes on as if nothing had been, and is asked again.
      old.send(bytes.subarray(arrived, arrived + 1000));
      await expect.poll(() => offsetOf(node, path)).toBe(arrived + 1000);
      expect((await patchUpload(node, path, arrived + 1000, bytes.subarray(arrived + 1000))).status).toBe(204);
      expect((await old.answer()).status).toBe(423);
      old.destroy();
      expect(await completed(path)).toBe(sha256(bytes));
    }
  });

  test('a hundred at once: one of them wins, and the file is whole', async () => {
    const bytes = someBytes(50_000);
    const path = await createUpload(node, { 'Upload-Length': bytes.length });
    const answers = await Promise.all(Array.from({ length: 100 }, () => patchUpload(node, path, 0, bytes)));
    const statuses = new Set(answers.map((answer) => answer.status));
    expect([...statuses].every((status) => [204, 409, 423].includes(status))).toBe(true);
    const offset = await offsetOf(node, path);
    if (offset < bytes.length) await patchUpload(node, path, offset, bytes.subarray(offset));
    expect(await completed(path)).toBe(sha256(bytes));
  });
});

describe('other protocols', () => {
  test('an upload of another one is not a resource of tus; a tus upload takes no chunks, and shows in the native API', async () => {
    const native = await node.create({ size: 10 });
    expect((await tus(node, 'HEAD', `/files/${native.id}`)).status).toBe(404);
    expect((await tus(node, 'DELETE', `/files/${native.id}`)).status).toBe(404);
    expect((await patchUpload(node, `/files/${native.id}`, 0, Buffer.from('x'))).status).toBe(404);
    const path = await createUpload(node, { 'Upload-Length': 10 });
    const id = path.split('/').at(-1) ?? '';
    expect((await node.put(id, 0, Buffer.alloc(10))).body.code).toBe('wrong-protocol');
    await patchUpload(node, path, 0, Buffer.from('abcd'));
    expect(await node.status(id)).toMatchObject({
      protocol: 'tus',
      intake: 'append',
      size: 10,
      receivedBytes: 4,
      missing: [{ start: 4, end: 10 }],
    });
    expect((await node.json('POST', `/v1/uploads/${id}/pause`)).status).toBe(200);
    expect((await patchUpload(node, path, 4, Buffer.from('x'))).status).toBe(423);
    expect((await node.json('POST', `/v1/uploads/${id}/resume`)).status).toBe(200);
    expect((await patchUpload(node, path, 4, Buffer.from('efghij'))).status).toBe(204);
    expect(await completed(path)).toBe(sha256(Buffer.from('abcdefghij')));
  });
});
