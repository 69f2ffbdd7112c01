/** The conformance suite of `DeletionStore`, and stores that break one obligation each. */
import { expect } from 'vitest';
import type { RunPlan } from '../core/ledger.ts';
import type { DeletedContent, DeletionStore } from '../core/ports/deletion-store.ts';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import type { SearchStore } from '../core/ports/search-store.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import { parseQuery } from '../core/search.ts';
import type { BrokenAdapter, Check, Fixture, Suite } from './conformance.ts';
import { graph, leaseMs, now, take } from './ledger-store-subject.ts';
import { samplePublication, sampleUpload, sha256Of, unique } from './sample-upload.ts';
import { instead } from './stand-in.ts';

export interface DeletionStores {
  readonly deletions: DeletionStore;
  /** The same data opened once more, as another process would. */
  readonly ledger: LedgerStore;
  readonly search: SearchStore;
  readonly uploads: UploadStore;
}

/** A time that no other check uses, so that its content is the newest. */
let late = 5_000_000_000_000;

async function bring(
  uploads: UploadStore,
  assetId: string,
  principal: string,
  runs: readonly RunPlan[] = [],
): Promise<void> {
  const upload = sampleUpload({ principal, filename: `${principal}.mp4` });
  await uploads.create(upload, [], [samplePublication(upload, assetId, runs)], 1_000_000);
}

function wishOf(assetId: string, principal: string) {
  late += 1;
  return { assetId, principal, inPlace: false, now: late };
}

async function all(deletions: DeletionStore, pageSize: number): Promise<DeletedContent[]> {
  const found: DeletedContent[] = [];
  for (let after: DeletedContent | null = null; ; ) {
    const page: DeletedContent[] = await deletions.deleted(after, pageSize);
    found.push(...page);
    after = page.at(-1) ?? null;
    if (page.length < pageSize) return found;
  }
}

const everything = 'everything that is recorded of a content goes with its last owner, and what has to go is kept';
const shared = 'a content that others have stays for them, and is taken from the one who deletes it';
const comesAgain = 'a content that comes again is there again, begins anew, and can be deleted again';
const isListed = 'deleted contents are listed oldest first, page by page, until they are forgotten';

export const deletionStoreChecks: readonly Check<DeletionStores>[] = [
  {
    name: everything,
    run: async ({ deletions, ledger, search, uploads }) => {
      const [assetId, principal] = [sha256Of(unique('content')), unique('principal')];
      const work = graph({ probe: [], scan: ['probe'], still: [] });
      await bring(uploads, assetId, principal, [work.plan]);
      const claims = [await take(ledger, work.class, 'probe'), await take(ledger, work.class, 'still')];
      const [probe, still] = claims.map(({ step }) => step);
      if (!probe || !still) throw new Error('Two steps are due.');
      const artifact = {
        stepKey: probe.key,
        name: 'a.json',
        contentType: 'application/json',
        size: 2,
        sha256: assetId,
      };
      await ledger.succeed(probe.key, probe.fence, { output: {}, artifacts: [artifact], now });
      const outdated = (await search.outdated(100_000)).find((one) => one.assetId === assetId);
      const word = unique('word').replaceAll('-', '');
      await search.replace(outdated ?? { assetId, wanted: 1 }, [
        { kind: 'speech', start: 0, end: 1, text: word, marks: [[0, 0]] },
      ]);
      const query = { principal, query: parseQuery(word), limit: 10, offset: 0 };
      expect(await search.search(query)).toHaveLength(1);

      const ids = (await ledger.runsOf(assetId)).map(({ id }) => id);
      expect(await deletions.delete(wishOf(assetId, principal))).toBe('deleted');

      for (const id of ids)
        expect(await uploads.events({ subject: { kind: 'run', id }, after: 0, limit: 10 })).toEqual([]);
      expect(await uploads.findAsset(assetId, principal)).toBeNull();
      expect(await deletions.isRecorded(assetId)).toBe(false);
      expect(await ledger.runsOf(assetId)).toEqual([]);
      expect(await ledger.artifacts(assetId)).toEqual([]);
      expect(await search.search(query)).toEqual([]);
      expect((await search.outdated(100_000)).filter((one) => one.assetId === assetId)).toEqual([]);
      // Who works on a step of it hears that it is not theirs any more.
      expect(await ledger.heartbeat(still.key, still.fence, now + leaseMs, 0.5)).toBe('lost');
      expect(await ledger.succeed(still.key, still.fence, { output: {}, artifacts: [], now })).toBe('lost');
      const keys = work.plan.steps.map((step) => step.key).sort();
      expect(await deletions.find(assetId)).toEqual({ assetId, deletedAt: late, stepKeys: keys });
      expect(await deletions.delete(wishOf(assetId, principal))).toBe('absent');
    },
  },
  {
    name: shared,
    run: async ({ deletions, ledger, search, uploads }) => {
      const assetId = sha256Of(unique('content'));
      const [ana, bob] = [unique('ana'), unique('bob')];
      const work = graph({ probe: [] });
      await bring(uploads, assetId, ana, [work.plan]);
      await bring(uploads, assetId, ana);
      await bring(uploads, assetId, bob);
      expect(await deletions.delete(wishOf(assetId, unique('stranger')))).toBe('absent');
      expect(await deletions.delete({ ...wishOf(assetId, ana), inPlace: true })).toBe('shared');
      expect(await uploads.findAsset(assetId, ana)).toBeNull();
      expect(await uploads.findAsset(assetId, bob)).toMatchObject({ sources: [{ filename: `${bob}.mp4` }] });
      expect(await ledger.runsOf(assetId)).toHaveLength(1);
      expect(await deletions.find(assetId)).toBeNull();
      // Its index has names that are nobody's any more.
      expect((await search.outdated(100_000)).some((one) => one.assetId === assetId)).toBe(true);
      expect(await deletions.delete({ ...wishOf(assetId, bob), inPlace: true })).toBe('in-place');
      expect(await uploads.findAsset(assetId, bob)).not.toBeNull();
      expect(await deletions.delete(wishOf(assetId, bob))).toBe('deleted');
    },
  },
  {
    name: comesAgain,
    run: async ({ deletions, ledger, uploads }) => {
      const [assetId, principal] = [sha256Of(unique('content')), unique('principal')];
      const [first, second] = [graph({ probe: [] }), graph({ probe: [] })];
      await bring(uploads, assetId, principal, [first.plan]);
      const { step } = await take(ledger, first.class, 'probe');
      await ledger.succeed(step.key, step.fence, { output: {}, artifacts: [], now });
      await deletions.delete(wishOf(assetId, principal));
      await bring(uploads, assetId, principal, [first.plan, second.plan]);
      expect(await deletions.isRecorded(assetId)).toBe(true);
      const runs = await ledger.runsOf(assetId);
      expect(runs.map((run) => [run.state, run.steps.map(({ state }) => state)])).toEqual([
        ['running', ['pending']],
        ['running', ['pending']],
      ]);
      const before = await deletions.find(assetId);
      expect(await deletions.delete(wishOf(assetId, principal))).toBe('deleted');
      const keys = [first, second].map(({ key }) => key('probe')).sort();
      expect(await deletions.find(assetId)).toEqual({ assetId, deletedAt: late, stepKeys: keys });
      // Who looked at it before does not forget what came after.
      if (before) await deletions.forget(before);
      expect(await deletions.find(assetId)).not.toBeNull();
    },
  },
  {
    name: isListed,
    run: async ({ deletions, uploads }) => {
      const principal = unique('principal');
      const digests = Array.from({ length: 5 }, () => sha256Of(unique('content')));
      for (const digest of digests) await bring(uploads, digest, principal);
      for (const digest of digests) await deletions.delete(wishOf(digest, principal));
      for (const size of [1, 2, 1000]) {
        const own = (await all(deletions, size)).filter(({ assetId }) => digests.includes(assetId));
        expect(own.map(({ assetId }) => assetId)).toEqual(digests);
      }
      for (const content of await all(deletions, 1000)) await deletions.forget(content);
      expect(await all(deletions, 1000)).toEqual([]);
    },
  },
];

export function deletionStoreSuite(name: string, open: () => Promise<Fixture<DeletionStores>>): Suite<DeletionStores> {
  return { name: `deletion store: ${name}`, checks: deletionStoreChecks, open };
}

function breaking(change: (sound: DeletionStore) => Partial<DeletionStore>) {
  return (stores: DeletionStores): DeletionStores => ({
    ...stores,
    deletions: instead(stores.deletions, change(stores.deletions)),
  });
}

export const brokenDeletionStores: readonly BrokenAdapter<DeletionStores>[] = [
  {
    name: 'forgets what has to go',
    caughtBy: everything,
    break: breaking((sound) => ({
      delete: async (wish) => {
        const outcome = await sound.delete(wish);
        const content = await sound.find(wish.assetId);
        if (content) await sound.forget(content);
        return outcome;
      },
    })),
  },
  {
    name: 'deletes nothing',
    caughtBy: everything,
    break: breaking(() => ({ delete: async () => 'deleted' as const })),
  },
  {
    name: 'deletes files that are not ours',
    caughtBy: shared,
    break: breaking((sound) => ({ delete: (wish) => sound.delete({ ...wish, inPlace: false }) })),
  },
  {
    name: 'forgets whatever is there',
    caughtBy: comesAgain,
    break: breaking((sound) => ({
      forget: async ({ assetId }) => {
        const now = await sound.find(assetId);
        if (now) await sound.forget(now);
      },
    })),
  },
  {
    name: 'lists the first page again and again',
    caughtBy: isListed,
    break: breaking((sound) => ({ deleted: async (after, limit) => (after ? [] : await sound.deleted(null, limit)) })),
  },
];
