/** E1: what a node remembers of uploads that another one finishes. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { Follower } from './follower.ts';
import { KeptChunks } from './kept-chunks.ts';
import type { PieceSources } from './piece-reader.ts';
import { RunningHashes } from './running-hashes.ts';
import { SlabPool, slabBytes } from './slab-pool.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const uploads = 200_000;

it('remembers nothing of uploads that it has caught up with: they may end on another node, which tells it nothing', async () => {
  // Of these, the other node has freed everything by now.
  const sources = { map: { find: async () => null } } as unknown as PieceSources;
  const follower = new Follower(sources, new RunningHashes(10, new KeptChunks(new SlabPool(2 * slabBytes))));
  const follow = async (count: number) => {
    for (let i = 0; i < count; i += 1) {
      follower.follow(`01936b1e-7f3a-7000-8000-${String(i).padStart(12, '0')}`, 1_000 + i);
      if (i % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = await follow(1);
  expect(((await follow(uploads)) - before) / uploads).toBeLessThan(20);
  await follower.close();
});
