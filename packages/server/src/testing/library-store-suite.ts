/** The conformance suite of `LibraryStore`, and stores that break one obligation each. */
import { expect } from 'vitest';
import type { LibraryAsset, LibraryStore } from '../core/ports/library-store.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import type { BrokenAdapter, Check, Fixture, Suite } from './conformance.ts';
import { samplePublication, sampleUpload, sha256Of, unique } from './sample-upload.ts';
import { instead } from './stand-in.ts';

export interface Libraries {
  readonly uploads: UploadStore;
  readonly library: LibraryStore;
}

/** Times that no other suite uses. */
const late = 4_000_000_000_000;

async function publish(uploads: UploadStore, digest: string, createdAt: number): Promise<string> {
  const upload = sampleUpload({ createdAt });
  await uploads.create(upload, [], [samplePublication(upload, digest)], 1_000_000);
  return upload.id;
}

const walks = 'a walk sees every asset once, in the order of ids, whatever the page size';
const whole = 'an asset has the newest of all its sources, of whatever principal';

export const libraryStoreChecks: readonly Check<Libraries>[] = [
  {
    name: walks,
    run: async ({ uploads, library }) => {
      const digests = Array.from({ length: 7 }, () => sha256Of(unique('content')));
      for (const [i, digest] of digests.entries()) await publish(uploads, digest, late + i);
      for (const limit of [1, 3, 7, 20]) {
        const found: LibraryAsset[] = [];
        for (let page: LibraryAsset[] | null = null; page === null || page.length === limit; ) {
          page = await library.libraryPage({ after: found.at(-1)?.id ?? '', limit, since: late });
          found.push(...page);
          if (found.length > digests.length) throw new Error('The walk does not end.');
        }
        expect(found.map((asset) => asset.id)).toEqual(digests.toSorted());
      }
      const since = await library.libraryPage({ after: '', limit: 20, since: late + 5 });
      expect(since.map((asset) => asset.id)).toEqual(digests.slice(5).toSorted());
      await Promise.all(digests.map((digest) => publish(uploads, digest, 0)));
      expect(await library.libraryPage({ after: '', limit: 20, since: late + 6 })).toHaveLength(1);
    },
  },
  {
    name: whole,
    run: async ({ uploads, library }) => {
      const digest = sha256Of(unique('content'));
      const ids: string[] = [];
      for (let i = 0; i < 22; i += 1) ids.unshift(await publish(uploads, digest, 100 + i));
      const [asset, ...more] = await library.libraryPage({ after: '', limit: 10, assetId: digest });
      expect(more).toEqual([]);
      expect(asset).toMatchObject({ id: digest, size: 1600, contentType: 'video/mp4', createdAt: 100 });
      expect(asset?.sources.map((source) => source.uploadId)).toEqual(ids.slice(0, 20));
      expect(new Set(asset?.sources.map((source) => source.principal)).size).toBe(20);
      expect(await library.libraryPage({ after: digest, limit: 10, assetId: digest })).toEqual([]);
      expect(await library.libraryPage({ after: '', limit: 10, assetId: sha256Of(unique('x')) })).toEqual([]);
    },
  },
];

export function libraryStoreSuite(name: string, open: () => Promise<Fixture<Libraries>>): Suite<Libraries> {
  return { name: `LibraryStore on ${name}`, checks: libraryStoreChecks, open };
}

function breaking(change: (store: LibraryStore) => LibraryStore): (stores: Libraries) => Libraries {
  return ({ uploads, library }) => ({ uploads, library: instead(library, change(library)) });
}

export const brokenLibraryStores: readonly BrokenAdapter<Libraries>[] = [
  {
    name: 'begins each page with the last asset of the one before',
    caughtBy: walks,
    break: breaking((store) => ({
      libraryPage: ({ after, ...query }) => store.libraryPage({ ...query, after: after.replace(/.$/, '') }),
    })),
  },
  {
    name: 'ignores the time',
    caughtBy: walks,
    break: breaking((store) => ({ libraryPage: ({ since: _, ...query }) => store.libraryPage(query) })),
  },
  {
    name: 'knows only one source',
    caughtBy: whole,
    break: breaking((store) => ({
      libraryPage: async (query) =>
        (await store.libraryPage(query)).map((asset) => ({ ...asset, sources: asset.sources.slice(0, 1) })),
    })),
  },
];
