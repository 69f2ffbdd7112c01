/** Checks of upload stores: creation and decisions. */
import { expect } from 'vitest';
import { digestAlgorithms, digestLength } from '../core/digest.ts';
import { HoldfastError } from '../core/errors.ts';
import type { Decision, Rule, UploadStore } from '../core/ports/upload-store.ts';
import type { Phase, Upload } from '../core/upload.ts';
import { receipt, sampleEvent, sampleExtent, sampleUpload, sha256Of, someTime, unique } from './sample-upload.ts';
import type { UploadStoreCheck } from './upload-store-subject.ts';

const plenty = 1_000_000;
const lease = { holder: 'node-a', until: someTime + 60_000 };

export const phases: readonly Phase[] = [
  { name: 'receiving' },
  { name: 'paused' },
  { name: 'validating', lease },
  { name: 'assembling', lease, digest: sha256Of('x') },
  { name: 'completed', at: someTime + 1, assetId: sha256Of('x') },
  { name: 'cancelled', at: someTime + 2 },
  { name: 'expired', at: someTime + 3 },
  { name: 'failed', at: someTime + 4, code: 'digest-mismatch', reason: "It isn't what was declared.", actual: null },
];

export async function created(store: UploadStore, given: Partial<Upload> = {}): Promise<Upload> {
  const upload = sampleUpload(given);
  expect(await store.create(upload, [], [], plenty)).toBe(true);
  return upload;
}

const noteOnce: Rule = (upload) => ({
  kind: 'accept',
  next: { ...upload, receivedExtents: upload.receivedExtents + 1 },
  events: [sampleEvent()],
  writes: [],
});
const refuse: Rule = () => ({ kind: 'reject', error: new HoldfastError('upload-paused', 'Paused.') });

function startsFinishing(decision: Decision | null): boolean {
  return decision?.kind === 'accept' && decision.events.some((event) => event.type === 'validating');
}

export const creationChecks: readonly UploadStoreCheck[] = [
  {
    name: 'create keeps every fact of an upload in every phase',
    run: async ({ store, other }) => {
      for (const phase of phases) {
        const upload = await created(store, {
          phase,
          storage: 'released',
          size: 2 ** 52 + 1,
          expectedDigest: { algorithm: 'sha-256', value: sha256Of('y') },
          firstByteAt: 1,
          lastByteAt: 2,
        });
        expect(await store.find(upload.id)).toEqual(upload);
        expect(await other.find(upload.id)).toEqual(upload);
      }
      const deferred = await created(store, { size: null });
      expect(await store.find(deferred.id)).toEqual(deferred);
      for (const algorithm of digestAlgorithms) {
        const digest = (byte: string) => ({ algorithm, value: byte.repeat(digestLength(algorithm)) });
        const reason = 'Not what was declared.';
        const phase = { name: 'failed', at: someTime, code: 'digest-mismatch', reason, actual: digest('0e') } as const;
        const upload = await created(store, { expectedDigest: digest('e0'), phase });
        expect(await other.find(upload.id)).toEqual(upload);
      }
    },
  },
  {
    name: 'create inserts events and extents with the upload',
    run: async ({ store }) => {
      const upload = sampleUpload();
      const extent = sampleExtent(0, { sha256: sha256Of('z') });
      await store.create(upload, [sampleEvent('a'), sampleEvent('b')], [{ type: 'insert-extent', extent }], plenty);
      expect(await store.find(upload.id)).toEqual({ ...upload, lastEvent: 2 });
      expect(await store.extents(upload.id)).toEqual([extent]);
      const events = await store.events({ subject: { kind: 'upload', id: upload.id }, after: 0, limit: 10 });
      expect(events.map((event) => [event.seq, event.type, event.principal])).toEqual([
        [1, 'a', upload.principal],
        [2, 'b', upload.principal],
      ]);
    },
  },
  {
    name: 'create refuses more live uploads of a principal than allowed, also when they come at once',
    run: async ({ store, other }) => {
      const principal = unique('principal');
      for (const phase of phases.slice(4)) await created(store, { principal, phase });
      await created(store, { principal: unique('principal') });
      const uploads = Array.from({ length: 10 }, () => sampleUpload({ principal }));
      const made = await Promise.all(
        uploads.map((upload, i) => (i % 2 === 0 ? store : other).create(upload, [sampleEvent()], [], 3)),
      );
      expect(made.filter((one) => one)).toHaveLength(3);
      const refused = uploads.filter((_, i) => made[i] === false);
      for (const upload of refused) {
        expect(await store.find(upload.id)).toBeNull();
        expect(await store.events({ subject: { kind: 'upload', id: upload.id }, after: 0, limit: 1 })).toEqual([]);
      }
    },
  },
  {
    name: 'what is not there is null',
    run: async ({ store }) => {
      const id = unique('upload');
      expect(await store.find(id)).toBeNull();
      expect(await store.findWithExtent(id, 0)).toBeNull();
      expect(await store.extents(id)).toEqual([]);
      let called = false;
      const rule: Rule = (upload) => {
        called = true;
        return { kind: 'accept', next: upload, events: [], writes: [] };
      };
      expect(await store.decide(id, 0, rule)).toBeNull();
      expect(called).toBe(false);
    },
  },
];

export const decisionChecks: readonly UploadStoreCheck[] = [
  {
    name: 'a decision is applied whole and seen by every process once it resolves',
    run: async ({ store, other }) => {
      const upload = await created(store);
      const extent = sampleExtent(300, { sha256: sha256Of('chunk') });
      const next: Upload = {
        ...upload,
        size: 1700,
        receivedBytes: 100,
        receivedExtents: 1,
        fence: 7,
        updatedAt: someTime + 5,
        metadata: {},
        contentType: 'audio/ogg',
        phase: { name: 'validating', lease },
      };
      const decision = await store.decide(upload.id, 300, (current, stored) => {
        expect(current).toEqual(upload);
        expect(stored).toBeNull();
        return {
          kind: 'accept',
          next,
          events: [sampleEvent('x'), sampleEvent('y')],
          writes: [{ type: 'insert-extent', extent }],
        };
      });
      expect(decision).toMatchObject({ kind: 'accept', next: { ...next, lastEvent: 2 } });
      expect(await other.findWithExtent(upload.id, 300)).toEqual({ upload: { ...next, lastEvent: 2 }, extent });
      expect(await store.findWithExtent(upload.id, 0)).toEqual({ upload: { ...next, lastEvent: 2 }, extent: null });
      const events = await other.events({ subject: { kind: 'upload', id: upload.id }, after: 0, limit: 10 });
      expect(events).toMatchObject([
        { ...sampleEvent('x'), seq: 1, subject: 'upload', subjectId: upload.id, principal: upload.principal },
        { ...sampleEvent('y'), seq: 2 },
      ]);
    },
  },
  {
    name: 'the rule is given the extent that starts where it asks, and only then',
    run: async ({ store }) => {
      const upload = await created(store);
      const extent = sampleExtent(100);
      await store.decide(upload.id, 100, receipt(extent));
      const seen: unknown[] = [];
      const look: Rule = (current, stored) => {
        seen.push(stored);
        return { kind: 'accept', next: current, events: [], writes: [] };
      };
      for (const at of [100, 101, null]) await store.decide(upload.id, at, look);
      expect(seen).toEqual([extent, null, null]);
    },
  },
  {
    name: 'a rejection comes back and changes nothing',
    run: async ({ store }) => {
      const upload = await created(store);
      const decision = await store.decide(upload.id, null, refuse);
      expect(decision).toMatchObject({ kind: 'reject', error: { code: 'upload-paused' } });
      expect(await store.find(upload.id)).toEqual(upload);
    },
  },
  {
    name: 'a rule that throws rejects its own decision and no other',
    run: async ({ store }) => {
      const uploads = await Promise.all(Array.from({ length: 6 }, () => created(store)));
      const results = await Promise.allSettled(
        uploads.map((upload, i) =>
          store.decide(upload.id, null, (current) => {
            if (i === 2) throw new Error('broken rule');
            return noteOnce(current, null);
          }),
        ),
      );
      expect(results.map((result) => result.status)).toEqual([
        'fulfilled',
        'fulfilled',
        'rejected',
        'fulfilled',
        'fulfilled',
        'fulfilled',
      ]);
      const counts = await Promise.all(uploads.map(async (upload) => (await store.find(upload.id))?.receivedExtents));
      expect(counts).toEqual([1, 1, 0, 1, 1, 1]);
    },
  },
  {
    name: 'an extent for a place that is taken rejects the decision and undoes it',
    run: async ({ store }) => {
      const [taken, bystander] = [await created(store), await created(store)];
      await store.decide(taken.id, 0, receipt(sampleExtent(0)));
      const before = await store.find(taken.id);
      const again: Rule = (current) => ({
        kind: 'accept',
        next: { ...current, fence: 99 },
        events: [sampleEvent()],
        writes: [{ type: 'insert-extent', extent: sampleExtent(0, { crc32: 1 }) }],
      });
      const [bad, good] = await Promise.allSettled([
        store.decide(taken.id, null, again),
        store.decide(bystander.id, null, noteOnce),
      ]);
      expect([bad.status, good.status]).toEqual(['rejected', 'fulfilled']);
      expect(await store.find(taken.id)).toEqual(before);
      expect(await store.extents(taken.id)).toEqual([sampleExtent(0)]);
      expect(
        (await store.events({ subject: { kind: 'upload', id: taken.id }, after: 0, limit: 100 })).map(
          (event) => event.type,
        ),
      ).not.toContain('noted');
    },
  },
  {
    name: 'an accepted decision that changes nothing leaves the upload as it is',
    run: async ({ store }) => {
      const upload = await created(store);
      await store.decide(upload.id, 0, receipt(sampleExtent(0)));
      const before = await store.find(upload.id);
      const decision = await store.decide(upload.id, 0, receipt(sampleExtent(0)));
      expect(decision).toMatchObject({ kind: 'accept', next: before });
      expect(await store.find(upload.id)).toEqual(before);
    },
  },
  {
    name: 'extents can be deleted',
    run: async ({ store }) => {
      const upload = await created(store);
      for (const offset of [0, 100, 200, 300]) await store.decide(upload.id, offset, receipt(sampleExtent(offset)));
      await store.decide(upload.id, null, (current) => ({
        kind: 'accept',
        next: { ...current, receivedBytes: 200, receivedExtents: 2 },
        events: [],
        writes: [{ type: 'delete-extents', offsets: [100, 300, 999] }],
      }));
      expect((await store.extents(upload.id)).map((extent) => extent.offset)).toEqual([0, 200]);
    },
  },
  {
    name: 'decisions on one upload are made one after the other, in all processes',
    run: async ({ store, other }) => {
      const upload = await created(store);
      await Promise.all(
        Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? store : other).decide(upload.id, null, noteOnce)),
      );
      expect(await store.find(upload.id)).toMatchObject({ receivedExtents: 60, lastEvent: 60 });
      const events = await store.events({ subject: { kind: 'upload', id: upload.id }, after: 0, limit: 100 });
      expect(events.map((event) => event.seq)).toEqual(Array.from({ length: 60 }, (_, i) => i + 1));
    },
  },
  {
    name: 'exactly one receipt completes an upload, however they collide',
    run: async ({ store, other }) => {
      const uploads = await Promise.all(Array.from({ length: 8 }, () => created(store)));
      for (const upload of uploads) {
        const offsets = Array.from({ length: 16 }, (_, i) => i * 100);
        const decisions = await Promise.all(
          [store, other].flatMap((one) =>
            offsets.map((offset) => one.decide(upload.id, offset, receipt(sampleExtent(offset)))),
          ),
        );
        expect(decisions.filter(startsFinishing)).toHaveLength(1);
        expect(await store.find(upload.id)).toMatchObject({
          phase: { name: 'validating' },
          receivedBytes: 1600,
          receivedExtents: 16,
          fence: 1,
        });
        expect((await store.extents(upload.id)).map((extent) => extent.offset)).toEqual(offsets);
      }
    },
  },
];
