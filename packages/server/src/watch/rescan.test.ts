/** A second look at a folder costs names and facts, no contents. */
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WatchBench, type WatchWish } from '../../test/watch-bench.ts';

let dir: string;
let watch: WatchBench;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-watch-'));
});
afterEach(async () => {
  await watch.close();
  await rm(dir, { recursive: true, force: true });
});

async function start(wish: WatchWish = {}): Promise<void> {
  watch = await WatchBench.open(dir, wish);
}
async function restart(wish: WatchWish = {}): Promise<void> {
  await watch.close();
  await start(wish);
}

it('D2: a second scan of 10,000 unchanged files reads none of them', async () => {
  await start();
  for (let i = 0; i < 100; i += 1) await mkdir(path.join(watch.in, `d${i}`));
  for (let i = 0; i < 10_000; i += 1) writeFileSync(path.join(watch.in, `d${i % 100}`, `${i}.mp4`), 'x');
  await restart({ folder: { settleSeconds: 600 } });
  await watch.watcher.start();
  await watch.until(({ counts }) => counts.waiting === 10_000);
  const { store, id } = { store: watch.bench.state.watch, id: (await watch.details()).folder.id };
  const files = await store.list(id, ['waiting'], 10_001);
  const done = files.map((file) => ({
    ...file,
    state: 'done' as const,
    sha256: 'a'.repeat(64),
    takenAt: 1,
    outcome: 'succeeded' as const,
    endedAt: 2,
  }));
  await store.save(done);
  await restart();
  const before = await bytesRead();
  await watch.run();
  const { counts, files: looked } = await watch.details();
  expect([looked, counts.done, counts.waiting]).toEqual([10_000, 10_000, 0]);
  expect(watch.reads).toEqual({ heads: 0, files: 0 });
  expect((await bytesRead()) - before, 'bytes read by the process').toBeLessThan(40_000_000);
});

/** Everything that this process has read, the database included (proc_pid_io(5), rchar). */
async function bytesRead(): Promise<number> {
  return Number(/rchar: (\d+)/.exec(await readFile('/proc/self/io', 'utf8'))?.[1]);
}
