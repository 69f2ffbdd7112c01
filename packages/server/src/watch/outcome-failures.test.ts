/** Watched folders: what cannot be done about one thing holds up nothing else, and is told. */
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { someMedia, WatchBench } from '../../test/watch-bench.ts';

let dir = '';
let watch: WatchBench;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'holdfast-outcomes-'));
});
afterEach(async () => {
  await watch.close();
  rmSync(dir, { recursive: true, force: true });
});

it('D5: a log of processed contents that cannot be written is told, files are moved all the same, and it gets its lines later', async () => {
  const log = path.join(dir, 'processed.log');
  const bytes = someMedia(1_000);
  mkdirSync(log);
  watch = await WatchBench.open(dir, { folder: { outcome: 'move' } });
  await watch.write('talk.mp4', bytes);
  await watch.run();
  expect(await readFile(path.join(watch.in, 'completed', 'talk.mp4'))).toEqual(bytes);
  const { folder, problems } = await watch.details();
  expect(problems).toEqual([expect.stringMatching(/^the log of processed contents cannot be written: EISDIR/)]);
  expect(watch.reads.files).toBe(1);
  rmdirSync(log);
  await watch.watcher.scan(folder.id);
  await watch.until((details) => details.problems.length === 0);
  expect(await watch.processed()).toEqual([expect.stringMatching(/^[0-9a-f]{64} {2}\S+ {2}succeeded {2}talk\.mp4$/)]);
});
