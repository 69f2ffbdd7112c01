/** The conformance suite of `WatchStore`, and stores that break one obligation each. */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { WatchStore } from '../core/ports/watch-store.ts';
import { dirBytesMax, type WatchedFile } from '../core/watch.ts';
import type { BrokenAdapter, Check, Fixture, Suite } from './conformance.ts';
import { samplePlan, sampleStep, sha256Of, someTime, unique } from './sample-upload.ts';
import { instead } from './stand-in.ts';
import { orderOf, principal, sampleFacts, sampleFile, saved, type WatchStores } from './watch-store-subject.ts';

async function rowOf(watch: WatchStore, file: WatchedFile): Promise<WatchedFile | undefined> {
  return (await watch.find(file.folderId, file.dir, [file.name]))[0];
}

const taking = 'a taken file, its asset, its source and its runs come into being together';
const asRead = 'a file is taken only as it was read';
const ends = 'an outcome is written once, with its line of the log, when no run is unfinished';
const goes = 'of what is gone, only what still has an outcome to come is kept';

export const watchStoreChecks: readonly Check<WatchStores>[] = [
  {
    name: 'a path as long as it may be is kept',
    run: async ({ watch }) => {
      // What a database cannot make shorter.
      const word = (chars: number) => randomBytes(chars).toString('hex').slice(chars);
      const file = sampleFile({ folderId: word(16), dir: word(dirBytesMax), name: word(765) });
      await watch.save([file]);
      expect(await watch.find(file.folderId, file.dir, [file.name])).toEqual([file]);
      expect(await watch.dirs(file.folderId)).toEqual([file.dir]);
    },
  },
  {
    name: 'records come back as they were, numbers beyond 2^53 and all names included',
    run: async ({ watch }) => {
      const file = await saved(watch);
      const other = await saved(watch, { folderId: file.folderId, name: 'b', state: 'ignored' });
      expect(await rowOf(watch, file)).toEqual(file);
      expect(await watch.find(file.folderId, 'sub', [file.name])).toEqual([]);
      await watch.save([{ ...file, quietSince: 9, reason: null }]);
      expect(await rowOf(watch, file)).toMatchObject({ quietSince: 9, reason: null });
      expect(await watch.dirs(file.folderId)).toEqual(['sub/dir']);
      const page = { folderId: file.folderId, dir: 'sub/dir', limit: 1 };
      expect(await watch.namesIn({ ...page, after: '' })).toEqual(['b']);
      expect(await watch.namesIn({ ...page, after: 'b' })).toEqual([file.name]);
      expect(await watch.counts(file.folderId)).toMatchObject({ waiting: 1, ignored: 1, taken: 0 });
      expect((await watch.list(file.folderId, ['ignored'], 5)).map((one) => one.name)).toEqual([other.name]);
      const folder = {
        id: file.folderId,
        path: '/in',
        device: '1',
        inode: '2',
        state: 'paused' as const,
        reason: 'r',
        scannedAt: 5,
        formats: 'video/*',
      };
      await watch.saveFolder({ ...folder, reason: null });
      await watch.saveFolder(folder);
      expect(await watch.folder(file.folderId)).toEqual(folder);
      expect(await watch.folder(unique('folder'))).toBeNull();
    },
  },
  {
    name: taking,
    run: async ({ watch, uploads, ledger }) => {
      const file = await saved(watch);
      const order = orderOf(file, {});
      const outside = { assetId: order.asset.id, path: '/in/talk.mp4', facts: file.facts };
      expect(await watch.take({ ...order, outside })).toBe('taken');
      expect(await rowOf(watch, file)).toMatchObject({ state: 'taken', sha256: order.asset.id, takenAt: order.now });
      expect(await uploads.findAsset(order.asset.id, principal)).toMatchObject({ sources: [order.source] });
      expect(await ledger.runsOf(order.asset.id)).toHaveLength(1);
      expect(await watch.digestOf({ ...file.facts, ctimeNs: '0' })).toBe(order.asset.id);
      expect(await watch.digestOf({ ...file.facts, size: 1 })).toBeNull();
      expect(await watch.outsideAssets()).toContainEqual(outside);
      const next = await saved(watch);
      const broken = samplePlan([sampleStep('a', { needs: ['missing'] })]);
      const failing = orderOf(next, { runs: [broken] });
      await expect(watch.take(failing)).rejects.toThrow();
      expect(await rowOf(watch, next)).toEqual(next);
      expect(await uploads.findAsset(failing.asset.id, principal)).toBeNull();
    },
  },
  {
    name: asRead,
    run: async ({ watch, uploads }) => {
      const file = await saved(watch);
      const order = orderOf(file);
      for (const facts of [{ ctimeNs: '1' }, { size: 3 }, { mtimeNs: '1' }, { inode: '1' }])
        expect(await watch.take({ ...order, file: { ...file, facts: { ...file.facts, ...facts } } })).toBe('changed');
      expect(await uploads.findAsset(order.asset.id, principal)).toBeNull();
      expect(await watch.take({ ...order, file: sampleFile() })).toBe('changed');
      expect(await Promise.all([watch.take(order), watch.take(order)])).toEqual(
        expect.arrayContaining(['taken', 'changed']),
      );
      expect(await watch.takeKnown(file, order.asset.id, 1)).toBe('changed');
    },
  },
  {
    name: ends,
    run: async ({ watch, ledger }) => {
      const file = await saved(watch);
      const order = orderOf(file);
      await watch.take(order);
      expect(await watch.finished(file.folderId, 5)).toEqual([]);
      const [step] = order.runs[0]?.steps ?? [];
      const claim = await ledger.claim({
        holder: 'n',
        now: someTime + 9,
        leaseMs: 1_000,
        classes: [step?.class ?? ''],
      });
      await ledger.fail(claim?.step.key ?? '', claim?.step.fence ?? 0, {
        reason: 'no',
        retryAt: null,
        now: someTime + 10,
      });
      expect((await watch.finished(file.folderId, 5)).map((one) => one.name)).toEqual([file.name]);
      // What is moved is what was there before it.
      await watch.moving(file, '/out/before');
      await watch.moved(file, { movedTo: '/out/before', outside: null });
      expect(await rowOf(watch, file)).toMatchObject({ state: 'taken', movedTo: null });
      const end = { outcome: 'failed', reason: 'no', state: 'ended', now: someTime + 20 } as const;
      expect(await Promise.all([watch.end(file, end), watch.end(file, end)])).toEqual(
        expect.arrayContaining([true, false]),
      );
      expect(await watch.finished(file.folderId, 5)).toEqual([]);
      const line = { sha256: order.asset.id, at: someTime + 20, outcome: 'failed', name: `sub/dir/${file.name}` };
      expect(await watch.unlogged(1_000)).toContainEqual(line);
      await watch.logged([order.asset.id]);
      expect(await watch.unlogged(1_000)).not.toContainEqual(line);
      expect(await watch.processed(order.asset.id)).toEqual({ ...line, imported: false });
      expect(await watch.unmoved(file.folderId, 5)).toHaveLength(1);
      await watch.moving(file, '/out/a');
      expect(await watch.unmoved(file.folderId, 5)).toMatchObject([{ state: 'moving', movedTo: '/out/a' }]);
      await watch.moved(file, { movedTo: '/out/a', outside: null });
      expect(await watch.unmoved(file.folderId, 5)).toEqual([]);
      expect(await watch.counts(file.folderId)).toMatchObject({ done: 0, failed: 1 });
    },
  },
  {
    name: 'new facts of a file change nothing else that its record says by then',
    run: async ({ watch }) => {
      const read = async (file: WatchedFile) => (await rowOf(watch, file)) ?? file;
      const file = await saved(watch);
      await watch.take(orderOf(file));
      const [taken, ctimeNs] = [await read(file), '7'];
      await watch.end(file, { outcome: 'succeeded', reason: null, state: 'ended', now: someTime });
      await watch.gone([file]);
      const ended = await read(file);
      await watch.refresh([{ ...taken, facts: { ...taken.facts, ctimeNs } }]);
      expect(await read(file)).toEqual({ ...ended, facts: { ...ended.facts, ctimeNs }, missing: false });
      await watch.refresh([{ ...taken, sha256: sha256Of(unique('content')) }]);
      expect((await read(file)).facts.ctimeNs).toBe(ctimeNs);
      await watch.moved(file, { movedTo: '/out/a', outside: null });
      const moved = await read(file);
      await watch.refresh([taken]);
      expect(await read(file)).toEqual(moved);
      const ignored = await saved(watch, { state: 'ignored' });
      await watch.refresh([{ ...ignored, facts: { ...ignored.facts, ctimeNs } }]);
      expect((await read(ignored)).facts.ctimeNs).toBe(ctimeNs);
    },
  },
  {
    name: 'what was ignored in a folder waits again when somebody wants it to',
    run: async ({ watch }) => {
      const ignored = await saved(watch, { state: 'ignored', attempts: 2, notBefore: 9 });
      const [other, waiting] = [await saved(watch, { state: 'ignored' }), sampleFile({ folderId: ignored.folderId })];
      await watch.save([{ ...waiting, name: 'waits' }]);
      await watch.reconsider(ignored.folderId);
      const again = { state: 'waiting', reason: null, attempts: 0, notBefore: 0 };
      expect(await rowOf(watch, ignored)).toEqual({ ...ignored, ...again });
      expect(await rowOf(watch, other)).toEqual(other);
      expect(await rowOf(watch, { ...waiting, name: 'waits' })).toEqual({ ...waiting, name: 'waits' });
    },
  },
  {
    name: goes,
    run: async ({ watch }) => {
      const { folderId } = await saved(watch, { name: 'waits' });
      const taken = await saved(watch, { folderId, name: 'taken' });
      await watch.take(orderOf(taken));
      const names = ['waits', 'taken'];
      await watch.gone(names.map((name) => ({ folderId, dir: 'sub/dir', name })));
      expect((await watch.find(folderId, 'sub/dir', names)).map((one) => [one.name, one.missing])).toEqual([
        ['taken', true],
      ]);
      expect(await watch.dirs(folderId)).toEqual([]);
      await watch.end(taken, { outcome: 'succeeded', reason: null, state: 'ended', now: 5 });
      await watch.moved(taken, { movedTo: null, outside: null });
      expect(await watch.find(folderId, 'sub/dir', names)).toEqual([]);
    },
  },
  {
    name: 'a result is known by the places from which its content was taken, and by the files that have it now',
    run: async ({ watch, ledger }) => {
      const file = await saved(watch);
      const order = orderOf(file);
      await watch.take(order);
      const [step] = order.runs[0]?.steps ?? [];
      const claim = await ledger.claim({
        holder: 'n',
        now: someTime + 9,
        leaseMs: 1_000,
        classes: [step?.class ?? ''],
      });
      const [key, fence] = [claim?.step.key ?? '', claim?.step.fence ?? 0];
      const sha256 = sha256Of(unique('result'));
      const artifact = { stepKey: key, name: 'x.summary.json', contentType: 'application/json', size: 2, sha256 };
      await ledger.succeed(key, fence, { output: {}, artifacts: [artifact], now: someTime + 10 });
      const { uploadId } = order.source;
      expect(await watch.isResultOfPlace(uploadId, sha256)).toBe(true);
      expect(await watch.isResultOfPlace(unique('watch'), sha256)).toBe(false);
      expect(await watch.isResultOfPlace(uploadId, sha256Of(unique('result')))).toBe(false);
      expect(await watch.namesWithResult(file.dir, sha256)).toEqual([file.name]);
      expect(await watch.namesWithResult('', sha256)).toEqual([]);
      // Another content is there now.
      await watch.save([{ ...file, facts: sampleFacts() }]);
      expect(await watch.isResultOfPlace(uploadId, sha256)).toBe(true);
      expect(await watch.namesWithResult(file.dir, sha256)).toEqual([]);
    },
  },
  {
    name: 'what an older system processed is known until it is forgotten',
    run: async ({ watch }) => {
      const file = await saved(watch);
      const content = { sha256: sha256Of(unique('c')), at: 5, outcome: 'known' as const, name: 'old.mp4' };
      expect(await watch.importProcessed([content, content])).toBe(1);
      expect(await watch.processed(content.sha256)).toEqual({ ...content, imported: true });
      expect(await watch.listProcessed('', 100_000)).toContainEqual(content);
      expect(await watch.unlogged(100_000)).not.toContainEqual(content);
      expect(await watch.takeKnown(file, content.sha256, 7)).toBe('taken');
      expect(await rowOf(watch, file)).toMatchObject({ state: 'ended', outcome: 'known', sha256: content.sha256 });
      expect(await watch.forget(content.sha256)).toBe(true);
      expect(await watch.forget(content.sha256)).toBe(false);
      expect(await rowOf(watch, file)).toMatchObject({ state: 'waiting', outcome: null, sha256: null });
      expect(await watch.isArtifact(content.sha256)).toBe(false);
    },
  },
];

export function watchStoreSuite(name: string, open: () => Promise<Fixture<WatchStores>>): Suite<WatchStores> {
  return { name: `WatchStore on ${name}`, checks: watchStoreChecks, open };
}

function breaking(change: (store: WatchStore) => Partial<WatchStore>): (stores: WatchStores) => WatchStores {
  return (stores) => ({ ...stores, watch: instead(stores.watch, change(stores.watch)) });
}

export const brokenWatchStores: readonly BrokenAdapter<WatchStores>[] = [
  {
    name: 'counts a file as seen before its work is accepted',
    caughtBy: taking,
    break: breaking((store) => ({
      take: async (order) => {
        await store.takeKnown(order.file, order.asset.id, order.now);
        return 'taken';
      },
    })),
  },
  {
    name: 'takes a file whose times changed',
    caughtBy: asRead,
    break: breaking((store) => ({
      take: async (order) => {
        const [row] = await store.find(order.file.folderId, order.file.dir, [order.file.name]);
        return await store.take({ ...order, file: { ...order.file, facts: row?.facts ?? order.file.facts } });
      },
    })),
  },
  {
    name: 'forgets a taken file that is gone',
    caughtBy: goes,
    break: breaking((store) => ({
      gone: async (keys) => {
        await store.gone(keys);
        const end = { outcome: 'failed', reason: null, state: 'ended', now: 1 } as const;
        for (const key of keys) if (await store.end(key, end)) await store.moved(key, { movedTo: null, outside: null });
      },
    })),
  },
  {
    name: 'does not wait for the runs',
    caughtBy: ends,
    break: breaking((store) => ({ finished: (folderId, limit) => store.list(folderId, ['taken'], limit) })),
  },
];
