/** Reading the offset of an upload that nobody is appending to any more: what it says is where the next request goes on. */
import { rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HoldfastError } from '../src/core/errors.ts';
import type { Upload } from '../src/core/upload.ts';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { AppendFolder, type AppendNode, principal } from './append-node.ts';
import { sha256 } from './running-node.ts';

const bytes = patternBytes(1_000_000, 1);
const batchBytes = 65_536;

let folder: AppendFolder;
beforeEach(async () => {
  folder = await AppendFolder.make();
});
afterEach(() => folder[Symbol.asyncDispose]());

const code = (work: Promise<unknown>) =>
  work.then(
    () => 'fine',
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );

/** A request that has sent one batch and then sends nothing until it is interrupted. */
async function stuck(node: AppendNode, id: string): Promise<{ ended: Promise<string> }> {
  const { promise: waiting, resolve: reached } = Promise.withResolvers<void>();
  const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<void>();
  const body = bodyOf(bytes, {
    batchBytes,
    beforeBatch: async (sent) => {
      if (sent < batchBytes) return;
      reached();
      await interrupted;
    },
  });
  const plain = body.interrupt.bind(body);
  body.interrupt = (error) => {
    plain(error);
    interrupt();
  };
  const ended = code(node.append(id, 0, body));
  await waiting;
  return { ended };
}

test.each(['in the same process', 'in another one'])('a request that is sending is ended first, %s', async (where) => {
  const one = await folder.open();
  const other = where === 'in another one' ? await folder.open() : one;
  const { id } = await one.create({ ends: 'by-client' });
  const old = await stuck(one, id);
  expect(await one.find(id)).toMatchObject({ receivedBytes: 0 });
  expect(await other.service.settled({ id, principal })).toMatchObject({ receivedBytes: batchBytes });
  expect(await old.ended).toBe('upload-taken-over');
  await other.append(id, batchBytes, bytes.subarray(batchBytes), { end: true });
  expect((await other.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  expect(await other.service.settled({ id, principal })).toMatchObject({ receivedBytes: bytes.length });
});

test('a holder that does not let go is not read past', async () => {
  const node = await folder.open({ limits: { appendWaitMs: 300 } });
  const { id } = await node.create();
  const lock = await node.deps.locks.acquire(id, { waitMs: 0, letGo: () => {} });
  expect(await code(node.service.settled({ id, principal }))).toBe('upload-busy');
  if (typeof lock !== 'string') await lock.release();
  expect(await code(node.service.settled({ id, principal }))).toBe('fine');
});

test('every segment is told once it is durable', async () => {
  const node = await folder.open({ limits: { segmentBytes: 2 * batchBytes } });
  const { id } = await node.create();
  const told: number[] = [];
  const recorded = (upload: Upload) => told.push(upload.receivedBytes);
  await node.append(id, 0, bytes.subarray(0, 5 * batchBytes), { recorded });
  expect(told).toEqual([2, 4, 5].map((batches) => batches * batchBytes));
});

test('bytes that are lost after they were acknowledged end an upload whose offset must not decrease', async () => {
  const node = await folder.open();
  const { id } = await node.create({ ends: 'by-client' });
  await node.append(id, 0, bytes.subarray(0, 200_000));
  await rm(join(folder.dir, 'incoming', id));
  expect(await code(node.append(id, 200_000, bytes.subarray(200_000), { end: true }))).toBe('unavailable');
  expect(await node.find(id)).toMatchObject({
    receivedBytes: 200_000,
    phase: { name: 'failed', code: 'storage-damaged' },
  });
  expect(await code(node.append(id, 200_000, bytes.subarray(200_000)))).toBe('upload-closed');
});

test('bytes that are lost while the whole is verified do too', async () => {
  const node = await folder.open({
    crash: (point) => {
      if (point === 'completion:before-digest') rmIncoming();
    },
  });
  let rmIncoming = () => {};
  const { id } = await node.create({ ends: 'by-client' });
  await node.append(id, 0, bytes);
  rmIncoming = () => rmSync(join(folder.dir, 'incoming', id), { force: true });
  await node.append(id, bytes.length, new Uint8Array(), { end: true });
  expect(await code(node.service.complete({ id, principal }, 10_000))).toBe('storage-damaged');
});
