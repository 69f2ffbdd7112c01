/** A1: a chunk that comes again when all are here. Its receipt may have been lost on the way: it is given again. */
import { createHash } from 'node:crypto';
import { readFile, rm, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import type { CrashPointName } from '../src/core/ports/crash-points.ts';
import { RawConnection } from './raw-connection.ts';
import { chunkBytes, expectProblem, RunningNode, sha256, someBytes } from './running-node.ts';

const bytes = someBytes(2 * chunkBytes + 77);
const chunk = (index: number) => bytes.subarray(index * chunkBytes, (index + 1) * chunkBytes);
const contentDigest = (content: Uint8Array) => ({
  'content-digest': `sha-256=:${createHash('sha256').update(content).digest('base64')}:`,
});

/** Same bytes: the receipt. Others, with and without their digest: refused. Everything else as for any chunk. */
async function expectReceiptsAgain(node: RunningNode, id: string, state: string): Promise<void> {
  for (const index of [2, 0, 1]) {
    for (const headers of [{}, contentDigest(chunk(index))])
      expect(await node.put(id, index, chunk(index), headers), `${state}, chunk ${index}`).toMatchObject({
        status: 200,
        body: { duplicate: true, state, index, length: chunk(index).length, receivedBytes: bytes.length },
      });
    const other = Uint8Array.from(chunk(index));
    other[other.length - 1] = (other.at(-1) ?? 0) ^ 1;
    for (const headers of [{}, contentDigest(other)])
      expectProblem(await node.put(id, index, other, headers), 409, 'chunk-conflict');
    expectProblem(await node.put(id, index, chunk(index), contentDigest(other)), 422, 'digest-mismatch');
  }
  expectProblem(await node.put(id, 0, bytes.subarray(0, chunkBytes - 1)), 400, 'invalid-size');
  expectProblem(await node.put(id, 3, chunk(0)), 400, 'invalid-chunk-index');
}

async function sendAll(node: RunningNode, wish: object = {}): Promise<string> {
  const { id } = await node.create({ size: bytes.length, ...wish });
  for (const index of [0, 1, 2]) expect(await node.put(id, index, chunk(index))).toMatchObject({ status: 200 });
  return id;
}

test('completed: the receipt again, after a restart too', async () => {
  let node = await RunningNode.start();
  const id = await sendAll(node);
  await node.json('POST', `/v1/uploads/${id}/complete`);
  await expectReceiptsAgain(node, id, 'completed');
  await node.stop();
  node = await RunningNode.start({ dataDir: node.dataDir });
  await expectReceiptsAgain(node, id, 'completed');
  expect(await node.incoming()).toEqual([]);
  await node.close();
});

test('completed by its digest: nothing was sent, and still its chunks are acknowledged', async () => {
  await using node = await RunningNode.start();
  await node.upload(bytes);
  const { id } = await node.create({ size: bytes.length, sha256: sha256(bytes) });
  await expectReceiptsAgain(node, id, 'completed');
});

/** Finishing stops there, as if the process had died: the upload stays in that state until its lease ends. */
const stops: readonly (readonly [CrashPointName, string])[] = [
  ['completion:before-digest', 'validating'],
  ['completion:after-digest', 'validating'],
  ['completion:after-verified', 'assembling'],
  ['completion:after-place', 'assembling'],
];
it.each(stops)('finishing, stopped at %s: the receipt again while it is %s', async (point, state) => {
  const crash = (name: CrashPointName) => {
    if (name === point) throw new Error('stops here (test)');
  };
  await using node = await RunningNode.start({ crash });
  const id = await sendAll(node);
  await expect.poll(async () => (await node.status(id)).state).toBe(state);
  if (point === 'completion:after-place') await expect.poll(() => node.incoming()).toEqual([]);
  await expectReceiptsAgain(node, id, state);
});

describe('put away while it comes in again', () => {
  it.each([true, false])('the same bytes: %s', async (same) => {
    await using node = await RunningNode.start();
    const { id } = await node.create({ size: bytes.length });
    for (const index of [0, 1]) await node.put(id, index, chunk(index));
    const again = await RawConnection.open(node.port);
    again.head(`PUT /v1/uploads/${id}/chunks/0`, [`Content-Length: ${chunkBytes}`, 'Connection: close']);
    again.send(bytes.subarray(0, 1000));
    await node.put(id, 2, chunk(2));
    await node.json('POST', `/v1/uploads/${id}/complete`);
    const rest = Uint8Array.from(bytes.subarray(1000, chunkBytes));
    if (!same) rest[0] = (rest[0] ?? 0) ^ 1;
    again.send(rest);
    await expect.poll(() => again.received, { timeout: 5_000 }).toContain('}');
    expect(again.received).toMatch(same ? /^HTTP\/1.1 200 .*"duplicate":true/s : /^HTTP\/1.1 409 .*chunk-conflict/s);
    again.destroy();
  });
});

test('a completed file that was damaged on disk does not make up receipts', async () => {
  await using node = await RunningNode.start();
  const { id } = await node.upload(bytes);
  const { id: instant } = await node.create({ size: bytes.length, sha256: sha256(bytes) });
  const digest = sha256(bytes);
  const path = join(node.dataDir, 'assets', 'sha256', digest.slice(0, 2), digest);
  expect(sha256(await readFile(path))).toBe(digest);
  await truncate(path, 10);
  expect(await node.put(id, 0, chunk(0)), 'it was acknowledged, and the record has its checksum').toMatchObject({
    status: 200,
    body: { duplicate: true },
  });
  expectProblem(await node.put(instant, 0, chunk(0)), 410, 'upload-closed');
  await rm(path);
  expectProblem(await node.put(instant, 0, chunk(0)), 410, 'upload-closed');
});

test('cancelled, failed: refused as before, stored or not', async () => {
  await using node = await RunningNode.start();
  const cancelled = await node.create({ size: bytes.length });
  await node.put(cancelled.id, 0, chunk(0));
  await node.json('DELETE', `/v1/uploads/${cancelled.id}`);
  const failed = await sendAll(node, { sha256: 'ab'.repeat(32) });
  await expect.poll(async () => (await node.status(failed)).state).toBe('failed');
  for (const id of [cancelled.id, failed])
    for (const index of [0, 1]) expectProblem(await node.put(id, index, chunk(index)), 410, 'upload-closed');
});
