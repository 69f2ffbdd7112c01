/** Creating an upload by the IETF draft; tests are named by what the draft says ("Upload Creation", "Upload-Limit", "Length"). */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  begin,
  collection,
  created,
  draft,
  expectRefusal,
  finalAnswer,
  head,
  idOf,
  limitsOf,
  offsetOf,
  open,
} from './ietf-exchange.ts';
import { RunningNode, sha256, someBytes } from './running-node.ts';

const bytes = someBytes(300_000);
const day = 86_400;

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { maxFileSizeGb: 1 } });
});
afterAll(() => node.close());

const create = (headers: readonly string[], body: Uint8Array = new Uint8Array(), method = 'POST', chunked = false) =>
  draft(node, { method, path: collection, headers, body, chunked });

describe('a request with Upload-Complete', () => {
  test.each(['POST', 'PUT', 'PATCH'])('%s: all request methods that allow content are possible', async (method) => {
    const answer = await create(['Upload-Complete: ?0'], bytes, method);
    expect(answer.status).toBe(201);
    expect(answer.headers.get('location')).toMatch(/^\/ietf-files\/[\w-]+$/);
    expect(offsetOf(answer)).toBe(bytes.length);
    expect(answer.headers.get('upload-complete')).toBe('?0');
    expect(limitsOf(answer)).toMatchObject({ 'max-size': 2 ** 30 });
  });

  test('?1: the server processes the request and answers as the target resource', async () => {
    const named = `inline; filename="a.bin"; filename*=UTF-8''%C3%A4%20b.bin`;
    const answer = await create(
      [
        'Upload-Complete: ?1',
        `Upload-Length: ${bytes.length}`,
        'Content-Type: video/x-thing',
        `Content-Disposition: ${named}`,
      ],
      bytes,
    );
    expect(answer).toMatchObject({
      status: 200,
      body: {
        state: 'completed',
        filename: 'ä b.bin',
        size: bytes.length,
        sha256: sha256(bytes),
        contentType: 'video/x-thing',
      },
    });
    expect(answer.headers.get('upload-complete')).toBe('?1');
    expect(offsetOf(answer)).toBe(bytes.length);
    expect(answer.headers.get('content-location')).toBe(`/v1/assets/${sha256(bytes)}`);
    const content = await node.fetch(String(answer.body['contentUrl']));
    expect(sha256(new Uint8Array(await content.arrayBuffer()))).toBe(sha256(bytes));
  });

  test('?1 without content: the client intends to upload an empty representation', async () => {
    const answer = await create(['Upload-Complete: ?1']);
    expect(answer).toMatchObject({ status: 200, body: { size: 0, sha256: sha256(new Uint8Array()) } });
  });

  test('?0 without content: retrieves the URI before any data is transferred', async () => {
    const path = await created(node);
    expect(offsetOf(await head(node, path))).toBe(0);
  });

  test('transfer coding is removed before offsets are counted', async () => {
    const answer = await create(['Upload-Complete: ?1'], bytes, 'POST', true);
    expect(answer).toMatchObject({ status: 200, body: { size: bytes.length, sha256: sha256(bytes) } });
  });

  test('a content coding belongs to the representation: its bytes are kept as they are', async () => {
    const answer = await create(['Upload-Complete: ?1', 'Content-Encoding: gzip'], bytes);
    expect(answer.body).toMatchObject({ sha256: sha256(bytes) });
    expect((await node.status(String(answer.body['uploadId']))).metadata).toEqual({ 'content-encoding': 'gzip' });
  });

  test('content that the principal owns already completes the upload at once, in an answer with Upload-Complete: ?1', async () => {
    const own = someBytes(1000);
    await create(['Upload-Complete: ?1'], own);
    const digest = `Repr-Digest: sha-256=:${Buffer.from(sha256(own), 'hex').toString('base64')}:`;
    const answer = await create(['Upload-Complete: ?0', `Upload-Length: ${own.length}`, digest]);
    expect(answer).toMatchObject({ status: 200, body: { state: 'completed', sha256: sha256(own) } });
    expect(answer.headers.get('upload-complete')).toBe('?1');
    expect(offsetOf(answer)).toBe(own.length);
  });

  test('a form is not a file', async () => {
    const answer = await create(['Upload-Complete: ?1', 'Content-Type: multipart/form-data; boundary=x'], bytes);
    expectRefusal(answer, 415, 'unsupported-type');
  });

  test.each(['garbage(', '/', 'text/html; charset="'])(
    'a malformed Content-Type (%s) is answered, not cut off',
    async (type) => {
      const answer = await create(['Upload-Complete: ?1', `Content-Type: ${type}`], bytes);
      expect([200, 400]).toContain(answer.status);
    },
  );
});

describe('interim responses', () => {
  test('104 MUST include Location and Upload-Limit, and carry the interop version', async () => {
    const { interim, headers } = await create(['Upload-Complete: ?0'], bytes);
    const [first] = interim;
    expect(first?.status).toBe(104);
    expect(first?.headers.get('upload-draft-interop-version')).toBe('8');
    expect(limitsOf(first ?? { headers })).toMatchObject({ 'max-size': 2 ** 30, 'max-age': expect.any(Number) });
    // All responses to one request MUST contain an identical Location.
    expect(first?.headers.get('location')).toBe(headers.get('location'));
  });

  test('104 comes before the content, so that the client can resume when the exchange is interrupted', async () => {
    const connection = await open(node);
    begin(connection, { method: 'POST', path: collection, headers: ['Upload-Complete: ?1'], body: bytes });
    const early = await connection.answer();
    expect(early.status).toBe(104);
    connection.send(bytes.subarray(0, 100_000));
    connection.finish();
    const path = early.headers.get('location') ?? '';
    await expect.poll(async () => (await node.status(idOf(path))).receivedBytes).toBe(100_000);
    const { status, headers } = await head(node, path);
    expect([status, headers.get('upload-offset'), headers.get('upload-complete')]).toEqual([204, '100000', '?0']);
  });

  test('104 with Upload-Offset tells what is durable while the content comes', async () => {
    const { interim } = await create(['Upload-Complete: ?0'], bytes);
    expect(interim.map((one) => [one.status, one.headers.get('upload-offset')])).toEqual([
      [104, null],
      [104, String(bytes.length)],
    ]);
    expect(interim[1]?.headers.get('location')).toBeNull();
  });

  test.each([null, 2, 9, 800])(
    'MUST NOT be sent when the interop version is missing or mismatching (%s)',
    async (version) => {
      const answer = await draft(node, {
        method: 'POST',
        path: collection,
        headers: ['Upload-Complete: ?0'],
        body: bytes,
        version,
      });
      expect(answer).toMatchObject({ status: 201, interim: [] });
      expect(answer.headers.get('upload-draft-interop-version')).toBeNull();
    },
  );

  test('the server MUST NOT omit 100 (Continue) because it sends a 104', async () => {
    const connection = await open(node);
    const headers = ['Upload-Complete: ?1', 'Expect: 100-continue'];
    begin(connection, { method: 'POST', path: collection, headers, body: bytes });
    const statuses = [(await connection.answer()).status, (await connection.answer()).status];
    expect(statuses.toSorted()).toEqual([100, 104]);
    connection.send(bytes);
    expect((await finalAnswer(connection)).status).toBe(200);
    connection.destroy();
  });

  test('HTTP/1.0 knows no interim responses', async () => {
    const connection = await open(node);
    connection.send(
      `POST ${collection} HTTP/1.0\r\nHost: localhost\r\nUpload-Draft-Interop-Version: 8\r\nUpload-Complete: ?0\r\nContent-Length: 3\r\n\r\nabc`,
    );
    expect((await connection.answer()).status).toBe(201);
    connection.destroy();
  });
});

describe('values of another type', () => {
  test.each(['1', 'true', '?2', '"?1"', '?1, ?1', ''])(
    'cause Upload-Complete (%j) to be ignored: the request is a conventional upload',
    async (value) => {
      const answer = await create([`Upload-Complete: ${value}`], bytes);
      expect(answer).toMatchObject({ status: 201, interim: [], body: { state: 'completed', sha256: sha256(bytes) } });
      expect(answer.headers.get('upload-complete')).toBeNull();
      expect(answer.headers.get('location')).toBe(`/v1/assets/${sha256(bytes)}`);
    },
  );

  test.each(['-1', '1.0', '1e3', '"5"', 'five', '5, 5', '?1', '9999999999999999'])(
    'cause Upload-Length (%s) to be ignored',
    async (value) => {
      const path = await created(node, [`Upload-Length: ${value}`], bytes);
      expect((await head(node, path)).headers.get('upload-length')).toBeNull();
    },
  );

  test('parameters that nobody knows are no other type', async () => {
    const answer = await create(['Upload-Complete: ?0;why="so"', 'Upload-Length: 300001;x']);
    expect(answer.status).toBe(201);
    expect((await head(node, answer.headers.get('location') ?? '')).headers.get('upload-length')).toBe('300001');
  });
});

describe('a conventional upload', () => {
  test('of a type that is not taken is refused for that, although its upload has failed of it already', async () => {
    await using strict = await RunningNode.start({ config: { allowedTypes: ['audio/*'] } });
    const page = Buffer.from('<!doctype html>'.padEnd(20_000));
    const answer = await strict.fetch(collection, {
      method: 'POST',
      headers: { 'content-type': 'audio/wav' },
      body: page,
    });
    expect([answer.status, await answer.json()]).toEqual([415, expect.objectContaining({ code: 'unsupported-type' })]);
  });

  test('that breaks off leaves nothing behind', async () => {
    const connection = await open(node);
    const before = await node.json<{ items: { state: string; protocol: string }[] }>(
      'GET',
      '/v1/uploads?state=receiving',
    );
    begin(connection, { method: 'PUT', path: collection, body: bytes, version: null });
    connection.send(bytes.subarray(0, 70_000));
    const live = async () =>
      (await node.json<{ items: unknown[] }>('GET', '/v1/uploads?state=receiving')).body.items.length;
    await expect.poll(live).toBe(before.body.items.length + 1);
    connection.reset();
    await expect.poll(live).toBe(before.body.items.length);
  });
});

describe('lengths', () => {
  test('Content-Length of a request that completes the upload MUST be recorded as the length', async () => {
    const connection = await open(node);
    begin(connection, { method: 'POST', path: collection, headers: ['Upload-Complete: ?1'], body: bytes });
    const path = (await connection.answer()).headers.get('location') ?? '';
    connection.reset();
    await expect.poll(async () => (await head(node, path)).headers.get('upload-length')).toBe(String(bytes.length));
  });

  test.each([bytes.length - 1, bytes.length + 1])('both indicators in one request MUST match (%i)', async (length) => {
    const answer = await create(['Upload-Complete: ?1', `Upload-Length: ${length}`], bytes);
    expectRefusal(answer, 400, 'length-conflict', 'inconsistent-upload-length');
    expect(answer.headers.get('upload-complete')).toBe('?0');
    expect(answer.headers.get('location')).toBeNull();
  });

  test('more content than the length is refused for good', async () => {
    const answer = await create(['Upload-Complete: ?0', 'Upload-Length: 10'], bytes);
    expectRefusal(answer, 400, 'body-too-long', 'inconsistent-upload-length');
    expect((await head(node, answer.headers.get('location') ?? '')).status).toBe(410);
  });

  test('a length above max-size is refused with 413, which SHOULD carry Upload-Limit', async () => {
    const answer = await create(['Upload-Complete: ?0', `Upload-Length: ${2 ** 31}`]);
    expectRefusal(answer, 413, 'file-too-large');
    expect(limitsOf(answer)['max-size']).toBe(2 ** 30);
    expect(answer.headers.get('upload-complete')).toBe('?0');
  });
});

describe('limits', () => {
  test('OPTIONS without Upload-Complete MUST include Upload-Limit', async () => {
    const answer = await draft(node, { method: 'OPTIONS', path: collection });
    expect(answer.status).toBe(204);
    expect(limitsOf(answer)).toEqual({ 'max-size': 2 ** 30, 'max-age': day });
  });

  test('those of an upload are not more restrictive than those announced', async () => {
    const answer = await create(['Upload-Complete: ?0']);
    expect(limitsOf(answer)['max-size']).toBe(2 ** 30);
    expect(limitsOf(answer)['max-age']).toBeGreaterThan(day - 5);
  });
});
