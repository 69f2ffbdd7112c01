/** Watched folders with real files: when a file is taken, as what, and when it is left alone. */
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testPipeline, testStep } from '../../test/pipeline-bench.ts';
import { sha256 } from '../../test/running-node.ts';
import { someMedia, WatchBench, type WatchWish } from '../../test/watch-bench.ts';
import type { FileIntake } from '../core/ports/file-intake.ts';
import { systemClock } from '../platform/system-clock.ts';

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
const reasons = async () => (await watch.details()).waiting.map((file) => file.reason);

describe('D1: a file that is being written', () => {
  it.each(['grows', 'has its full size from the start'] as const)(
    'and %s is left alone while it is open, however still',
    async (how) => {
      await start();
      const bytes = someMedia(200_000);
      const file = await open(path.join(watch.in, 'talk.mp4'), 'w');
      if (how !== 'grows') await file.truncate(bytes.length);
      await file.write(bytes, 0, 100_000, 0);
      await watch.watcher.start();
      await watch.until(({ waiting }) => waiting.some(({ reason }) => /open for writing/.test(reason ?? '')));
      await file.write(bytes, 100_000, 100_000, 100_000);
      await file.close();
      await watch.until(({ counts }) => counts.done === 1);
      expect(await namesOf(bytes)).toEqual(['talk.mp4']);
      expect(watch.reads.files).toBe(1);
    },
  );

  it('is not taken before it was still for long enough, whatever the clock says', async () => {
    let offset = 0;
    const clock = { now: () => systemClock.now() + offset, after: systemClock.after };
    await start({ clock, folder: { settleSeconds: 600 } });
    await watch.write('talk.mp4', someMedia(1_000));
    await watch.watcher.start();
    await watch.until(({ counts }) => counts.waiting === 1);
    for (offset of [86_400_000, -86_400_000]) {
      const [status] = await watch.watcher.folders();
      await watch.watcher.scan(status?.folder.id ?? '');
      expect((await watch.details()).counts).toMatchObject({ waiting: 1, taken: 0, done: 0 });
    }
    // The stillness counts on over a restart of the server.
    const { bench } = watch;
    const [row] = await bench.state.watch.list((await watch.details()).folder.id, ['waiting'], 1);
    await restart({ clock, folder: { settleSeconds: 0.01 } });
    await watch.watcher.start();
    await watch.until(({ counts }) => counts.done === 1);
    expect(row?.quietSince).toBeGreaterThan(0);
  });

  it('under a temporary name, empty, hidden or of another format is not taken', async () => {
    await start();
    for (const name of [
      'a.mp4.part',
      'b.mp4.crdownload',
      '.c.mp4',
      '.~lock.d.mp4#',
      'e.mp4~',
      'f.tmp',
      '.syncthing.g.mp4.tmp',
    ])
      await watch.write(name, someMedia(100));
    await watch.write('empty.mp4', '');
    await watch.write('words.mp4', 'these are words');
    await watch.write('notes.txt', 'more words');
    await watch.write('talk.analytic.json', '{}');
    await watch.run();
    const { counts, recent } = await watch.details();
    expect(counts).toMatchObject({ waiting: 1, ignored: 2, taken: 0, done: 0 });
    expect(await reasons()).toEqual(['it is empty']);
    expect(recent.map((file) => file.path).sort()).toEqual(['notes.txt', 'words.mp4']);
    expect(watch.reads.files).toBe(0);
    await rename(path.join(watch.in, 'a.mp4.part'), path.join(watch.in, 'a.mp4'));
    await watch.settled();
    expect((await watch.details()).counts.done).toBe(1);
  });
});

it('D1: a file that was ignored is taken once its folder takes such files', async () => {
  await start();
  await watch.write('notes.txt', 'words');
  await watch.write('more.csv', 'more,words');
  await watch.run();
  expect((await watch.details()).counts).toMatchObject({ ignored: 2, done: 0 });
  await restart({ folder: { formats: ['video/*', 'text/plain'] } });
  await watch.run();
  expect((await watch.details()).counts).toMatchObject({ ignored: 0, done: 2 });
  const heads = watch.reads.heads;
  await watch.watcher.scan((await watch.details()).folder.id);
  expect(watch.reads.heads).toBe(heads);
});

describe('D2: identity is the content', () => {
  it('a copy, a second name and a rename are names of one asset, processed once', async () => {
    const log = path.join(dir, 'steps.log');
    const steps = [testStep('one', log)];
    await start({ pipelines: [testPipeline(steps)] });
    await watch.bench.runner(steps).start();
    const bytes = someMedia(5_000);
    await watch.write('a.mp4', bytes);
    await watch.write('sub/b.mp4', bytes);
    await watch.run();
    expect(await namesOf(bytes)).toEqual(['a.mp4', 'sub/b.mp4']);
    const { files } = watch.reads;
    await rename(path.join(watch.in, 'a.mp4'), path.join(watch.in, 'c.mp4'));
    await watch.settled();
    expect(await namesOf(bytes)).toEqual(['a.mp4', 'c.mp4', 'sub/b.mp4']);
    expect(watch.reads.files, 'contents read for a rename').toBe(files);
    expect((await watch.bench.lines()).filter((line) => line === 'one start')).toHaveLength(1);
    expect(await watch.bench.state.ledger.runsOf(sha256(bytes))).toHaveLength(1);
    expect(await watch.processed()).toHaveLength(1);
  });

  it('the same content by upload and by folder at once is one asset and one run', async () => {
    const steps = [testStep('one', path.join(dir, 'steps.log'))];
    const pipeline = testPipeline(steps);
    await start({ pipelines: [pipeline] });
    await watch.bench.runner(steps).start();
    const bytes = someMedia(5_000);
    await watch.write('a.mp4', bytes);
    await Promise.all([watch.run(), watch.bench.add(bytes, 'uploaded.mp4', pipeline)]);
    expect((await watch.bench.lines()).filter((line) => line === 'one start')).toHaveLength(1);
    expect(await watch.bench.state.ledger.runsOf(sha256(bytes))).toHaveLength(1);
  });

  it('what is renamed or replaced while it is read is not taken for what it was', async () => {
    const first = someMedia(40 * 1024 * 1024);
    const second = someMedia(3_000);
    let acts = 0;
    const meddle = () => {
      acts += 1;
      if (acts === 1) renameSync(path.join(dir, 'in', 'a.mp4'), path.join(dir, 'in', 'b.mp4'));
      if (acts === 2) {
        writeFileSync(path.join(dir, 'in', 'x.part'), second);
        renameSync(path.join(dir, 'in', 'x.part'), path.join(dir, 'in', 'b.mp4'));
      }
    };
    const intake = (real: FileIntake): FileIntake => {
      let told = false;
      const read: FileIntake['read'] = (request) => {
        told = false;
        const onBytes = () => {
          if (!told) meddle();
          told = true;
        };
        return real.read({ ...request, onBytes });
      };
      return { ...spread(real), read };
    };
    await start({ intake });
    await watch.write('a.mp4', first);
    await watch.run();
    expect(acts).toBe(2);
    expect(await watch.bench.state.uploads.findAsset(sha256(first), 'anonymous')).toBeNull();
    expect(await namesOf(second)).toEqual(['b.mp4']);
  });
});

/** The methods of a class as those of an object. */
function spread(real: FileIntake): FileIntake {
  return {
    facts: (p) => real.facts(p),
    head: (p, n) => real.head(p, n),
    read: (r) => real.read(r),
    copy: (c) => real.copy(c),
  };
}

describe('D1: a folder', () => {
  it('that is away keeps its files, takes nothing and reads nothing again when it is back', async () => {
    await start();
    const bytes = someMedia(1_000);
    await watch.write('a.mp4', bytes);
    await watch.run();
    const { folder } = await watch.details();
    renameSync(watch.in, `${watch.in}-away`);
    await watch.watcher.scan(folder.id);
    expect(await watch.details()).toMatchObject({ state: 'offline', counts: { done: 1 } });
    renameSync(`${watch.in}-away`, watch.in);
    await watch.watcher.scan(folder.id);
    expect(await watch.details()).toMatchObject({ state: 'watching', counts: { done: 1, waiting: 0 } });
    expect(watch.reads.files).toBe(1);
  });

  it('that is suddenly empty is paused until its files are back or somebody confirms', async () => {
    await start();
    for (let i = 0; i < 12; i += 1) await watch.write(`${i}.mp4`, someMedia(100 + i));
    await watch.run();
    const { folder } = await watch.details();
    const away = path.join(dir, 'away');
    const hide = async () => {
      await mkdir(away, { recursive: true });
      for (const name of await readdir(watch.in)) await rename(path.join(watch.in, name), path.join(away, name));
    };
    await hide();
    await watch.watcher.scan(folder.id);
    expect(await watch.details()).toMatchObject({ state: 'paused', counts: { done: 12 } });
    for (const name of await readdir(away)) await rename(path.join(away, name), path.join(watch.in, name));
    await watch.watcher.scan(folder.id);
    expect(await watch.details()).toMatchObject({ state: 'watching', counts: { done: 12 } });
    await hide();
    await watch.watcher.scan(folder.id);
    expect((await watch.details()).state).toBe('paused');
    await watch.watcher.resume(folder.id);
    expect(await watch.details()).toMatchObject({ state: 'watching', counts: { done: 0 } });
    expect(watch.reads.files).toBe(12);
  });

  it('without its sentinel is offline', async () => {
    await start({ folder: { sentinel: '.mounted' } });
    await watch.write('a.mp4', someMedia(100));
    await watch.run();
    expect(await watch.details()).toMatchObject({ state: 'offline', counts: { waiting: 0, done: 0 } });
    await watch.write('.mounted', '');
    await watch.settled();
    expect(await watch.details()).toMatchObject({ state: 'watching', counts: { done: 1 } });
  });

  it('may have links, and names of any bytes', async () => {
    await start();
    const outside = path.join(dir, 'outside.mp4');
    await writeFile(outside, someMedia(100));
    await symlink(outside, path.join(watch.in, 'link.mp4'));
    await symlink(dir, path.join(watch.in, 'up'));
    const names = [
      Buffer.from('100%41.mp4'),
      Buffer.from('two\nlines.mp4'),
      Buffer.from([0xff, 0x41, 0xe4, 0x2e, 0x6d, 0x70, 0x34]),
    ];
    const contents = names.map((_, i) => someMedia(200 + i));
    for (const [i, name] of names.entries())
      writeFileSync(Buffer.concat([Buffer.from(`${watch.in}/`), name]), contents[i] ?? '');
    await watch.run();
    expect((await watch.details()).counts).toMatchObject({ done: 3, waiting: 0, ignored: 0 });
    expect(await Promise.all(contents.map(namesOf))).toEqual([
      ['100%41.mp4'],
      ['two\nlines.mp4'],
      ['\ufffdA\ufffd.mp4'],
    ]);
    const log = await watch.processed();
    expect(log).toHaveLength(3);
    expect(log.join('\n')).toContain('two%0Alines.mp4');
  });

  it('goes on past a file that cannot be read, and tries that again', async () => {
    const intake = (real: FileIntake): FileIntake => ({
      ...spread(real),
      head: (at, length) =>
        Buffer.from(at).includes('locked') && !existsSync(path.join(dir, 'unlocked'))
          ? Promise.reject(Object.assign(new Error('permission denied'), { code: 'EACCES' }))
          : real.head(at, length),
    });
    await start({ intake });
    await watch.write('locked.mp4', someMedia(100));
    await watch.write('open.mp4', someMedia(200));
    await watch.run();
    expect(await reasons()).toEqual(['it cannot be read (EACCES)']);
    expect((await watch.details()).counts).toMatchObject({ waiting: 1, done: 1 });
    writeFileSync(path.join(dir, 'unlocked'), '');
    // A change of the file makes it new.
    await utimes(path.join(watch.in, 'locked.mp4'), 1, 1);
    await watch.until(({ counts }) => counts.done === 2);
  });
});
