/** A1, A2, C2, C11: a small file in the request that creates its upload, whole or not at all. */
import { createHash } from 'node:crypto';
import type { IssuedUploadToken, Problem, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { S3Stub } from '../src/testing/s3-stub/stub.ts';
import { RawConnection } from './raw-connection.ts';
import { type Answer, expectProblem, KiB, RunningNode, sha256, someBytes } from './running-node.ts';

const most = 256 * KiB;

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(async () => {
  await node.close();
});

async function send<T = Upload>(
  to: RunningNode,
  bytes: Uint8Array,
  { query = 'filename=memo.m4a', headers = {} }: { query?: string; headers?: Record<string, string> } = {},
): Promise<Answer<T>> {
  const type = { 'content-type': 'audio/mp4', ...headers };
  const answer = await to.fetch(`/v1/uploads/whole?${query}`, { method: 'POST', headers: type, body: bytes });
  return { status: answer.status, headers: answer.headers, body: (await answer.json()) as T };
}

function contentDigest(bytes: Uint8Array): string {
  return `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`;
}

/** What is left of a refused file: rows and bytes. */
async function leftovers(of: RunningNode): Promise<{ uploads: number; files: number }> {
  const list = await of.json<{ items: unknown[] }>(
    'GET',
    '/v1/uploads?limit=200&state=receiving,validating,assembling',
  );
  return { uploads: list.body.items.length, files: (await of.incoming()).length };
}

it.each([1, 4_097, 64 * KiB, most])(
  'A1, A2: a file of %i bytes arrives, and is the asset of its SHA-256',
  async (size) => {
    const bytes = someBytes(size);
    const metadata = encodeURIComponent(JSON.stringify({ topic: 'anatomy' }));
    const { status, headers, body } = await send(node, bytes, { query: `filename=memo.m4a&metadata=${metadata}` });
    expect(status).toBe(201);
    expect(headers.get('location')).toBe(`/v1/uploads/${body.id}`);
    expect(body).toMatchObject({ filename: 'memo.m4a', size, receivedBytes: size, metadata: { topic: 'anatomy' } });
    expect(body).toMatchObject({ progress: 1, missing: [], protocol: 'native', contentType: 'audio/mp4' });
    const done = await node.json<Upload>('POST', `/v1/uploads/${body.id}/complete?wait=10`);
    expect(done.body).toMatchObject({ state: 'completed', sha256: sha256(bytes) });
    const events = await node.json<{ items: { seq: number; type: string }[] }>('GET', `/v1/uploads/${body.id}/events`);
    expect(events.body.items.map(({ seq, type }) => `${seq} ${type}`)).toEqual([
      '1 created',
      '2 progress',
      '3 validating',
      expect.stringContaining('4 '),
      ...events.body.items.slice(4).map(({ seq, type }) => `${seq} ${type}`),
    ]);
    const content = await node.fetch(`/v1/assets/${sha256(bytes)}/content`);
    expect(Buffer.from(await content.arrayBuffer())).toEqual(bytes);
  },
);

test('A2: an empty file is complete by itself', async () => {
  const { status, body } = await send(node, Buffer.alloc(0));
  expect(status).toBe(201);
  const done = await node.json<Upload>('POST', `/v1/uploads/${body.id}/complete?wait=10`);
  expect(done.body).toMatchObject({ state: 'completed', sha256: sha256(Buffer.alloc(0)) });
});

test('the same content twice is one asset; chunks that come afterwards are known already', async () => {
  const bytes = someBytes(5_000);
  const [first, second] = await Promise.all([send(node, bytes), send(node, bytes)]);
  for (const { body } of [first, second]) await node.json('POST', `/v1/uploads/${body.id}/complete?wait=10`);
  const asset = await node.json<{ sources: unknown[] }>('GET', `/v1/assets/${sha256(bytes)}`);
  expect(asset.body.sources).toHaveLength(2);
  expect((await node.put(first.body.id, 0, bytes)).status).toBe(200);
});

it.each([
  ['text/csv; charset=windows-1252', 'text/csv'],
  ['multipart/form-data', 'multipart/form-data'],
])('the Content-Type is the file’s, whatever it is: %s', async (type, contentType) => {
  const { status, body } = await send(node, Buffer.from('a;b\n'), { headers: { 'content-type': type } });
  expect([status, body.contentType]).toEqual([201, contentType]);
  await node.json('POST', `/v1/uploads/${body.id}/complete?wait=10`);
});

test('C11: an upload token takes one file so, within its size', async () => {
  const key = 'a-key-of-enough-length';
  const apiKeys = [{ principal: 'ana', sha256: sha256(Buffer.from(key)) }];
  await using guarded = await RunningNode.start({ config: { apiKeys }, apiKey: key });
  const { body } = await guarded.json<IssuedUploadToken>('POST', '/v1/upload-tokens', { maxSize: 1_000 });
  const as = (token: string, more = {}) => ({ headers: { authorization: `Bearer ${token}`, ...more } });
  const bearer = as(body.token);
  expectProblem(await send<Problem>(guarded, someBytes(1_001), bearer), 413, 'file-too-large');
  const digest = contentDigest(someBytes(1));
  expectProblem(
    await send<Problem>(guarded, someBytes(10), as(body.token, { 'content-digest': digest })),
    422,
    'digest-mismatch',
  );
  // What failed has not used it up; of two at once one is taken.
  const answers = await Promise.all([someBytes(20), someBytes(20)].map((bytes) => send(guarded, bytes, bearer)));
  expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 403]);
  await expect.poll(() => leftovers(guarded)).toEqual({ uploads: 0, files: 0 });
  expectProblem(await send<Problem>(guarded, someBytes(10), as('no-such-key-at-all')), 401, 'unauthenticated');
});

describe('C11: what is refused leaves nothing', () => {
  const bytes = someBytes(3_000);
  const words = 'filename=a.bin&metadata=';

  it.each([
    ['too much', someBytes(most + 1), {}, 400, 'invalid-size'],
    ['another digest', bytes, { headers: { 'content-digest': contentDigest(someBytes(1)) } }, 422, 'digest-mismatch'],
    ['a malformed digest', bytes, { headers: { 'content-digest': 'sha-256=abc' } }, 400, 'invalid-digest'],
    ['a type that is none', bytes, { headers: { 'content-type': 'nonsense' } }, 400, 'invalid-request'],
    ['no name', bytes, { query: '' }, 400, 'invalid-request'],
    ['an empty name', bytes, { query: 'filename=' }, 400, 'invalid-request'],
    ['a name that is too long', bytes, { query: `filename=${'n'.repeat(2_000)}` }, 400, 'invalid-request'],
    ['words that are no JSON', bytes, { query: `${words}topic` }, 400, 'invalid-request'],
    ['words that are a list', bytes, { query: `${words}${encodeURIComponent('["a"]')}` }, 400, 'invalid-request'],
    ['words that are numbers', bytes, { query: `${words}${encodeURIComponent('{"a":1}')}` }, 400, 'invalid-request'],
  ] as const)('%s', async (_name, body, wish, status, code) => {
    const before = await leftovers(node);
    expectProblem(await send<Problem>(node, body, wish), status, code);
    expect(await leftovers(node)).toEqual(before);
  });

  test('the right digest is taken', async () => {
    const { status, body } = await send(node, bytes, { headers: { 'content-digest': contentDigest(bytes) } });
    expect(status).toBe(201);
    await node.json('POST', `/v1/uploads/${body.id}/complete?wait=10`);
  });

  test('a body without a length', async () => {
    const raw = await RawConnection.open(node.port);
    raw.head('POST /v1/uploads/whole?filename=a', ['Transfer-Encoding: chunked']);
    raw.send('5\r\nhello\r\n0\r\n\r\n');
    expect(await raw.answer()).toMatchObject({ status: 400, body: { code: 'invalid-size' } });
    raw.destroy();
  });

  test('a body that breaks off', async () => {
    const before = await leftovers(node);
    const raw = await RawConnection.open(node.port);
    raw.head('POST /v1/uploads/whole?filename=a', ['Content-Length: 50']);
    raw.send('not fifty bytes');
    await expect.poll(() => leftovers(node)).toMatchObject({ files: before.files + 1 });
    raw.reset();
    await expect.poll(() => leftovers(node)).toEqual(before);
  });
});

test('C11: a type that is not taken is refused by its first bytes, and nothing is created', async () => {
  await using narrow = await RunningNode.start({ config: { allowedTypes: ['audio/*'] } });
  expectProblem(await send<Problem>(narrow, Buffer.from('<html><body>hello</body></html>')), 415, 'unsupported-type');
  expect(await leftovers(narrow)).toEqual({ uploads: 0, files: 0 });
  expect((await narrow.json<{ items: unknown[] }>('GET', '/v1/uploads')).body.items).toEqual([]);
});

describe('C10: with the bytes in a bucket', () => {
  const kept = { ...process.env };
  let stub: S3Stub;
  let far: RunningNode;
  beforeAll(async () => {
    stub = await S3Stub.start();
    process.env['AWS_ACCESS_KEY_ID'] = stub.credentials.accessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = stub.credentials.secretAccessKey;
    const blobs = `s3://${stub.bucket}/files`;
    far = await RunningNode.start({ config: { blobs, s3Endpoint: stub.endpoint, s3PathStyle: true } });
  });
  afterAll(async () => {
    await far?.close();
    await stub?.stop();
    process.env = kept;
  });

  it.each([1, 60_000, most])('a file of %i bytes arrives, natively and through tus', async (size) => {
    const mine = someBytes(size);
    const theirs = someBytes(size);
    const native = await send(far, mine);
    expect(native.status).toBe(201);
    const tus = await far.fetch('/files', {
      method: 'POST',
      headers: {
        'tus-resumable': '1.0.0',
        'upload-length': String(size),
        'content-type': 'application/offset+octet-stream',
      },
      body: theirs,
    });
    expect([tus.status, tus.headers.get('upload-offset')]).toEqual([201, String(size)]);
    const id = tus.headers.get('location')?.split('/').at(-1);
    for (const [upload, bytes] of [[native.body.id, mine] as const, [id, theirs] as const]) {
      const done = await far.json<Upload>('POST', `/v1/uploads/${upload}/complete?wait=20`);
      expect(done.body).toMatchObject({ state: 'completed', sha256: sha256(bytes) });
      const content = await far.fetch(`/v1/assets/${sha256(bytes)}/content`);
      expect(Buffer.from(await content.arrayBuffer())).toEqual(bytes);
    }
  });

  test('what is refused leaves nothing', async () => {
    const objects = () => [...stub.store.objects.keys()].length;
    const before = objects();
    const digest = contentDigest(someBytes(1));
    const refused = await send<Problem>(far, someBytes(most), { headers: { 'content-digest': digest } });
    expectProblem(refused, 422, 'digest-mismatch');
    expect(objects()).toBe(before);
  });
});

test('C11: beyond the number of unfinished uploads nothing is left', async () => {
  await using small = await RunningNode.start({ config: { maxOpenUploads: 1 } });
  await small.create({ size: 10 });
  const refused = await send<Problem>(small, someBytes(10));
  expectProblem(refused, 429, 'too-many-uploads');
  expect(await leftovers(small)).toEqual({ uploads: 1, files: 0 });
});
