/** The parts of watched folders one by one. */
import { existsSync, statSync, type watch as watchFs } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench } from '../../test/pipeline-bench.ts';
import { sha256, someBytes } from '../../test/running-node.ts';
import type { Artifact } from '../core/ledger.ts';
import { noCrashPoints } from '../core/ports/crash-points.ts';
import { standingFile } from '../core/ports/local-file.ts';
import { isMassDisappearance, isTemporaryName, settlesIn, takeRetryMs } from '../core/watch.ts';
import { ChangeHints } from './hints.ts';
import { fileSystemType, isNetwork } from './mounts.ts';
import { moveFile, numbered } from './move-file.ts';
import { nameToText, textToName } from './names.ts';
import { ProcessedLog, parseProcessed, processedLine } from './processed-log.ts';
import { deliver } from './results.ts';
import { walk } from './walk.ts';

let dir: string;
let bench: Bench;
describe('a walk', () => {
  it('tells of directories whose path is longer than can be recorded, and goes on beside them', async () => {
    const root = await mkdtemp(path.join(tmpdir(), 'holdfast-walk-'));
    const deep = Array.from({ length: 9 }, () => 'd'.repeat(250));
    await mkdir(path.join(root, ...deep), { recursive: true });
    for (const at of [['other'], deep.slice(0, 7)]) {
      await mkdir(path.join(root, ...at), { recursive: true });
      await writeFile(path.join(root, ...at, 'talk.mp4'), 'x');
    }
    const told = { files: [] as string[], unreadable: [] as string[] };
    const options = { root, inode: '1:1', recursive: true, skips: () => false, stopped: () => false };
    for await (const step of walk(options)) {
      if (step.kind === 'files') told.files.push(step.dir);
      if (step.kind === 'unreadable') told.unreadable.push(`${step.dir} ${step.code}`);
    }
    await rm(root, { recursive: true });
    expect(told.files.sort()).toEqual([deep.slice(0, 7).join('/'), 'other']);
    expect(told.unreadable).toEqual([`${deep.slice(0, 8).join('/')} ENAMETOOLONG`]);
  });
});

describe('names', () => {
  it('of any bytes become well-formed text and come back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 60 }), (bytes) => {
        const text = nameToText(bytes);
        expect(text.isWellFormed()).toBe(true);
        expect(textToName(text).equals(bytes)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const name = text.toWellFormed();
        expect(textToName(nameToText(Buffer.from(name))).toString()).toBe(name);
      }),
    );
    expect(nameToText(Buffer.from('Vorlesung 3 – Größe.mp4'))).toBe('Vorlesung 3 – Größe.mp4');
  });

  it.each([
    '.x.mp4',
    'a.mp4.part',
    'a.mp4.PART',
    'a.tmp',
    'a.mp4.crdownload',
    'a.mp4.filepart',
    'a~',
    '~$a.mp4',
    '.a.mp4.Xk3f9q',
  ])('%s is temporary', (name) => expect(isTemporaryName(name)).toBe(true));
  it.each(['a.mp4', 'part.mp4', 'my.part.mp4', 'tmp', 'a'])('%s is not', (name) =>
    expect(isTemporaryName(name)).toBe(false),
  );

  it('that are taken get a number before the extension', () => {
    const names = ['talk.mp4', 'a.b.mp4', 'none', '.mp4'].map((name) => numbered(Buffer.from(name), 2).toString());
    expect(names).toEqual(['talk (2).mp4', 'a.b (2).mp4', 'none (2)', '.mp4 (2)']);
  });
});

describe('rules', () => {
  it('count stillness by the uptime of one boot, and start anew after another', () => {
    const file = { quietSince: 1_000, boot: 'a' };
    expect(settlesIn(file, { now: 3_000, boot: 'a' }, 5_000)).toBe(3_000);
    expect(settlesIn(file, { now: 6_000, boot: 'a' }, 5_000)).toBe(0);
    expect(settlesIn(file, { now: 99_000, boot: 'b' }, 5_000)).toBe(5_000);
  });
  it('try again later and later, and ask when much is gone at once', () => {
    expect([1, 2, 3, 50].map(takeRetryMs)).toEqual([5_000, 10_000, 20_000, 3_600_000]);
    expect([isMassDisappearance(9, 9), isMassDisappearance(10, 10), isMassDisappearance(100, 40)]).toEqual([
      false,
      true,
      false,
    ]);
  });
});

describe('mounts', () => {
  const info = [
    '22 1 254:0 / / rw,relatime - ext4 /dev/vda rw',
    '90 22 0:50 / /mnt/nas\\040one rw,relatime shared:1 - nfs4 nas:/x rw',
    '91 22 0:51 / /mnt/nas\\040one/local rw - tmpfs tmpfs rw',
  ].join('\n');
  it('tell which file system a path is on, and whether others may write there', () => {
    expect(fileSystemType(info, '/home/x')).toBe('ext4');
    expect(fileSystemType(info, '/mnt/nas one/talks')).toBe('nfs4');
    expect(fileSystemType(info, '/mnt/nas one/local/x')).toBe('tmpfs');
    expect(fileSystemType(info, '/mnt/nas onelocal')).toBe('ext4');
    expect(fileSystemType('', '/')).toBeNull();
    expect(['nfs4', 'cifs', 'fuse.sshfs', '9p', 'ext4', 'tmpfs', 'btrfs'].filter(isNetwork)).toEqual([
      'nfs4',
      'cifs',
      'fuse.sshfs',
      '9p',
    ]);
  });
});

describe('with files', () => {
  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'holdfast-watch-'));
    bench = await Bench.open(dir);
  });
  afterEach(async () => {
    await bench.close();
    await rm(dir, { recursive: true, force: true });
  });

  describe('hints', () => {
    it('come from real changes, and say so when the system has no more watches', async () => {
      await mkdir(path.join(dir, 'in'));
      let told: () => void = () => {};
      const change = new Promise<void>((resolve) => {
        told = resolve;
      });
      const hints = new ChangeHints(told);
      hints.follow(new Map([['', { path: Buffer.from(path.join(dir, 'in')), inode: '1' }]]));
      expect(hints.problem).toBeNull();
      await writeFile(path.join(dir, 'in', 'a'), 'x');
      await change;
      hints.close();
      const none = new ChangeHints(() => {}, (() => {
        throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
      }) as unknown as typeof watchFs);
      none.follow(new Map([['', { path: Buffer.from(dir), inode: '1' }]]));
      expect(none.problem).toMatch(/no more inotify watches \(ENOSPC\)/);
    });
  });

  describe('the log of processed contents', () => {
    const digest = 'ab'.repeat(32);
    it('reads its own lines, those of sha256sum, digests alone, and nothing else', () => {
      const own = { sha256: digest, at: 1_795_258_736_619, outcome: 'failed' as const, name: 'a  b.mp4' };
      expect(parseProcessed(processedLine(own), 1)).toEqual(own);
      expect(parseProcessed(`${digest} *talk.mp4`, 7)).toEqual({
        sha256: digest,
        at: 7,
        outcome: 'known',
        name: 'talk.mp4',
      });
      expect(parseProcessed(`  ${digest.toUpperCase()}  `, 7)).toEqual({
        sha256: digest,
        at: 7,
        outcome: 'known',
        name: '',
      });
      expect([parseProcessed('', 1), parseProcessed('# sums', 1)]).toEqual([null, null]);
      for (const bad of ['talk.mp4', digest.slice(1), `${digest}0`, `x${digest}`])
        expect(parseProcessed(bad, 1)).toBeUndefined();
    });

    it('D5: is mended after a crash in the middle of a line, and gets no line twice', async () => {
      const file = path.join(dir, 'processed.log');
      const { watch } = bench.state;
      const contents = [0, 1].map((i) => ({
        sha256: sha256(Buffer.from(`${i}`)),
        at: i,
        outcome: 'succeeded' as const,
        name: `${i}`,
      }));
      const lines = contents.map(processedLine);
      // The first is whole and not marked, the second was cut off.
      await appendFile(file, `${lines[0]}\n${lines[1]?.slice(0, 40)}`);
      let unmarked = [...contents];
      const store = Object.assign(Object.create(watch), {
        unlogged: async () => unmarked,
        logged: async (done: string[]) => {
          unmarked = unmarked.filter((one) => !done.includes(one.sha256));
        },
      });
      const log = new ProcessedLog(file, store, noCrashPoints);
      await Promise.all([log.append(), log.append()]);
      expect(await readFile(file, 'utf8')).toBe(`${lines.join('\n')}\n`);
    });
  });

  describe('moving', () => {
    const otherDevice = existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(tmpdir()).dev;
    async function order(bytes: Buffer, toDir: string) {
      const from = Buffer.from(path.join(dir, 'a.mp4'));
      await writeFile(from, bytes);
      const { intake } = bench.disk;
      const facts = await intake.facts(from);
      if (!facts) throw new Error('no file');
      const plan = async () => {};
      const name = Buffer.from('a.mp4');
      return {
        from,
        facts,
        digest: sha256(bytes),
        toDir: Buffer.from(toDir),
        name,
        planned: null,
        intake,
        crash: noCrashPoints,
        plan,
      };
    }

    it('leaves a file alone that was replaced, or that is gone', async () => {
      const move = await order(someBytes(100), path.join(dir, 'out'));
      await writeFile(move.from, someBytes(101));
      expect(await moveFile(move)).toEqual({ kind: 'changed' });
      await rm(move.from);
      expect(await moveFile(move)).toEqual({ kind: 'gone' });
    });

    it.skipIf(!otherDevice)(
      'to another device takes the next number, keeps the time and leaves nothing behind',
      async () => {
        const far = await mkdtemp('/dev/shm/holdfast-watch-');
        try {
          await writeFile(path.join(far, 'a.mp4'), 'other');
          const bytes = someBytes(600_000);
          const move = await order(bytes, far);
          const { mtimeMs } = statSync(move.from);
          expect(await moveFile(move)).toEqual({ kind: 'moved', to: Buffer.from(path.join(far, 'a (2).mp4')) });
          expect((await readdir(far)).sort()).toEqual(['a (2).mp4', 'a.mp4']);
          expect(sha256(await readFile(path.join(far, 'a (2).mp4')))).toBe(sha256(bytes));
          expect(Math.abs(statSync(path.join(far, 'a (2).mp4')).mtimeMs - mtimeMs)).toBeLessThan(1);
          expect(existsSync(move.from)).toBe(false);
          // A copy whose content is not the recorded one is not used.
          const wrong = await order(someBytes(600), far);
          expect(await moveFile({ ...wrong, digest: sha256(bytes) })).toEqual({ kind: 'changed' });
          expect(existsSync(wrong.from)).toBe(true);
          expect(await readdir(far)).toHaveLength(2);
        } finally {
          await rm(far, { recursive: true });
        }
      },
    );
  });

  describe('D3: results', () => {
    it('are named after each file, also when two share a name', async () => {
      const files = { one: '{"a":1}', two: '{"a":2}' };
      for (const [key, text] of Object.entries(files)) {
        await mkdir(path.join(dir, key));
        await writeFile(path.join(dir, key, 'x.analytic.json'), text);
        await writeFile(path.join(dir, key, 'shot-0001.jpg'), 'picture');
      }
      const artifacts = { localFile: async (one: Artifact) => standingFile(path.join(dir, one.stepKey, one.name)) };
      const resultsOf = (stepKey: string) =>
        ['x.analytic.json', 'shot-0001.jpg'].map((name) => ({
          stepKey,
          name,
          contentType: 'x/y',
          size: 1,
          sha256: 'ab'.repeat(32),
        }));
      const out = Buffer.from(path.join(dir, 'results'));
      for (let times = 0; times < 2; times += 1) {
        await deliver({ artifacts, results: resultsOf('one'), dir: out, name: 'talk.mp4', place: 'a' });
        await deliver({ artifacts, results: resultsOf('two'), dir: out, name: 'talk.mov', place: 'b' });
      }
      expect((await readdir(out)).map(String).sort()).toEqual(['talk.analytic.json', 'talk.mov.analytic.json']);
      expect(await readFile(path.join(dir, 'results', 'talk.analytic.json'), 'utf8')).toBe(files.one);
      expect(await readFile(path.join(dir, 'results', 'talk.mov.analytic.json'), 'utf8')).toBe(files.two);
    });
  });
});
