/** Checks of upload stores: lists, and what the sweeper asks for. */
import { expect } from 'vitest';
import type { Page } from '../core/ports/upload-store.ts';
import { finalPhases, livePhases, type Upload } from '../core/upload.ts';
import { sampleEvent, sampleExtent, samplePublication, sampleUpload, sha256Of, unique } from './sample-upload.ts';
import { created, phases } from './upload-store-decisions.ts';
import type { UploadStoreCheck } from './upload-store-subject.ts';

const all = 100_000;

/** The items of all pages. */
export async function pages<T>(fetch: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < 100; page += 1) {
    const got = await fetch(cursor);
    items.push(...got.items);
    if (got.cursor === null) return items;
    cursor = got.cursor;
  }
  throw new Error('The pages do not end.');
}

function ids(uploads: readonly { readonly id: string }[]): string[] {
  return uploads.map((upload) => upload.id);
}

/** Those of the uploads that are among what was found, in the order in which they were found. */
function among(found: readonly Upload[], uploads: readonly Upload[]): string[] {
  return ids(found).filter((id) => ids(uploads).includes(id));
}

export const listChecks: readonly UploadStoreCheck[] = [
  {
    name: 'lists page through all uploads of one principal, newest first',
    run: async ({ store }) => {
      const principal = unique('principal');
      const made: Upload[] = [];
      for (const createdAt of [5, 3, 3, 9, 1, 3, 7]) made.push(await created(store, { principal, createdAt }));
      await created(store, { createdAt: 4 });
      const expected = made.toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? 1 : -1));
      for (const limit of [1, 2, 7, 50]) {
        const found = await pages((cursor) =>
          store.list({ principal, limit, ...(cursor === undefined ? {} : { cursor }) }),
        );
        expect(ids(found)).toEqual(ids(expected));
      }
      expect(await store.list({ principal: unique('nobody'), limit: 5 })).toEqual({ items: [], cursor: null });
    },
  },
  {
    name: 'lists can be narrowed to phases and to a part of the file name in any case',
    run: async ({ store }) => {
      const principal = unique('principal');
      for (const phase of phases) await created(store, { principal, phase, filename: `${phase.name}.mp4` });
      await created(store, { principal, filename: '100%_ÜBUNG\\.wav' });
      const names = async (query: {
        phases?: readonly Upload['phase']['name'][];
        filename?: string;
      }): Promise<string[]> =>
        (await store.list({ principal, limit: 50, ...query })).items.map((upload) => upload.filename).sort();
      expect(await names({ phases: ['paused', 'failed'] })).toEqual(['failed.mp4', 'paused.mp4']);
      expect(await names({ phases: [] })).toEqual([]);
      expect(await names({ filename: 'PAUS' })).toEqual(['paused.mp4']);
      for (const filename of ['%', '_', '0%_ü', 'übung\\'])
        expect(await names({ filename })).toEqual(['100%_ÜBUNG\\.wav']);
      expect(await names({ filename: 'p_used' })).toEqual([]);
      expect(await names({ filename: "'" })).toEqual([]);
    },
  },
  {
    name: 'a zero character in what is looked for is refused: no name has it everywhere',
    run: async ({ store }) => {
      const principal = unique('principal');
      const upload = sampleUpload({ principal, filename: 'film.mp4' });
      await store.create(upload, [], [samplePublication(upload, sha256Of(unique('content')))], 1_000_000);
      for (const filename of ['\0', 'fi\0', '\0lm']) {
        const query = { principal, filename, limit: 5 };
        await expect(store.list(query)).rejects.toMatchObject({ code: 'invalid-request' });
        await expect(store.listAssets(query)).rejects.toMatchObject({ code: 'invalid-request' });
      }
    },
  },
  {
    name: 'a cursor that was not given out is refused',
    run: async ({ store }) => {
      const principal = unique('principal');
      const forged = ['', 'x', 'null', '{}', '[1]', '["a","b"]', '[1.5,"a"]', '[1,"\u0000"]', '[1,"a",2]'].map((text) =>
        Buffer.from(text).toString('base64url'),
      );
      for (const cursor of [...forged, '%%%']) {
        await expect(store.list({ principal, limit: 5, cursor })).rejects.toMatchObject({ code: 'invalid-request' });
        await expect(store.listAssets({ principal, limit: 5, cursor })).rejects.toMatchObject({
          code: 'invalid-request',
        });
      }
    },
  },
  {
    name: 'live uploads are all found, in the order of their ids',
    run: async ({ store }) => {
      const made: Upload[] = [];
      for (const phase of phases) made.push(await created(store, { phase }));
      const expected = ids(made.filter((upload) => livePhases.some((name) => name === upload.phase.name))).sort();
      const found = await store.live('', all);
      expect(ids(found)).toEqual(ids(found).sort());
      expect(among(found, made)).toEqual(expected);
      const second = expected[1] ?? '';
      expect(ids(await store.live(second, 1))).not.toContain(second);
      expect(ids(await store.live(second, 1))[0]?.localeCompare(second)).toBe(1);
    },
  },
  {
    name: 'uploads are counted by phase',
    run: async ({ store }) => {
      const before = await store.countByPhase();
      for (const phase of phases) await created(store, { phase });
      await created(store, { phase: { name: 'paused' } });
      const after = await store.countByPhase();
      const risen = Object.fromEntries(phases.map(({ name }) => [name, (after[name] ?? 0) - (before[name] ?? 0)]));
      expect(risen).toEqual({
        receiving: 1,
        paused: 2,
        validating: 1,
        assembling: 1,
        completed: 1,
        cancelled: 1,
        expired: 1,
        failed: 1,
      });
    },
  },
];

export const sweepChecks: readonly UploadStoreCheck[] = [
  {
    name: 'uploads that are due to expire are found, and no others',
    run: async ({ store }) => {
      const made: Upload[] = [];
      for (const phase of phases) made.push(await created(store, { phase, expiresAt: 1_000 }));
      const later = await created(store, { expiresAt: 3_000 });
      const found = await store.dueToExpire(2_000, all);
      expect(among(found, made).sort()).toEqual(ids(made.slice(0, 2)).sort());
      expect(ids(found)).not.toContain(later.id);
      expect(ids(await store.dueToExpire(3_001, all))).toContain(later.id);
      expect(await store.dueToExpire(2_000, 1)).toHaveLength(1);
    },
  },
  {
    name: 'abandoned and held uploads are found by their lease',
    run: async ({ store }) => {
      const holder = unique('node');
      const finishing = (until: number) => created(store, { phase: { name: 'validating', lease: { holder, until } } });
      const old = await finishing(1_000);
      const assembling = await created(store, {
        phase: { name: 'assembling', digest: sha256Of('a'), lease: { holder, until: 1_500 } },
      });
      const current = await finishing(5_000);
      const foreign = await created(store, {
        phase: { name: 'validating', lease: { holder: unique('node'), until: 1_000 } },
      });
      const made = [old, assembling, current, foreign];
      expect(among(await store.abandoned(2_000, all), made).sort()).toEqual(ids([old, assembling, foreign]).sort());
      expect(ids(await store.heldBy(holder, all)).sort()).toEqual(ids([old, assembling, current]).sort());
      await store.decide(old.id, null, (upload) => ({
        kind: 'accept',
        next: { ...upload, phase: { name: 'cancelled', at: 3_000 } },
        events: [],
        writes: [],
      }));
      expect(ids(await store.heldBy(holder, all)).sort()).toEqual(ids([assembling, current]).sort());
    },
  },
  {
    name: 'ended uploads are released, then purged with all that belongs to them',
    run: async ({ store }) => {
      const made: Upload[] = [];
      for (const phase of phases) made.push(await created(store, { phase, updatedAt: 500 }));
      const ended = made.filter((upload) => finalPhases.some((name) => name === upload.phase.name));
      expect(among(await store.toRelease(all), made).sort()).toEqual(ids(ended).sort());
      const [first, second] = [ended[0] ?? sampleUpload(), ended[1] ?? sampleUpload()];
      await store.released(first.id);
      await store.released(second.id);
      expect(among(await store.toRelease(all), made).sort()).toEqual(ids(ended.slice(2)).sort());
      await store.decide(first.id, null, (upload) => ({
        kind: 'accept',
        next: { ...upload, updatedAt: 900 },
        events: [sampleEvent()],
        writes: [],
      }));
      await store.decide(second.id, null, (upload) => ({
        kind: 'accept',
        next: upload,
        events: [sampleEvent()],
        writes: [{ type: 'insert-extent', extent: sampleExtent(0) }],
      }));
      expect(await store.purge(800, all)).toBeGreaterThanOrEqual(1);
      expect(await store.find(second.id)).toBeNull();
      expect(await store.extents(second.id)).toEqual([]);
      expect(await store.events({ subject: { kind: 'upload', id: second.id }, after: 0, limit: 1 })).toEqual([]);
      for (const upload of made.filter((one) => one !== second)) expect(await store.find(upload.id)).not.toBeNull();
    },
  },
];
