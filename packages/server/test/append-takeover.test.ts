/** A process that is stopped while it appends, and comes back after another one took over: nothing of it reaches what counts. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { nodeFileIo } from '../src/blobs/disk/file-io.ts';
import { HoldfastError } from '../src/core/errors.ts';
import { systemClock } from '../src/platform/system-clock.ts';
import { bodyOf, patternBytes } from '../src/testing/body.ts';
import { instead } from '../src/testing/stand-in.ts';
import { AppendFolder, type AppendNode } from './append-node.ts';
import { sha256 } from './running-node.ts';

const first = 100_000;
const bytes = patternBytes(400_000, 1);
/** What the stopped process would write: other bytes. */
const stale = Uint8Array.from(bytes, (byte, i) => (i < first ? byte : 0x5a));

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
  // A segment for each batch: between two it opens the file anew, and finds the one that is not its own.
  const one = await folder.open({ locksGoodForMs: 400, limits: { segmentBytes: 1 } });
  const two = await folder.open({ limits: { appendWaitMs: 5_000 } });
  const { promise: waiting, resolve: reached } = Promise.withResolvers<void>();
  const { promise: open, resolve: goOn } = Promise.withResolvers<void>();
  const { id, old } = await stopped(one, { reached, open });
  await waiting;
  // Its first batch is recorded, and stays.
  const from = first + 100_000;
  await expect.poll(async () => (await two.find(id)).receivedBytes).toBe(from);
  one.freeze();
  // Its records are refused late: until then it goes on with its body.
  const { store } = one.deps;
  const decide: typeof store.decide = (...asked) =>
    new Promise((resolve) => systemClock.after(300, () => resolve(store.decide(...asked))));
  Object.assign(one.deps, { store: instead(store, { decide }) });
  await two.append(id, from, bytes.subarray(from, 390_000));
  expect(await two.find(id)).toMatchObject({ receivedBytes: 390_000, fence: 1 });
  goOn();
  expect(await old).toBe('lease-lost');
  expect(await two.find(id)).toMatchObject({ receivedBytes: 390_000 });
  await two.append(id, 390_000, bytes.subarray(390_000));
  const whole = Buffer.concat([stale.subarray(0, from), bytes.subarray(from)]);
  expect((await two.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(whole) });
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
  // With a sync after the write it notices that its file has lost its name, and must not think that bytes are lost.
  const one = await folder.open({ locksGoodForMs: 400, io, durability: 'synced' });
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

test('nor does its copy of the file, when it was stopped while it took the upload over itself', async () => {
  const one = await folder.open({ locksGoodForMs: 400 });
  const { promise: copying, resolve: reached } = Promise.withResolvers<void>();
  const { promise: open, resolve: goOn } = Promise.withResolvers<void>();
  const io = {
    ...nodeFileIo,
    fdatasync: async (fd: number) => {
      await nodeFileIo.fdatasync(fd);
      reached();
      await open;
    },
  };
  const two = await folder.open({ locksGoodForMs: 400, io, limits: { appendWaitMs: 5_000 } });
  const three = await folder.open({ limits: { appendWaitMs: 5_000 } });
  const sending = Promise.withResolvers<void>();
  const never = Promise.withResolvers<void>();
  const { id, old } = await stopped(one, { reached: sending.resolve, open: never.promise });
  await sending.promise;
  one.freeze();
  const from = first + 100_000;
  const late = code(two.append(id, first, bytes.subarray(first, from)));
  await copying;
  two.freeze();
  await three.append(id, first, bytes.subarray(first, 390_000));
  goOn();
  expect(await late).toBe('lease-lost');
  await three.append(id, 390_000, bytes.subarray(390_000));
  expect((await three.ended(id)).phase).toMatchObject({ name: 'completed', assetId: sha256(bytes) });
  never.resolve();
  expect(await old).toBe('lease-lost');
});
