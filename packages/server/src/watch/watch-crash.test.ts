/** What a killed node leaves of a watched folder, and what the next one makes of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../test/running-node.ts';
import { someMedia, WatchBench } from '../../test/watch-bench.ts';
import type { CrashPointName } from '../core/ports/crash-points.ts';
import { assetPath } from '../testing/local-paths.ts';

const childFile = fileURLToPath(new URL('../../test/watch-child.ts', import.meta.url));
const otherDevice = existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(tmpdir()).dev;
let dir: string;
let far: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'holdfast-watch-'));
  far = await mkdtemp(path.join(otherDevice ? '/dev/shm' : tmpdir(), 'holdfast-watch-'));
});
afterEach(async () => {
  for (const made of [dir, far]) await rm(made, { recursive: true, force: true });
});

/** Takes the one file in with a child that dies at the point, then again to the end. */
async function crashAndGoOn(point: CrashPointName, completedDir: string): Promise<void> {
  const bytes = someMedia(300_000);
  const setup = await WatchBench.open(dir);
  await setup.write('talk.mp4', bytes);
  await setup.close();
  const args = ['--disable-warning=ExperimentalWarning', childFile, dir, point, completedDir];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  const [, signal] = await once(child, 'exit');
  expect(signal).toBe('SIGKILL');

  const watch = await WatchBench.open(dir, { folder: { outcome: 'move', completedDir } });
  await watch.run();
  const digest = sha256(bytes);
  const asset = await watch.bench.state.uploads.findAsset(digest, 'anonymous');
  expect(asset?.sources.map((source) => source.watched?.path)).toEqual(['talk.mp4']);
  expect(sha256(await readFile(await assetPath(watch.bench.disk.blobs, digest)))).toBe(digest);
  expect(await readdir(watch.in)).toEqual([]);
  expect(await readdir(completedDir)).toEqual(['talk.mp4']);
  expect(sha256(await readFile(path.join(completedDir, 'talk.mp4')))).toBe(digest);
  const log = await watch.processed();
  expect(log.map((line) => line.slice(0, 64))).toEqual([digest]);
  expect((await watch.details()).counts).toMatchObject({ waiting: 0, taken: 0, ended: 0, moving: 0, succeeded: 1 });
  expect(await readdir(path.join(dir, 'data', 'scratch'))).not.toContainEqual(expect.stringMatching(/^intake-/));
  await watch.close();
}

describe('D4: a watched file, killed', () => {
  const points: readonly CrashPointName[] = [
    'watch:after-read',
    'watch:after-place',
    'watch:after-commit',
    'watch:after-outcome',
    'watch:after-log',
    'watch:before-move',
    'watch:after-link',
    'watch:after-move',
  ];
  it.each(points)('at %s is taken, logged and moved once', async (point) => {
    await crashAndGoOn(point, path.join(dir, 'out'));
  });

  it.skipIf(!otherDevice)('on the way to another device is moved once, whole', async () => {
    await crashAndGoOn('watch:after-copy', path.join(far, 'out'));
  });
});
