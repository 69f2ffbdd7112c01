/** C10: clients that send straight to the bucket and read from it, with a node over real sockets and an S3 server that checks signatures. */
import { createHash } from 'node:crypto';
import type { ChunkAddresses, ChunkReceipt, IssuedUploadToken, Problem, ServerInfo, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Operation } from '../src/testing/s3-stub/operations.ts';
import { S3Stub } from '../src/testing/s3-stub/stub.ts';
import { type Answer, chunkBytes, expectProblem, KiB, RunningNode, sha256, someBytes } from './running-node.ts';

const key = 'a-key-of-enough-length';
const otherKey = 'another-key-of-enough-length';
const apiKeys = [key, otherKey].map((one, i) => ({ principal: `p${i}`, sha256: sha256(Buffer.from(one)) }));

let stub: S3Stub;
let node: RunningNode;
const before = { ...process.env };

const bucketOf = (s3: S3Stub) => ({ blobs: `s3://${s3.bucket}/files`, s3Endpoint: s3.endpoint, s3PathStyle: true });

beforeAll(async () => {
  stub = await S3Stub.start();
  process.env['AWS_ACCESS_KEY_ID'] = stub.credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = stub.credentials.secretAccessKey;
  const config = { ...bucketOf(stub), apiKeys, s3Direct: true, s3PresignedDownloads: true };
  node = await RunningNode.start({ config, apiKey: key });
});
afterAll(async () => {
  await node?.close();
  await stub?.stop();
  process.env = before;
});

const size = 3 * chunkBytes + 1_000;
const chunkOf = (bytes: Buffer, index: number) => bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
const md5 = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const under = (prefix: string) => [...stub.store.objects.keys()].filter((key) => key.startsWith(`files/${prefix}`));

async function addresses(upload: Upload, chunks: readonly unknown[], at = node) {
  return await at.json<ChunkAddresses & Problem>('POST', `/v1/uploads/${upload.id}/direct`, { chunks });
}

function report(upload: Upload, index: number | string, body: object = {}): Promise<Answer<ChunkReceipt & Problem>> {
  return node.json('POST', `/v1/uploads/${upload.id}/direct/${index}`, body);
}

/** What the store says to a PUT of the bytes at the chunk's address. */
async function send(upload: Upload, index: number, bytes: Uint8Array): Promise<Response> {
  const { body } = await addresses(upload, [index]);
  return await fetch(body.items[0]?.url ?? '', { method: 'PUT', body: Buffer.from(bytes) });
}

async function sendAndReport(upload: Upload, index: number, bytes: Buffer): Promise<Answer<ChunkReceipt & Problem>> {
  const sent = await send(upload, index, chunkOf(bytes, index));
  expect(sent.status).toBe(200);
  return await report(upload, index, { etag: sent.headers.get('etag') ?? '' });
}

describe('C10: chunks that go straight to the bucket', () => {
  test('a file in any order: each chunk acknowledged once it is taken, completed and verified, nothing left over', async () => {
    const bytes = someBytes(size);
    expect((await node.json<ServerInfo>('GET', '/v1/server')).body.direct).toBe(true);
    const upload = await node.create({ size, sha256: sha256(bytes) });
    expect(upload).toMatchObject({ direct: true, totalChunks: 4 });
    const { body, headers } = await addresses(upload, [2, 0, 3, 1, 0]);
    expect(headers.get('cache-control')).toBe('no-store');
    expect(body.items.map(({ index, length }) => [index, length])).toEqual([
      [2, chunkBytes],
      [0, chunkBytes],
      [3, 1_000],
      [1, chunkBytes],
    ]);
    for (const { index, url } of body.items) {
      const sent = await fetch(url, { method: 'PUT', body: Buffer.from(chunkOf(bytes, index)) });
      expect(sent.status).toBe(200);
      expect((await node.status(upload.id)).missingChunks).toContain(index);
      const digest = sha256(chunkOf(bytes, index));
      const receipt = await report(upload, index, { etag: sent.headers.get('etag') ?? '', sha256: digest });
      expect(receipt).toMatchObject({ status: 200, body: { index, duplicate: false, sha256: digest } });
    }
    const done = await node.json<Upload>('POST', `/v1/uploads/${upload.id}/complete`);
    expect(done).toMatchObject({ status: 200, body: { state: 'completed', sha256: sha256(bytes) } });
    expect(under('arriving/')).toEqual([]);
    expect(under('incoming/')).toEqual([]);
  });

  test('a file of one small chunk has the type of its bytes', async () => {
    const bytes = Buffer.concat([Buffer.from('RIFF\xc0\x03\x00\x00WAVEfmt ', 'latin1'), someBytes(1_000)]);
    const upload = await node.create({ size: bytes.byteLength, contentType: 'video/mp4' });
    expect((await sendAndReport(upload, 0, bytes)).status).toBe(200);
    await node.json<Upload>('POST', `/v1/uploads/${upload.id}/complete`);
    const asset = await node.json<{ contentType: string }>('GET', `/v1/assets/${sha256(bytes)}`);
    expect(asset.body.contentType).toBe('audio/wav');
  });

  test('in order, every byte is read once by the server and never sent by it', async () => {
    const large = 5 * 1024 * KiB;
    const bytes = someBytes(3 * large);
    const upload = await node.create({ size: bytes.byteLength, chunkSize: large });
    const seenBefore = stub.seen.length;
    for (const index of [0, 1, 2]) {
      const chunk = bytes.subarray(index * large, (index + 1) * large);
      await send(upload, index, chunk);
      expect((await report(upload, index, { etag: md5(chunk) })).status).toBe(200);
    }
    const done = await node.json<Upload>('POST', `/v1/uploads/${upload.id}/complete`);
    expect(done.body.sha256).toBe(sha256(bytes));
    // The PUTs are ours.
    const seen = stub.seen.slice(seenBefore);
    const keysOf = (operation: Operation) => seen.filter((one) => one.operation === operation).map(({ key }) => key);
    expect(keysOf('PutObject')).toEqual([0, 1, 2].map((i) => `files/arriving/${upload.id}/chunk-${i}`));
    expect(keysOf('GetObject').filter((key) => !key.includes('/assets/'))).toHaveLength(3);
    expect(keysOf('UploadPart')).toEqual([]);
  });

  test('mixed with chunks that go to the server; the same again is acknowledged again, other bytes are refused', async () => {
    const bytes = someBytes(size);
    const upload = await node.create({ size });
    expect((await node.put(upload.id, 1, chunkOf(bytes, 1))).status).toBe(200);
    expect(await sendAndReport(upload, 1, bytes)).toMatchObject({ status: 200, body: { duplicate: true } });
    expect(await sendAndReport(upload, 0, bytes)).toMatchObject({ status: 200, body: { duplicate: false } });
    expect((await node.put(upload.id, 0, chunkOf(bytes, 0))).body.duplicate).toBe(true);
    expect(await sendAndReport(upload, 0, bytes)).toMatchObject({ status: 200, body: { duplicate: true } });
    expectProblem(await sendAndReport(upload, 0, someBytes(size)), 409, 'chunk-conflict');
    for (const index of [2, 3]) expect((await sendAndReport(upload, index, bytes)).status).toBe(200);
    const done = await node.json<Upload>('POST', `/v1/uploads/${upload.id}/complete`);
    expect(done.body.sha256).toBe(sha256(bytes));
  });

  test('a report whose answer was lost is acknowledged again', async () => {
    const bytes = someBytes(size);
    const upload = await node.create({ size });
    await sendAndReport(upload, 0, bytes);
    const etag = md5(chunkOf(bytes, 0));
    expect(await report(upload, 0, { etag })).toMatchObject({ status: 200, body: { duplicate: true, offset: 0 } });
    expectProblem(await report(upload, 0, { etag: md5(bytes) }), 409, 'piece-missing');
    expectProblem(await report(upload, 0), 409, 'piece-missing');
  });

  test('an address that is used again after the report changes nothing of what was acknowledged', async () => {
    const bytes = someBytes(size);
    const upload = await node.create({ size });
    const { url = '' } = (await addresses(upload, [0])).body.items[0] ?? {};
    await fetch(url, { method: 'PUT', body: Buffer.from(chunkOf(bytes, 0)) });
    expect((await report(upload, 0)).status).toBe(200);
    expect((await fetch(url, { method: 'PUT', body: Buffer.from(someBytes(chunkBytes)) })).status).toBe(200);
    for (const index of [1, 2, 3]) expect((await sendAndReport(upload, index, bytes)).status).toBe(200);
    const done = await node.json<Upload>('POST', `/v1/uploads/${upload.id}/complete`);
    expect(done.body.sha256).toBe(sha256(bytes));
    expect(under('arriving/')).toEqual([]);
  });

  test('two reports of a chunk at once: both acknowledged, recorded once', async () => {
    const bytes = someBytes(size);
    const upload = await node.create({ size });
    const sent = await send(upload, 0, chunkOf(bytes, 0));
    const etag = sent.headers.get('etag') ?? '';
    const answers = await Promise.all([0, 1, 2].map(() => report(upload, 0, { etag })));
    const codes = answers.map(({ status, body }) => (status === 200 ? `ok ${body.duplicate}` : body.code)).sort();
    // One that looked before the first was done and reads after it may find the place empty; it is told to send again.
    expect(codes.filter((code) => code === 'ok false')).toHaveLength(1);
    for (const code of codes) expect(['ok false', 'ok true', 'piece-missing']).toContain(code);
    expect((await node.status(upload.id)).receivedBytes).toBe(chunkBytes);
  });
});

describe('C10: what is refused', () => {
  test('by the store: another number of bytes, an address of somebody else’s key', async () => {
    const upload = await node.create({ size });
    expect((await send(upload, 0, someBytes(chunkBytes - 1))).status).toBe(403);
    const { url = '' } = (await addresses(upload, [0])).body.items[0] ?? {};
    const forged = url.replace('chunk-0', 'chunk-1');
    expect((await fetch(forged, { method: 'PUT', body: Buffer.from(someBytes(chunkBytes)) })).status).toBe(403);
    expect((await fetch(url)).status).toBe(403);
  });

  test('by the server: nothing there, another size, another ETag, another digest; the right ones go through after each', async () => {
    const bytes = someBytes(size);
    const upload = await node.create({ size });
    expectProblem(await report(upload, 0), 409, 'piece-missing');
    stub.store.put(`files/arriving/${upload.id}/chunk-0`, someBytes(17));
    const { details } = expectProblem(await report(upload, 0), 409, 'piece-mismatch');
    expect(details).toEqual({ expected: chunkBytes, found: 17 });
    await send(upload, 0, chunkOf(bytes, 0));
    expectProblem(await report(upload, 0, { etag: md5(bytes) }), 409, 'piece-mismatch');
    expectProblem(await report(upload, 0, { sha256: sha256(bytes) }), 422, 'digest-mismatch');
    expect((await node.status(upload.id)).receivedBytes).toBe(0);
    expect((await report(upload, 0, { sha256: sha256(chunkOf(bytes, 0)) })).status).toBe(200);
  });

  test('requests that are not well-formed, chunks that there are none of, too many at once', async () => {
    const upload = await node.create({ size });
    for (const chunks of [[], ['0'], [-1], [0.5]])
      expectProblem(await addresses(upload, chunks), 400, 'invalid-request');
    expectProblem(await addresses(upload, [4]), 400, 'invalid-chunk-index');
    const many = Array.from({ length: 101 }, (_, i) => i);
    expectProblem(await addresses(upload, many), 400, 'invalid-request');
    expectProblem(await report(upload, 4), 400, 'invalid-chunk-index');
    expectProblem(await report(upload, 'x'), 400, 'invalid-chunk-index');
    expectProblem(await report(upload, 0, { etag: 5 }), 400, 'invalid-request');
    expectProblem(await report(upload, 0, { sha256: 'abc' }), 400, 'invalid-digest');
  });

  test('to others, and to the bearer of a token beyond its upload and its time', async () => {
    const bytes = someBytes(size);
    const upload = await node.create({ size });
    expectProblem(await addresses(upload, [0], node.as(otherKey)), 404, 'upload-not-found');
    expectProblem(await addresses(upload, [0], node.as('nobody-has-this-key')), 401, 'unauthenticated');
    const issued = await node.json<IssuedUploadToken>('POST', '/v1/upload-tokens', { expiresInSeconds: 60 });
    const bearer = node.as(issued.body.token);
    expectProblem(await addresses(upload, [0], bearer), 403, 'token-scope');
    const own = await bearer.create({ size });
    const [address] = (await addresses(own, [0], bearer)).body.items;
    expect(Date.parse(address?.expiresAt ?? '')).toBeLessThanOrEqual(Date.parse(issued.body.expiresAt));
    await fetch(address?.url ?? '', { method: 'PUT', body: chunkOf(bytes, 0) });
    expect(await bearer.json('POST', `/v1/uploads/${own.id}/direct/0`, {})).toMatchObject({ status: 200 });
  });

  test('in the wrong phase, and what was sent in vain goes with the upload', async () => {
    const bytes = someBytes(size);
    const upload = await node.create({ size });
    await send(upload, 0, chunkOf(bytes, 0));
    await node.json('POST', `/v1/uploads/${upload.id}/pause`);
    expectProblem(await addresses(upload, [0]), 409, 'upload-paused');
    expectProblem(await report(upload, 0), 409, 'upload-paused');
    await node.json('POST', `/v1/uploads/${upload.id}/resume`);
    expect((await report(upload, 0)).status).toBe(200);
    await send(upload, 1, chunkOf(bytes, 1));
    expect(under(`arriving/${upload.id}`)).toHaveLength(1);
    await node.json('DELETE', `/v1/uploads/${upload.id}`);
    expectProblem(await addresses(upload, [1]), 410, 'upload-closed');
    expectProblem(await report(upload, 1), 410, 'upload-closed');
    expect(under(`arriving/${upload.id}`)).toEqual([]);
    expect(under(`incoming/${upload.id}`)).toEqual([]);
  });

  test('while the store fails: nothing is acknowledged, and the same report goes through when it is back', async () => {
    const bytes = someBytes(size);
    const upload = await node.create({ size });
    await send(upload, 0, chunkOf(bytes, 0));
    for (const operation of ['HeadObject', 'CopyObject', 'GetObject']) {
      stub.fault = (seen) =>
        seen.operation === operation ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : null;
      const refused = await report(upload, 0);
      expect(refused, operation).toMatchObject({ status: 503, body: { code: 'unavailable' } });
      stub.fault = () => null;
    }
    expect((await node.status(upload.id)).receivedBytes).toBe(0);
    expect(under(`incoming/${upload.id}`)).toEqual([]);
    expect((await report(upload, 0)).status).toBe(200);
  });
});

describe('C10: downloads from the bucket', () => {
  test('an address for a while, with the type and the name; ranges, HEAD and conditional requests as before', async () => {
    const bytes = someBytes(2 * chunkBytes);
    const { assetId } = await node.upload(bytes, { filename: 'Clase ñ.mp4', contentType: 'video/mp4' });
    const path = `/v1/assets/${assetId}/content`;
    const answer = await node.fetch(path, { redirect: 'manual' });
    expect(answer.status).toBe(302);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    const location = new URL(answer.headers.get('location') ?? '');
    expect(location.origin).toBe(stub.endpoint);
    expect(location.searchParams.get('X-Amz-Expires')).toBe('3600');
    const content = await fetch(location, { headers: { range: 'bytes=100-299' } });
    expect(content.status).toBe(206);
    expect(content.headers.get('content-type')).toBe('video/mp4');
    expect(content.headers.get('content-disposition')).toMatch(/^inline; .*UTF-8''Clase%20/);
    expect(Buffer.from(await content.arrayBuffer()).equals(bytes.subarray(100, 300))).toBe(true);
    const whole = await node.fetch(`${path}?download=1`);
    expect(whole.headers.get('content-disposition')).toMatch(/^attachment/);
    expect(whole.headers.get('content-type')).toBe('application/octet-stream');
    expect(sha256(Buffer.from(await whole.arrayBuffer()))).toBe(assetId);
    expect((await node.fetch(path, { method: 'HEAD', redirect: 'manual' })).headers.get('content-length')).toBe(
      String(bytes.byteLength),
    );
    const fresh = await node.fetch(path, { headers: { 'if-none-match': `"${assetId}"` }, redirect: 'manual' });
    expect(fresh.status).toBe(304);
    expect(fresh.headers.get('content-security-policy')).toBeTruthy();
  });

  test('the page may send to the bucket and play from it, and from nowhere else', async () => {
    const policy = (await node.fetch('/openapi.json')).headers.get('content-security-policy') ?? '';
    for (const part of ['connect-src', 'media-src', 'img-src'])
      expect(policy).toContain(`${part} 'self' ${stub.endpoint}`);
    expect(policy).toContain("script-src 'self';");
  });
});

test('a server that does not offer it says so, and one on a disk does not start with it', async () => {
  await using plain = await RunningNode.start({ config: bucketOf(stub) });
  expect((await plain.json<ServerInfo>('GET', '/v1/server')).body.direct).toBe(false);
  const upload = await plain.create({ size });
  expect(upload.direct).toBe(false);
  expectProblem(await addresses(upload, [0], plain), 409, 'direct-not-offered');
  await expect(RunningNode.start({ config: { s3Direct: true } })).rejects.toThrow(/need a bucket/);
});
