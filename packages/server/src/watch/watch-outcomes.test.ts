/** Watched folders with real files: how bytes get into the store, and what becomes of files when their runs are over. */
import { rmSync } from 'node:fs';
import { link, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testPipeline, testStep } from '../../test/pipeline-bench.ts';
import { sha256 } from '../../test/running-node.ts';
import { someMedia, WatchBench, type WatchWish } from '../../test/watch-bench.ts';
import { assetPath } from '../testing/local-paths.ts';

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
async function namesOf(bytes: Uint8Array): Promise<string[]> {
  const asset = await watch.bench.state.uploads.findAsset(sha256(bytes), 'anonymous');
  return (asset?.sources ?? []).map((source) => source.watched?.path ?? source.filename).sort();
}

describe('taking', () => {
  it('by a hard link shares the bytes; in place leaves them outside and says when they changed', async () => {
    const [linked, placed] = [someMedia(3_000), someMedia(4_000)];
    await start({ folder: { take: 'link' } });
    await watch.write('linked.mp4', linked);
    await watch.run();
    const { blobs } = watch.bench.disk;
    expect(await readFile(await assetPath(blobs, sha256(linked)))).toEqual(linked);
    await link(await assetPath(blobs, sha256(linked)), path.join(dir, 'third'));
    await restart({ folder: { take: 'in-place' } });
    await watch.write('placed.mp4', placed);
    await watch.run();
    const file = path.join(watch.in, 'placed.mp4');
    expect(await assetPath(watch.bench.disk.blobs, sha256(placed))).toBe(file);
    expect(await watch.bench.disk.blobs.rehashAsset(sha256(placed))).toBe(sha256(placed));
    await restart({ folder: { take: 'in-place' } });
    expect(await watch.bench.disk.blobs.assetSize(sha256(placed))).toBe(4_000);
    await utimes(file, 5, 5);
    await expect(watch.bench.disk.blobs.localAsset(sha256(placed))).rejects.toThrow(/has changed since it was taken/);
    expect(await watch.bench.disk.blobs.assetSize(sha256(placed))).toBeNull();
    rmSync(file);
    await expect(watch.bench.disk.blobs.localAsset(sha256(placed))).rejects.toThrow(/not there any more/);
  });

  it.each(['copy', 'link'] as const)('by %s mends an asset whose bytes are damaged', async (take) => {
    const bytes = someMedia(3_000);
    await start({ folder: { take } });
    await watch.write('a.mp4', bytes);
    await watch.run();
    const { blobs } = watch.bench.disk;
    const asset = await assetPath(blobs, sha256(bytes));
    await writeFile(asset, Buffer.alloc(bytes.length), { flag: 'r+' });
    await watch.write('b.mp4', bytes);
    await watch.settled();
    expect(await blobs.rehashAsset(sha256(bytes))).toBe(sha256(bytes));
    // A sound one is not put in the hands of whoever edits the next file.
    await watch.write('c.mp4', bytes);
    await watch.settled();
    await writeFile(path.join(watch.in, 'c.mp4'), Buffer.alloc(bytes.length), { flag: 'r+' });
    expect(await blobs.rehashAsset(sha256(bytes))).toBe(sha256(bytes));
  });
});

describe('D5: outcomes', () => {
  it('move files to completed and failed, mirrored, numbered, with the reason, and never over others', async () => {
    const bad = someMedia(500);
    const steps = [
      testStep('one', path.join(dir, 'steps.log'), {
        attemptsMax: 1,
        work: async ({ asset }) => {
          if (asset.id === sha256(bad)) throw new Error('the picture is upside down');
        },
      }),
    ];
    await start({ pipelines: [testPipeline(steps)], folder: { outcome: 'move' } });
    await watch.bench.runner(steps).start();
    await mkdir(path.join(watch.in, 'completed', 'sub'), { recursive: true });
    await writeFile(path.join(watch.in, 'completed', 'sub', 'a.mp4'), 'somebody else’s');
    await watch.write('sub/a.mp4', someMedia(400));
    await watch.write('bad.mp4', bad);
    await watch.run();
    expect(await readdir(path.join(watch.in, 'completed', 'sub'))).toEqual(['a (2).mp4', 'a.mp4']);
    expect(await readFile(path.join(watch.in, 'completed', 'sub', 'a.mp4'), 'utf8')).toBe('somebody else’s');
    expect(await readdir(path.join(watch.in, 'failed'))).toEqual(['bad.mp4', 'bad.mp4.reason.txt']);
    expect(await readFile(path.join(watch.in, 'failed', 'bad.mp4.reason.txt'), 'utf8')).toContain('upside down');
    expect((await watch.processed()).map((line) => line.split('  ')[2]).sort()).toEqual(['failed', 'succeeded']);
    await restart({ folder: { outcome: 'move' } });
    await watch.run();
    expect(watch.reads).toEqual({ heads: 0, files: 0 });
  });

  it('contents that an older system processed are passed over, until they are forgotten', async () => {
    const bytes = someMedia(700);
    await start();
    const known = { sha256: sha256(bytes), at: 1, outcome: 'known' as const, name: 'old.mp4' };
    expect(await watch.bench.state.watch.importProcessed([known])).toBe(1);
    await watch.write('a.mp4', bytes);
    await watch.run();
    expect((await watch.details()).counts).toMatchObject({ known: 1, done: 1 });
    expect(await namesOf(bytes)).toEqual([]);
    expect(await watch.bench.state.watch.forget(sha256(bytes))).toBe(true);
    await watch.settled();
    expect((await watch.details()).counts).toMatchObject({ known: 0, succeeded: 1 });
    expect(await namesOf(bytes)).toEqual(['a.mp4']);
  });
});
