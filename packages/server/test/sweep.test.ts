/** E1: the clean-up gets to everything that is due, however much there is and whatever fails beside it. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { HoldfastError } from '../src/core/errors.ts';
import { defaultLimits } from '../src/core/limits.ts';
import { patternBytes } from '../src/testing/body.ts';
import { Sweeper } from '../src/uploads/sweep.ts';
import { AppendFolder, type AppendNode } from './append-node.ts';

let folder: AppendFolder;
let node: AppendNode;
/** The upload whose bytes the disk neither syncs nor frees. */
let bad = '';
beforeEach(async () => {
  folder = await AppendFolder.make();
  bad = '';
  node = await folder.open({
    instead: ({ blobs }) => {
      const { harden, discard } = blobs;
      const failing = (work: (id: string) => Promise<void>) => async (id: string) => {
        if (id === bad) throw new HoldfastError('unavailable', 'The disk failed (test)');
        await work(id);
      };
      return { blobs: Object.assign(blobs, { harden: failing(harden), discard: failing(discard) }) };
    },
  });
});
afterEach(() => folder[Symbol.asyncDispose]());

/** One round, so long from now. */
async function sweepIn(ms: number) {
  const clock = { ...node.deps.clock, now: () => node.deps.clock.now() + ms };
  return await new Sweeper({ ...node.deps, clock }, node.service).sweep();
}

async function made(many: number): Promise<string[]> {
  return await Promise.all(Array.from({ length: many }, async () => (await node.create({ size: 10 })).id));
}

test('all that is due, in one round', async () => {
  const many = 450;
  await made(many);
  const expiry = defaultLimits.uploadTtlMs + 1_000;
  expect(await sweepIn(expiry)).toMatchObject({ expired: many, released: many, purged: 0 });
  expect(await sweepIn(expiry + defaultLimits.endedRetentionMs + 1_000)).toMatchObject({ purged: many });
});

test('bytes that cannot be freed are in nobody’s way', async () => {
  bad = (await made(3))[0] ?? '';
  const expiry = defaultLimits.uploadTtlMs + 1_000;
  expect(await sweepIn(expiry)).toMatchObject({ expired: 3, released: 2 });
  bad = '';
  expect(await sweepIn(expiry)).toMatchObject({ expired: 0, released: 1 });
});

test('a concatenation that cannot be joined lets others wait for their parts', async () => {
  const part = async (sent: number) => {
    const { id } = await node.create({ size: 10, concatenation: { role: 'partial', uses: 0 } });
    await node.append(id, 0, patternBytes(sent));
    return id;
  };
  const final = async (id: string) => (await node.create({ concatenation: { role: 'final', parts: [id] } })).id;
  bad = await part(10);
  await final(bad);
  const open = await part(5);
  const waiting = await final(open);
  await node.service.concatenations.idle();
  await node.append(open, 5, patternBytes(1));
  await sweepIn(0);
  expect((await node.find(waiting)).expiresAt).toBe((await node.find(open)).expiresAt);
});
