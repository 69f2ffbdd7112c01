/** Watched folders: what happens between two looks at the same thing. */
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testPipeline, testStep } from '../../test/pipeline-bench.ts';
import { someMedia, WatchBench, type WatchWish } from '../../test/watch-bench.ts';
import type { FileIntake } from '../core/ports/file-intake.ts';
import { StoppableClock } from '../testing/stoppable-clock.ts';

let dir = '';
let watch: WatchBench;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'holdfast-races-'));
});
afterEach(async () => {
  await watch.close();
  rmSync(dir, { recursive: true, force: true });
});

async function start(wish: WatchWish = {}): Promise<void> {
  watch = await WatchBench.open(dir, wish);
}

it('a node that stood still for longer than its turn, and whose turn nobody took, goes on looking', async () => {
  const clock = new StoppableClock();
  const turns = { holder: { process: 'one/1', node: 'one' }, goodForMs: 600 };
  await start({ clock, turns, folder: { formats: ['text/*'], intervalSeconds: 0.2 } });
  await watch.watcher.start();
  await watch.write('a.txt', 'text of a');
  await watch.until(({ counts }) => counts.done === 1);
  clock.stop();
  await sleep(1_000);
  clock.wake();
  await sleep(300);
  await watch.write('b.txt', 'text of b');
  await watch.until(({ counts }) => counts.done === 2);
});

it('a scan that is asked for during another comes right behind it, whatever files wait for', async () => {
  await start({ folder: { settleSeconds: 600 } });
  await watch.write('talk.mp4', someMedia(1_000));
  await watch.watcher.start();
  const { folder } = await watch.until(({ counts }) => counts.waiting === 1);
  const asked = performance.now();
  const scans: Promise<boolean>[] = [];
  for (let i = 0; i < 20; i += 1) {
    scans.push(watch.watcher.scan(folder.id));
    await sleep(2);
  }
  await Promise.all(scans);
  // The interval is a minute.
  expect(performance.now() - asked).toBeLessThan(20_000);
});

/** Puts another content in the place of `talk.mp4`. */
function replaceTalk(bytes: Buffer): void {
  writeFileSync(path.join(dir, 'new.mp4'), bytes);
  renameSync(path.join(dir, 'new.mp4'), path.join(dir, 'in', 'talk.mp4'));
}

it('a file that takes the place of one that waits to be moved has its own outcome', async () => {
  const [first, second] = [someMedia(1_000), someMedia(2_000)];
  let armed = true;
  const intake = (real: FileIntake): FileIntake => ({
    head: (at, length) => real.head(at, length),
    read: (request) => real.read(request),
    copy: (copy) => real.copy(copy),
    facts: async (at) => {
      if (armed && Buffer.from(at).toString().endsWith('/in/talk.mp4')) {
        armed = false;
        replaceTalk(second);
        await watch.until(({ counts, waiting }) => counts.taken === 1 && waiting.length === 0);
      }
      return real.facts(at);
    },
  });
  await start({ intake, folder: { outcome: 'move', intervalSeconds: 0.2 } });
  await watch.write('talk.mp4', first);
  await watch.watcher.start();
  const moved = path.join(watch.in, 'completed', 'talk.mp4');
  await expect.poll(() => readFile(moved).catch(() => null)).toEqual(second);
});

it('a file that takes the place of one while that is moved stays, and is taken as new', async () => {
  const [first, second] = [someMedia(1_000), someMedia(2_000)];
  let armed = true;
  const crash = (point: string) => {
    if (armed && point === 'watch:after-link') {
      armed = false;
      replaceTalk(second);
    }
  };
  await start({ crash, folder: { outcome: 'move', intervalSeconds: 0.2 } });
  await watch.write('talk.mp4', first);
  await watch.watcher.start();
  await expect.poll(() => readFile(path.join(watch.in, 'completed', 'talk (2).mp4')).catch(() => null)).toEqual(second);
  expect(await readFile(path.join(watch.in, 'completed', 'talk.mp4'))).toEqual(first);
});

it('a file whose mode changes while its outcome is written down has it once', async () => {
  const steps = [testStep('one', path.join(dir, 'steps.log'))];
  await start({ pipelines: [testPipeline(steps)], folder: { intervalSeconds: 600 } });
  const ended: string[] = [];
  watch.watcher.listen((news) => void (news.type === 'ended' && ended.push(news.path)));
  await watch.write('talk.mp4', someMedia(1_000));
  await watch.watcher.start();
  const { folder } = await watch.until(({ counts }) => counts.taken === 1);
  const store = watch.bench.state.watch;
  const find = store.find.bind(store);
  store.find = async (...where) => {
    const rows = await find(...where);
    store.find = find;
    await watch.bench.runner(steps).start();
    await watch.until(({ counts }) => counts.done === 1);
    return rows;
  };
  chmodSync(path.join(watch.in, 'talk.mp4'), 0o600);
  await watch.watcher.scan(folder.id);
  await watch.settled();
  expect(ended).toEqual(['talk.mp4']);
});

it('stops without waiting for the time at which it would look again what has ended', async () => {
  const clock = new StoppableClock();
  await start({ clock });
  await watch.write('talk.mp4', someMedia(1_000));
  await watch.watcher.start();
  const { folder } = await watch.until(({ counts }) => counts.done === 1);
  await watch.watcher.scan(folder.id);
  clock.stop();
  await watch.watcher.stop();
});

it('is settled also where it is looked at all the time', async () => {
  await start({ folder: { intervalSeconds: 0.05 } });
  await watch.write('talk.mp4', someMedia(1_000));
  await watch.run();
  expect((await watch.details()).counts.done).toBe(1);
});

it.each(['sub', 'sub/deep', ''])('changes in "%s" are noticed after it was made anew', async (name) => {
  await start({ folder: { intervalSeconds: 600 } });
  await watch.write('sub/deep/a.mp4', someMedia(1_000));
  await watch.write('sub/b.mp4', someMedia(1_100));
  await watch.watcher.start();
  const before = await watch.until(({ counts }) => counts.done === 2);
  await sleep(500);
  rmSync(path.join(watch.in, name), { recursive: true });
  mkdirSync(path.join(watch.in, name));
  await watch.until(({ scannedAt }) => (scannedAt ?? 0) > (before.scannedAt ?? 0));
  await sleep(1_000);
  await watch.write(path.join(name, 'c.mp4'), someMedia(1_200));
  await watch.until(({ recent }) => recent.some((file) => file.path.endsWith('c.mp4') && file.state === 'done'));
});

it('a confirmation that comes during a scan counts', async () => {
  await start();
  for (let i = 0; i < 12; i += 1) await watch.write(`${i}.mp4`, someMedia(100 + i));
  await watch.watcher.start();
  const { folder } = await watch.until(({ counts }) => counts.done === 12);
  for (let i = 0; i < 12; i += 1) rmSync(path.join(watch.in, `${i}.mp4`));
  await watch.until(({ state }) => state === 'paused');
  const store = watch.bench.state.watch;
  const dirs = store.dirs.bind(store);
  let confirmed: Promise<boolean> | null = null;
  store.dirs = async (id) => {
    confirmed ??= watch.watcher.resume(folder.id);
    await expect.poll(async () => (await store.folder(folder.id))?.reason).toBe('confirmed');
    store.dirs = dirs;
    return await dirs(id);
  };
  await watch.watcher.scan(folder.id);
  expect(await confirmed).toBe(true);
  expect(await watch.details()).toMatchObject({ state: 'watching', counts: { done: 0 } });
});
