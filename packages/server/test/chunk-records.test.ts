/** C1, C2: what is recorded of an upload and of each of its chunks. */
import type { ChunkList, Upload } from '@holdfast/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chunkBytes, expectProblem, RunningNode, someBytes } from './running-node.ts';

let node: RunningNode;
beforeAll(async () => {
  node = await RunningNode.start();
});
afterAll(async () => {
  await node.close();
});

test('C2: each stored chunk has its number, place, size, checksums and time, also after completion', async () => {
  const bytes = someBytes(2 * chunkBytes + 100);
  const { id } = await node.create({ filename: 'talk.wav', size: bytes.length, chunkSize: chunkBytes });
  await node.put(id, 2, bytes.subarray(2 * chunkBytes));
  await node.put(id, 0, bytes.subarray(0, chunkBytes));
  const partial = await node.json<ChunkList>('GET', `/v1/uploads/${id}/chunks`);
  expect(partial.body.items).toMatchObject([
    { index: 0, offset: 0, length: chunkBytes, crc32: expect.stringMatching(/^[0-9a-f]{8}$/) },
    { index: 2, offset: 2 * chunkBytes, length: 100, receivedAt: expect.stringMatching(/Z$/) },
  ]);
  await node.put(id, 1, bytes.subarray(chunkBytes, 2 * chunkBytes));
  await node.json('POST', `/v1/uploads/${id}/complete`);
  const page = await node.json<ChunkList>('GET', `/v1/uploads/${id}/chunks?after=0&limit=1`);
  expect(page.body.items.map((c) => c.index)).toEqual([1]);
});

test('C1: an upload tells when its first and last bytes came and where the file can be read', async () => {
  const { id, ...created } = await node.create({ filename: 'a.bin', size: 10 });
  expect(created).toMatchObject({ firstByteAt: null, lastByteAt: null, contentUrl: null });
  await node.put(id, 0, someBytes(10));
  const { body } = await node.json<Upload>('POST', `/v1/uploads/${id}/complete`);
  expect(body.firstByteAt).not.toBeNull();
  expect(body.contentUrl).toBe(`/v1/assets/${body.assetId}/content`);
});

test('the chunks of an unknown upload are not there', async () => {
  expectProblem(
    await node.json('GET', '/v1/uploads/00000000-0000-7000-8000-000000000000/chunks'),
    404,
    'upload-not-found',
  );
});
