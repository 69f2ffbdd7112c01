/** C10: the routes that Uppy's `@uppy/aws-s3` asks, and what becomes of parts that are not as told. Uppy itself is in test/e2e/direct.test.ts. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { S3Stub } from '../src/testing/s3-stub/stub.ts';
import { type Answer, expectProblem, KiB, RunningNode, sha256, someBytes } from './running-node.ts';

let stub: S3Stub;
let node: RunningNode;
const before = { ...process.env };

beforeAll(async () => {
  stub = await S3Stub.start();
  process.env['AWS_ACCESS_KEY_ID'] = stub.credentials.accessKeyId;
  process.env['AWS_SECRET_ACCESS_KEY'] = stub.credentials.secretAccessKey;
  const bucket = { blobs: `s3://${stub.bucket}/files`, s3Endpoint: stub.endpoint, s3PathStyle: true };
  node = await RunningNode.start({ config: { ...bucket, s3Direct: true } });
});
afterAll(async () => {
  await node?.close();
  await stub?.stop();
  process.env = before;
});

interface Part {
  readonly PartNumber: number;
  readonly ETag: string;
}

const base = '/companion/s3/multipart';
const bytes = someBytes(700 * KiB);
/** Of any sizes: nothing says that they have to be equal. */
const pieces = [bytes.subarray(0, 300 * KiB), bytes.subarray(300 * KiB, 310 * KiB), bytes.subarray(310 * KiB)];

async function begin(): Promise<string> {
  const wish = { filename: 'film.mp4', type: 'video/mp4', metadata: { topic: 'x', relativePath: null } };
  const { body } = await node.json<{ uploadId: string; key: string }>('POST', base, wish);
  return body.uploadId;
}

async function send(id: string, number: number, part: Uint8Array): Promise<Part> {
  const { body } = await node.json<{ url: string }>('GET', `${base}/${id}/${number}?key=${id}`);
  const sent = await fetch(body.url, { method: 'PUT', body: Buffer.from(part) });
  return { PartNumber: number, ETag: sent.headers.get('etag') ?? '' };
}

async function sendAll(id: string, order: readonly number[] = [1, 2, 3]): Promise<Part[]> {
  const sent: Part[] = [];
  for (const number of order) sent.push(await send(id, number, pieces[number - 1] ?? Buffer.alloc(0)));
  return sent.sort((a, b) => a.PartNumber - b.PartNumber);
}

const complete = (id: string, parts: unknown): Promise<Answer<{ location: string }>> =>
  node.json('POST', `${base}/${id}/complete`, { parts });

async function expectWhole(id: string): Promise<void> {
  expect(await node.status(id)).toMatchObject({ state: 'completed', sha256: sha256(bytes), metadata: { topic: 'x' } });
}

describe('C10: parts of a file whose size nobody told', () => {
  test('in any order and of any sizes; listed, completed, and completed again', async () => {
    const id = await begin();
    const sent = await sendAll(id, [3, 1, 2]);
    const listed = await node.json<(Part & { Size: number })[]>('GET', `${base}/${id}`);
    expect(listed.body).toEqual(sent.map((part, i) => ({ ...part, Size: pieces[i]?.byteLength })));
    expect(await complete(id, sent)).toMatchObject({ status: 200, body: { location: `/v1/uploads/${id}`, key: id } });
    await expectWhole(id);
    expect((await complete(id, sent)).status).toBe(200);
  });

  test('a completion that the store cuts off goes on where it was', async () => {
    const id = await begin();
    const sent = await sendAll(id);
    let copies = 0;
    stub.fault = ({ operation }) =>
      operation === 'CopyObject' && ++copies === 2 ? { kind: 'refuse', status: 403, code: 'AccessDenied' } : null;
    expect(await complete(id, sent)).toMatchObject({ status: 503, body: { code: 'unavailable' } });
    stub.fault = () => null;
    expect((await node.status(id)).receivedBytes).toBe(300 * KiB);
    expect((await complete(id, sent)).status).toBe(200);
    await expectWhole(id);
  });

  test('completed twice at once: one file, and both are told', async () => {
    const id = await begin();
    const sent = await sendAll(id);
    const answers = await Promise.all([complete(id, sent), complete(id, sent)]);
    // Of two that add parts the newer one goes on; the other is told so and may ask again.
    for (const { status } of answers) expect([200, 409, 423]).toContain(status);
    expect((await complete(id, sent)).status).toBe(200);
    await expectWhole(id);
  });
});

describe('C10: what is refused', () => {
  test('parts that are missing, others than told, not from 1 on, twice; then the right ones are taken', async () => {
    const id = await begin();
    const [one, two] = await sendAll(id, [1, 2]);
    const third = { PartNumber: 3, ETag: two?.ETag ?? '' };
    expectProblem(await complete(id, [one, two, third]), 409, 'piece-missing');
    expectProblem(await complete(id, [two]), 400, 'invalid-request');
    expectProblem(await complete(id, [one, one, two]), 400, 'invalid-request');
    const three = await send(id, 3, pieces[2] ?? Buffer.alloc(0));
    expectProblem(await complete(id, [one, two, third]), 409, 'piece-mismatch');
    expectProblem(await complete(id, 'parts'), 400, 'invalid-request');
    expect((await node.status(id)).receivedBytes).toBe(0);
    expect((await complete(id, [three, two, one])).status).toBe(200);
    await expectWhole(id);
  });

  test('numbers that no part has, uploads that there are none of or that take chunks, what ended', async () => {
    const id = await begin();
    for (const number of [0, 10_001])
      expectProblem(await node.json('GET', `${base}/${id}/${number}`), 400, 'invalid-chunk-index');
    expectProblem(await node.json('GET', `${base}/${id}/x`), 400, 'invalid-request');
    expectProblem(await node.json('GET', `${base}/none/1`), 404, 'upload-not-found');
    const grid = await node.create({ size: 10 });
    expectProblem(await node.json('GET', `${base}/${grid.id}/1`), 409, 'wrong-protocol');
    expectProblem(await node.json('POST', `/v1/uploads/${id}/direct`, { chunks: [0] }), 409, 'wrong-protocol');
    expect((await node.json('DELETE', `${base}/${id}`)).status).toBe(200);
    expectProblem(await node.json('GET', `${base}/${id}/1`), 410, 'upload-closed');
    expectProblem(await complete(id, []), 410, 'upload-closed');
    expectProblem(await node.json('GET', '/companion/s3/params?filename=a'), 409, 'direct-not-offered');
  });
});
