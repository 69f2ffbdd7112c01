/** A process that is stopped while it appends, and comes back after another one took over: nothing of it reaches what counts. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeFileIo } from '../src/blobs/disk/file-io.ts';
import { HoldfastError } from '../src/core/errors.ts';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { AppendFolder, type AppendNode } from './append-node.ts';
import { sha256 } from './running-node.ts';

const first = 100_000;
const bytes = patternBytes(400_000, 1);
/** What the stopped process would write: other bytes. */
const stale = Buffer.concat([bytes.subarray(0, first), Buffer.alloc(bytes.length - first, 0x5a)]);

let folder: AppendFolder;
beforeEach(async () => {
  folder = await AppendFolder.make();
});
afterEach(() => folder[Symbol.asyncDispose]());

function code(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'fine',
    (error: unknown) => (error instanceof HoldfastError ? error.code : String(error)),
  );
}

/** Both have the upload's first bytes recorded; the first one is in the middle of sending others, and is stopped. */
async function stopped(node: AppendNode, gate: { reached: () => void; open: Promise<void> }) {
  const { id } = await node.create({ size: bytes.length });
  await node.append(id, 0, bytes.subarray(0, first));
  const body = bodyOf(stale.subarray(first), {
    batchBytes: 100_000,
    beforeBatch: async (sent) => {
      if (sent === 0) return;
      gate.reached();
      await gate.open;
    },
  });
  return { id, old: code(node.append(id, first, body)) };
}

test('what it still sends is refused, and the upload is whole', async () => {
  const one = await folder.open({ locksGoodForMs: 400 });
  const two = await folder.open({ limits: { appendWaitMs: 5_000 } });
  const { promise: waiting, resolve: reached } = Promise.withResolvers<void>();
  const { promise: open, resolve: goOn } = Promise.withResolvers<void>();
  const { id, old } = await stopped(one, { reached, open });
  await waiting;
  one.freeze();
  const { receivedBytes: fromHere } = await two.find(id);
  await two.append(id, fromHere, bytes.subarray(fromHere, 300_000));
  expect(await two.find(id)).toMatchObject({ receivedBytes: 300_000, fence: 1 });
  goOn();
  expect(await old).toBe('lease-lost');
  expect(await two.find(id)).toMatchObject({ receivedBytes: 300_000 });
  await two.append(id, 300_000, bytes.subarray(300_000));
  expect((await two.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
});

test('a write of it that was under way does not reach the file any more', async () => {
  const { promise: writing, resolve: reached } = Promise.withResolvers<void>();
  const { promise: open, resolve: goOn } = Promise.withResolvers<void>();
  let landed = 0;
  const io = {
    ...nodeFileIo,
    writev: async (fd: number, buffers: readonly Uint8Array[], position: number) => {
      if (position >= first) {
        reached();
        await open;
        landed += 1;
      }
      return await nodeFileIo.writev(fd, buffers, position);
    },
  };
  const one = await folder.open({ locksGoodForMs: 400, io });
  const two = await folder.open({ limits: { appendWaitMs: 5_000 } });
  const { id, old } = await stopped(one, { reached: () => {}, open: Promise.resolve() });
  await writing;
  one.freeze();
  await two.append(id, first, bytes.subarray(first, 350_000));
  goOn();
  expect(await old).toBe('lease-lost');
  expect(landed).toBeGreaterThan(0);
  await two.append(id, 350_000, bytes.subarray(350_000));
  expect((await two.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
});

test('coming back in order, it can go on with the file that it was put in', async () => {
  const one = await folder.open({ locksGoodForMs: 400 });
  const two = await folder.open({ limits: { appendWaitMs: 5_000 } });
  const { promise: waiting, resolve: reached } = Promise.withResolvers<void>();
  const { promise: open, resolve: goOn } = Promise.withResolvers<void>();
  const { id, old } = await stopped(one, { reached, open });
  await waiting;
  one.freeze();
  await two.append(id, first, bytes.subarray(first, 200_000));
  goOn();
  await old;
  await one.append(id, 200_000, bytes.subarray(200_000));
  expect((await one.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
});

test('a holder that lives and cannot stop is not forced: the newer request is told so', async () => {
  const limits = { appendWaitMs: 1_000 };
  const one = await folder.open({ locksGoodForMs: 400, limits });
  const two = await folder.open({ limits });
  const { promise: waiting, resolve: reached } = Promise.withResolvers<void>();
  const { promise: open, resolve: goOn } = Promise.withResolvers<void>();
  const { id, old } = await stopped(one, { reached, open });
  await waiting;
  for (const node of [one, two]) {
    expect(await code(node.append(id, first, bytes.subarray(first)))).toMatch(/upload-busy/);
    expect((await node.find(id)).fence).toBe(0);
  }
  goOn();
  await old;
});
