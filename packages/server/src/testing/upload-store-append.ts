/** Checks of upload stores: uploads that are appended to, and concatenations. */
import { expect } from 'vitest';
import type { Rule, UploadStore } from '../core/ports/upload-store.ts';
import { transition } from '../core/transition.ts';
import type { Upload } from '../core/upload.ts';
import { sampleExtent, sampleUpload, someTime, unique } from './sample-upload.ts';
import { created } from './upload-store-decisions.ts';
import type { UploadStoreCheck } from './upload-store-subject.ts';

const plenty = 1_000_000;
const nothing: Rule = (current) => ({ kind: 'accept', next: current, events: [], writes: [] });

function partial(given: Partial<Upload> = {}): Partial<Upload> {
  return { intake: 'append', size: 100, receivedBytes: 100, concatenation: { role: 'partial', uses: 0 }, ...given };
}

async function makeFinal(store: UploadStore, principal: string, parts: readonly string[]): Promise<Upload> {
  const upload = sampleUpload({ principal, intake: 'append', size: null, concatenation: { role: 'final', parts } });
  await store.create(upload, [], [{ type: 'use-parts', parts }], plenty);
  return upload;
}

async function usesOf(store: UploadStore, id: string): Promise<number | null> {
  const concatenation = (await store.find(id))?.concatenation;
  return concatenation?.role === 'partial' ? concatenation.uses : null;
}

export const appendChecks: readonly UploadStoreCheck[] = [
  {
    name: 'what an upload that is appended to is made of is kept',
    run: async ({ store, other }) => {
      const principal = unique('principal');
      const dialectData = { 'Upload-Metadata': 'filename 5LiA,empty ,"' };
      const upload = await created(store, { principal, intake: 'append', ends: 'by-client', size: null, dialectData });
      expect(await other.find(upload.id)).toEqual(upload);
      const part = await created(store, partial({ principal }));
      const final = await makeFinal(store, principal, [part.id, part.id]);
      expect(await other.find(final.id)).toEqual(final);
      await store.decide(final.id, null, (current) => ({
        kind: 'accept',
        next: { ...current, size: 200, receivedBytes: 200, withdrawn: true, doubt: 'writers', dialectData },
        events: [],
        writes: [],
      }));
      expect(await other.find(final.id)).toEqual({
        ...final,
        size: 200,
        receivedBytes: 200,
        withdrawn: true,
        doubt: 'writers',
        dialectData,
      });
    },
  },
  {
    name: 'a rule can be given the last extent',
    run: async ({ store }) => {
      const upload = await created(store);
      const seen: unknown[] = [];
      const look: Rule = (current, extent) => {
        seen.push(extent);
        return nothing(current, extent);
      };
      await store.decide(upload.id, 'last', look);
      for (const offset of [300, 0, 1000])
        await store.decide(upload.id, null, (current) => ({
          kind: 'accept',
          next: { ...current, receivedExtents: current.receivedExtents + 1 },
          events: [],
          writes: [{ type: 'insert-extent', extent: sampleExtent(offset) }],
        }));
      await store.decide(upload.id, 'last', look);
      expect(seen).toEqual([null, sampleExtent(1000)]);
    },
  },
  {
    name: 'an extent is replaced in one decision, because writes are applied in order',
    run: async ({ store, other }) => {
      const upload = await created(store);
      const insert = (length: number) => ({ type: 'insert-extent' as const, extent: sampleExtent(0, { length }) });
      const writing =
        (writes: Parameters<UploadStore['create']>[2]): Rule =>
        (current) => ({ kind: 'accept', next: { ...current, updatedAt: current.updatedAt + 1 }, events: [], writes });
      await store.decide(upload.id, null, writing([insert(100)]));
      await store.decide(upload.id, null, writing([{ type: 'delete-extents', offsets: [0] }, insert(250)]));
      expect(await other.extents(upload.id)).toEqual([sampleExtent(0, { length: 250 })]);
    },
  },
  {
    name: 'a final upload is only made of live partial ones of its principal',
    run: async ({ store }) => {
      const principal = unique('principal');
      const good = await created(store, partial({ principal }));
      const bad = [
        await created(store, { principal }),
        await created(store, partial()),
        await created(store, partial({ principal, phase: { name: 'cancelled', at: someTime } })),
      ];
      for (const id of [...bad.map((upload) => upload.id), unique('upload')])
        await expect(makeFinal(store, principal, [good.id, id])).rejects.toMatchObject({
          code: 'invalid-concatenation',
        });
      expect(await usesOf(store, good.id)).toBe(0);
      expect(await store.finalsOf(good.id)).toEqual([]);
    },
  },
  {
    name: 'parts are in use from the creation of a final upload until it ends',
    run: async ({ store, other }) => {
      const principal = unique('principal');
      const expiresAt = someTime + 5;
      const part = await created(store, partial({ principal, expiresAt }));
      const due = async () => (await store.dueToExpire(expiresAt + 1, plenty)).map((upload) => upload.id);
      expect(await due()).toContain(part.id);
      const first = await makeFinal(store, principal, [part.id, part.id]);
      const second = await makeFinal(other, principal, [part.id]);
      expect(await usesOf(other, part.id)).toBe(2);
      expect((await store.finalsOf(part.id)).map((upload) => upload.id).sort()).toEqual([first.id, second.id].sort());
      expect(await due()).not.toContain(part.id);
      for (const [i, final] of [first, second].entries()) {
        await store.decide(final.id, null, (current) => transition(current, null, { type: 'cancel' }, someTime));
        expect(await usesOf(other, part.id)).toBe(1 - i);
      }
      expect(await store.finalsOf(part.id)).toEqual([]);
      expect(await due()).toContain(part.id);
    },
  },
  {
    name: 'a final upload is found by its parts, in their order',
    run: async ({ store }) => {
      const principal = unique('principal');
      const [a, b] = [
        (await created(store, partial({ principal }))).id,
        (await created(store, partial({ principal }))).id,
      ];
      const final = await makeFinal(store, principal, [a, b]);
      const cancelled = await makeFinal(store, principal, [b, a]);
      await store.decide(cancelled.id, null, (current) => transition(current, null, { type: 'cancel' }, someTime));
      expect((await store.findFinal(principal, [a, b]))?.id).toBe(final.id);
      for (const parts of [[b, a], [a], [a, b, a]]) expect(await store.findFinal(principal, parts)).toBeNull();
      expect(await store.findFinal(unique('principal'), [a, b])).toBeNull();
    },
  },
  {
    name: 'final uploads that wait for their parts are found, page by page',
    run: async ({ store }) => {
      const principal = unique('principal');
      const part = await created(store, partial({ principal, receivedBytes: 10 }));
      const waiting = [];
      for (let i = 0; i < 3; i += 1) waiting.push((await makeFinal(store, principal, [part.id])).id);
      const begun = await makeFinal(store, principal, [part.id]);
      const command = { type: 'join', size: 100, lease: { holder: 'node-a', until: someTime + 1 } } as const;
      await store.decide(begun.id, null, (current) => transition(current, null, command, someTime));
      const found: string[] = [];
      for (let after = ''; ; ) {
        const page = await store.waitingFinals(after, 2);
        found.push(...page.map((upload) => upload.id));
        after = page.at(-1)?.id ?? '';
        if (page.length < 2) break;
      }
      expect(found).toEqual(expect.arrayContaining(waiting));
      expect(found).not.toContain(begun.id);
      expect(found).toEqual([...found].sort());
    },
  },
];
