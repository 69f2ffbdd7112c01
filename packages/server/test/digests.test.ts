/** C2, C11 and dedup: digests of chunks and files, right, wrong and malformed; identical content is stored once. */
import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Asset, AssetList, Problem, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { chunkBytes, expectProblem, RunningNode, sha256, someBytes } from './running-node.ts';

const keys = { ana: 'ana-secret-key-0001', ben: 'ben-secret-key-0002' };
const apiKeys = Object.entries(keys).map(([principal, key]) => ({
  principal,
  sha256: createHash('sha256').update(key).digest('hex'),
}));

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start({ config: { apiKeys }, apiKey: keys.ana });
});
afterAll(async () => {
  await node.close();
});

function digestHeader(bytes: Uint8Array, algorithm = 'sha-256'): string {
  return `${algorithm}=:${createHash(algorithm.replace('-', '')).update(bytes).digest('base64')}:`;
}

async function as<T>(who: keyof typeof keys, method: string, path: string, body?: object) {
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { authorization: `Bearer ${keys[who]}`, ...(body ? { 'content-type': 'application/json' } : {}) };
  const response = await node.fetch(path, { method, headers, ...content });
  return { status: response.status, headers: response.headers, body: (await response.json()) as T };
}

describe('Content-Digest of a chunk', () => {
  const bytes = someBytes(5000);

  it.each([
    ['sha-256', digestHeader(bytes)],
    ['sha-256 beside another one', `${digestHeader(bytes, 'sha-512')}, ${digestHeader(bytes)}`],
    ['with a parameter', `${digestHeader(bytes)};x=1`],
  ])('C2: right (%s): checked and recorded', async (_name, header) => {
    const { id } = await node.create({ size: bytes.length });
    const receipt = await node.put(id, 0, bytes, { 'content-digest': header });
    expect(receipt).toMatchObject({ status: 200, body: { sha256: sha256(bytes) } });
  });

  test('C2: of an algorithm that we do not check, it is passed over (RFC 9530 §2)', async () => {
    const { id } = await node.create({ size: bytes.length });
    expect((await node.put(id, 0, bytes, { 'content-digest': digestHeader(bytes, 'sha-512') })).status).toBe(200);
  });

  test('C2: wrong: nothing is kept, and the right bytes are taken afterwards', async () => {
    const { id } = await node.create({ size: bytes.length });
    const bad = Buffer.from(bytes);
    bad[17] = (bad[17] ?? 0) ^ 255;
    const answer = await node.put(id, 0, bad, { 'content-digest': digestHeader(bytes) });
    const problem = expectProblem(answer, 422, 'digest-mismatch');
    expect(problem).toMatchObject({ retryable: true, details: { expected: sha256(bytes), actual: sha256(bad) } });
    expect(await node.status(id)).toMatchObject({ receivedBytes: 0, missingChunks: [0] });
    expect((await node.put(id, 0, bytes, { 'content-digest': digestHeader(bytes) })).status).toBe(200);
    expect((await node.json('POST', `/v1/uploads/${id}/complete`)).body).toMatchObject({ sha256: sha256(bytes) });
  });

  it.each([
    'not a digest',
    'sha-256=abc',
    'sha-256=:!!!:',
    `sha-256=:${Buffer.from('short').toString('base64')}:`,
    'sha-256="abc"',
    'sha-256',
    'sha-256=:',
    '=,=',
    ':',
  ])('C11: malformed (%s) is refused before anything is stored', async (header) => {
    const { id } = await node.create({ size: bytes.length });
    expectProblem(await node.put(id, 0, bytes, { 'content-digest': header }), 400, 'invalid-digest');
    expect(await node.status(id)).toMatchObject({ receivedBytes: 0 });
  });

  test('C2: wrong for a chunk that is stored already: refused, the stored one is kept', async () => {
    const { id } = await node.create({ size: chunkBytes + 1 });
    const first = someBytes(chunkBytes);
    await node.put(id, 0, first);
    const answer = await node.put(id, 0, someBytes(chunkBytes), { 'content-digest': digestHeader(first) });
    expect(['chunk-conflict', 'digest-mismatch']).toContain(answer.body.code);
    expect(await node.put(id, 0, first, { 'content-digest': digestHeader(first) })).toMatchObject({
      status: 200,
      body: { duplicate: true },
    });
  });
});

describe('digest of the whole file', () => {
  test('C1: wrong: the upload fails with both digests, keeps nothing, and makes no asset', async () => {
    const bytes = someBytes(3 * chunkBytes);
    const upload = await node.create({ size: bytes.length, sha256: '0'.repeat(64) });
    for (let i = 0; i < 3; i += 1) await node.put(upload.id, i, bytes.subarray(i * chunkBytes, (i + 1) * chunkBytes));
    const problem = expectProblem(await node.json('POST', `/v1/uploads/${upload.id}/complete`), 422, 'digest-mismatch');
    expect(problem.detail).toContain(sha256(bytes));
    const status = await node.status(upload.id);
    expect(status).toMatchObject({
      state: 'failed',
      failure: { code: 'digest-mismatch' },
      assetId: null,
      sha256: null,
    });
    expectProblem(await node.json('GET', `/v1/assets/${sha256(bytes)}`), 404, 'asset-not-found');
    expectProblem(await node.put(upload.id, 0, bytes.subarray(0, chunkBytes)), 410, 'upload-closed');
    expect(await node.incoming()).not.toContain(upload.id);
    expect((await node.events(upload.id)).at(-1)).toMatchObject({ type: 'failed', data: { code: 'digest-mismatch' } });
  });

  test('C1: right, in upper case', async () => {
    const bytes = someBytes(10);
    await node.upload(bytes, { sha256: sha256(bytes).toUpperCase() });
  });

  test('A1: an empty file completes by itself', async () => {
    const upload = await node.create({ size: 0, filename: 'empty.txt' });
    expect(upload).toMatchObject({ totalChunks: 0, missingChunks: [] });
    const done = await node.json<Upload>('POST', `/v1/uploads/${upload.id}/complete`);
    expect(done).toMatchObject({
      status: 200,
      body: { state: 'completed', sha256: sha256(Buffer.alloc(0)), progress: 1, receivedBytes: 0 },
    });
    const content = await node.fetch(`/v1/assets/${done.body.assetId}/content`);
    expect(content.headers.get('content-length')).toBe('0');
    expectProblem(await node.put(upload.id, 0, Buffer.alloc(0)), 400, 'invalid-chunk-index');
    expect(await node.incoming()).not.toContain(upload.id);
  });
});

describe('identical content', () => {
  test('one principal: stored once, a declared digest completes at once; another principal has to send the bytes', async () => {
    const bytes = someBytes(2 * chunkBytes + 5);
    const digest = sha256(bytes);
    const first = await node.upload(bytes, { filename: 'one.bin' });
    const instant = await node.create({
      size: bytes.length,
      filename: 'two.bin',
      sha256: digest,
      metadata: { tema: 'x' },
    });
    expect(instant).toMatchObject({
      state: 'completed',
      assetId: digest,
      progress: 1,
      missingChunks: [],
      lastEvent: 2,
    });
    expect((await node.events(instant.id)).map((e) => e.type)).toEqual(['created', 'completed']);
    expect(await node.status(instant.id)).toMatchObject({ lastEvent: 2, receivedBytes: bytes.length });
    const again = await node.upload(bytes, { filename: 'three.bin' });
    expect(again.assetId).toBe(first.assetId);

    const asset = (await node.json<Asset>('GET', `/v1/assets/${digest}`)).body;
    expect(asset.sources.map((s) => s.filename)).toEqual(['three.bin', 'two.bin', 'one.bin']);
    expect(asset).toMatchObject({ size: bytes.length, filename: 'three.bin' });
    expect(await readdir(join(node.dataDir, 'assets', 'sha256', digest.slice(0, 2)))).toContain(digest);

    // The same digest and a wrong size is not proof of anything.
    expect(await node.create({ size: 7, sha256: digest })).toMatchObject({ state: 'receiving' });

    const bens = await as<Upload>('ben', 'POST', '/v1/uploads', {
      filename: 'mine.bin',
      size: bytes.length,
      sha256: digest,
    });
    expect(bens).toMatchObject({ status: 201, body: { state: 'receiving', receivedBytes: 0 } });
    expectProblem(await as<Problem>('ben', 'GET', `/v1/assets/${digest}`), 404, 'asset-not-found');
    expectProblem(await as<Problem>('ben', 'GET', `/v1/assets/${digest}/content`), 404, 'asset-not-found');
    expect((await as<AssetList>('ben', 'GET', '/v1/assets')).body.items).toEqual([]);
  });

  test("another principal's uploads, runs and events are as if they were not there", async () => {
    const { id } = await node.create({ size: 10 });
    const answers = [
      await as('ben', 'GET', `/v1/uploads/${id}`),
      await as('ben', 'POST', `/v1/uploads/${id}/pause`),
      await as('ben', 'POST', `/v1/uploads/${id}/resume`),
      await as('ben', 'POST', `/v1/uploads/${id}/complete`),
      await as('ben', 'DELETE', `/v1/uploads/${id}`),
      await as('ben', 'GET', `/v1/uploads/${id}/events`),
      await node.put(id, 0, someBytes(10), { authorization: `Bearer ${keys.ben}` }),
    ];
    for (const answer of answers) expectProblem(answer, 404, 'upload-not-found');
    expect(await node.status(id)).toMatchObject({ state: 'receiving', receivedBytes: 0 });
    const { body: events } = await as<{ items: { subjectId: string }[] }>('ben', 'GET', '/v1/events?limit=1000');
    expect(events.items.filter((e) => e.subjectId === id)).toEqual([]);
    const { body: list } = await as<{ items: { id: string }[] }>('ben', 'GET', '/v1/uploads?limit=200');
    expect(list.items.filter((u) => u.id === id)).toEqual([]);
  });
});
