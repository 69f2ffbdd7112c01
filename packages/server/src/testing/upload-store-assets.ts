/** Checks of upload stores: assets, and the runs that their publication starts. */
import { expect } from 'vitest';
import {
  receipt,
  sampleEvent,
  sampleExtent,
  samplePlan,
  samplePublication,
  sampleStep,
  sampleUpload,
  sha256Of,
  someTime,
  unique,
} from './sample-upload.ts';
import { created } from './upload-store-decisions.ts';
import { pages } from './upload-store-queries.ts';
import type { UploadStoreCheck } from './upload-store-subject.ts';

const plenty = 1_000_000;
const all = 100_000;

function ids(found: readonly { readonly id: string }[]): string[] {
  return found.map((one) => one.id);
}

export const assetChecks: readonly UploadStoreCheck[] = [
  {
    name: 'an asset is published once and owned by each principal that brought it',
    run: async ({ store }) => {
      const digest = sha256Of(unique('content'));
      const [a, b] = [
        sampleUpload({ filename: 'a.mp4', createdAt: 10 }),
        sampleUpload({ filename: 'b.mp4', createdAt: 20, contentType: 'video/webm' }),
      ];
      for (const upload of [a, b])
        expect(await store.create(upload, [], [samplePublication(upload, digest)], plenty)).toBe(true);
      const asset = { id: digest, size: 1600, contentType: 'video/mp4', createdAt: 10 };
      expect(await store.findAsset(digest, a.principal)).toMatchObject({
        ...asset,
        sources: [{ filename: 'a.mp4', uploadId: a.id, metadata: a.metadata }],
      });
      expect((await store.findAsset(digest, b.principal))?.sources.map((source) => source.uploadId)).toEqual([b.id]);
      expect(await store.findAsset(digest, unique('stranger'))).toBeNull();
      for (let i = 0; i < 22; i += 1) {
        const upload = sampleUpload({ principal: a.principal, createdAt: 100 + i });
        await store.create(upload, [], [samplePublication(upload, digest)], plenty);
      }
      const sources = (await store.findAsset(digest, a.principal))?.sources.map((source) => source.addedAt);
      expect(sources).toEqual(Array.from({ length: 20 }, (_, i) => 121 - i));
    },
  },
  {
    name: 'assets are listed by owner, newest first, each once',
    run: async ({ store }) => {
      const principal = unique('principal');
      const digests: string[] = [];
      for (const [i, filename] of ['Alpha.mp4', 'beta.mp4', 'ALPHABET.wav'].entries()) {
        const digest = sha256Of(unique('content'));
        digests.unshift(digest);
        for (const addedAt of [i, i + 50]) {
          const upload = sampleUpload({ principal, filename, createdAt: addedAt });
          await store.create(upload, [], [samplePublication(upload, digest)], plenty);
        }
      }
      const stranger = sampleUpload();
      await store.create(stranger, [], [samplePublication(stranger, sha256Of(unique('content')))], plenty);
      for (const limit of [1, 2, 3, 10]) {
        const found = await pages((cursor) =>
          store.listAssets({ principal, limit, ...(cursor === undefined ? {} : { cursor }) }),
        );
        expect(ids(found)).toEqual(digests);
        expect(found.every((asset) => asset.sources.length === 2)).toBe(true);
      }
      expect(ids((await store.listAssets({ principal, filename: 'alpha', limit: 10 })).items)).toEqual([
        digests[0],
        digests[2],
      ]);
      const everything = ids(await store.allAssets('', all));
      expect(everything).toEqual(everything.toSorted());
      expect(everything).toEqual(expect.arrayContaining(digests));
      expect(await store.allAssets(everything.at(-1) ?? '', 5)).toEqual([]);
    },
  },
  {
    name: 'assets are listed by kind and by the state of their newest run',
    run: async ({ store }) => {
      const principal = unique('principal');
      const publish = async (contentType: string, runs: number): Promise<string> => {
        const digest = sha256Of(unique('content'));
        const upload = sampleUpload({ principal, contentType });
        const plans = Array.from({ length: runs }, () => samplePlan([sampleStep('probe')]));
        await store.create(upload, [], [samplePublication(upload, digest, plans)], plenty);
        return digest;
      };
      const film = await publish('video/mp4', 1);
      const sound = await publish('audio/flac', 2);
      const paper = await publish('application/pdf', 0);
      type Filter = Partial<Parameters<typeof store.listAssets>[0]>;
      const found = async (filter: Filter) =>
        ids((await store.listAssets({ principal, limit: 10, ...filter })).items).toSorted();
      expect(await found({ kind: 'video' })).toEqual([film]);
      expect(await found({ kind: 'audio' })).toEqual([sound]);
      expect(await found({ kind: 'other' })).toEqual([paper]);
      expect(await found({ runStates: ['running'] })).toEqual([film, sound].toSorted());
      expect(await found({ runStates: ['failed', 'running'], kind: 'audio' })).toEqual([sound]);
      expect(await found({ runStates: ['failed', 'cancelled', 'succeeded'] })).toEqual([]);
      expect(await found({ runStates: [] })).toEqual([]);
    },
  },
  {
    name: 'publishing starts the runs in the same transaction',
    run: async ({ store }) => {
      const digest = sha256Of(unique('content'));
      const upload = await created(store);
      const plan = samplePlan([sampleStep('probe'), sampleStep('thumbnail', { needs: ['probe'] })]);
      await store.decide(upload.id, null, (current) => ({
        kind: 'accept',
        next: { ...current, phase: { name: 'completed', at: someTime, assetId: digest } },
        events: [sampleEvent('completed')],
        writes: [samplePublication(current, digest, [plan])],
      }));
      const events = await store.events({ principal: upload.principal, after: 0, limit: 10 });
      expect(events.map((event) => [event.subject, event.type]).sort()).toEqual([
        ['run', 'run.created'],
        ['upload', 'completed'],
      ]);
    },
  },
  {
    name: 'a publication that fails leaves the upload unfinished',
    run: async ({ store }) => {
      const digest = sha256Of(unique('content'));
      const upload = await created(store);
      const broken = samplePlan([sampleStep('a', { needs: ['missing'] })]);
      const complete = store.decide(upload.id, 0, (current, extent) => {
        const decision = receipt(sampleExtent(0))(current, extent);
        return decision.kind === 'reject'
          ? decision
          : { ...decision, writes: [...decision.writes, samplePublication(current, digest, [broken])] };
      });
      await expect(complete).rejects.toThrow();
      expect(await store.find(upload.id)).toEqual(upload);
      expect(await store.findAsset(digest, upload.principal)).toBeNull();
      expect(await store.extents(upload.id)).toEqual([]);
    },
  },
];
