/** The conformance suite of `RecordingStore`, and stores that break one obligation each. */
import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import { defaultLimits } from '../core/limits.ts';
import type { RecordingStore } from '../core/ports/recording-store.ts';
import type { UploadStore } from '../core/ports/upload-store.ts';
import { finalPhases, type Upload } from '../core/upload.ts';
import type { BrokenAdapter, Check, Fixture, Suite } from './conformance.ts';
import { sampleEvent, sampleUpload, sha256Of, someTime, unique } from './sample-upload.ts';
import { instead } from './stand-in.ts';
import { created, phases } from './upload-store-decisions.ts';

export interface RecordingStores {
  readonly uploads: UploadStore;
  readonly recordings: RecordingStore;
}

const plenty = 1_000_000;

async function recorded(uploads: UploadStore, given: Partial<Upload> = {}, subject = 'Anatomía'): Promise<Upload> {
  const upload = sampleUpload(given);
  expect(await uploads.create(upload, [], [{ type: 'keep-recording', subject }], plenty)).toBe(true);
  return upload;
}

const outlives = 'a recording outlives its upload with every fact of it';
const pages = 'recordings are listed newest first, from a position, with their number';

export const recordingStoreChecks: readonly Check<RecordingStores>[] = [
  {
    name: 'a recording is its upload, as it is now, for its principal only',
    run: async ({ uploads, recordings }) => {
      const upload = await recorded(uploads);
      const { id, principal } = upload;
      expect(await recordings.findRecording(id, principal)).toEqual({ upload, purged: false });
      await uploads.decide(id, null, (current) => ({
        kind: 'accept',
        next: { ...current, phase: { name: 'paused' } },
        events: [sampleEvent()],
        writes: [],
      }));
      expect(await recordings.findRecording(id, principal)).toMatchObject({
        upload: { phase: { name: 'paused' }, lastEvent: 1 },
      });
      expect(await recordings.findRecording(id, unique('principal'))).toBeNull();
      expect(await recordings.findRecording(unique('upload'), principal)).toBeNull();
    },
  },
  {
    name: 'an upload that was created without is no recording, nor is one that was not created',
    run: async ({ uploads, recordings }) => {
      const { id, principal } = await created(uploads);
      const refused = sampleUpload({ principal });
      expect(await uploads.create(refused, [], [{ type: 'keep-recording', subject: 's' }], 1)).toBe(false);
      expect(await recordings.findRecording(id, principal)).toBeNull();
      expect(await recordings.findRecording(refused.id, principal)).toBeNull();
      expect(await recordings.listRecordings({ principal, skip: 0, limit: 10 })).toEqual({ items: [], total: 0 });
    },
  },
  {
    name: outlives,
    run: async ({ uploads, recordings }) => {
      const principal = unique('principal');
      const made: Upload[] = [];
      for (const phase of phases.filter(({ name }) => finalPhases.some((ending) => ending === name)))
        made.push(
          await recorded(uploads, {
            principal,
            phase,
            storage: 'released',
            updatedAt: 500,
            metadata: { tema: "Corazón 'uno'", profesor_text: 'Dra. Núñez\n' },
            expectedDigest: { algorithm: 'md5', value: 'ab'.repeat(16) },
            size: 2 ** 52 + 1,
            firstByteAt: 1,
            lastByteAt: 2,
          }),
        );
      const other = await created(uploads, {
        principal,
        phase: { name: 'cancelled', at: 1 },
        storage: 'released',
        updatedAt: 500,
      });
      expect(await uploads.purge(800, 100_000)).toBeGreaterThan(made.length);
      for (const upload of [...made, other]) expect(await uploads.find(upload.id)).toBeNull();
      for (const upload of made)
        expect(await recordings.findRecording(upload.id, principal)).toEqual({ upload, purged: true });
      expect(await recordings.findRecording(other.id, principal)).toBeNull();
      const { items, total } = await recordings.listRecordings({ principal, skip: 0, limit: 100 });
      expect(total).toBe(made.length);
      expect(items.map(({ upload }) => upload.id).sort()).toEqual(made.map(({ id }) => id).sort());
    },
  },
  {
    name: pages,
    run: async ({ uploads, recordings }) => {
      const principal = unique('principal');
      const made: string[] = [];
      for (let i = 0; i < 5; i += 1)
        made.unshift(
          (await recorded(uploads, { principal, id: `${sha256Of(unique('id'))}-${i}`, createdAt: someTime + i })).id,
        );
      const page = async (skip: number, limit: number) => {
        const { items, total } = await recordings.listRecordings({ principal, skip, limit });
        expect(total).toBe(5);
        return items.map(({ upload }) => upload.id);
      };
      expect(await page(0, 2)).toEqual(made.slice(0, 2));
      expect(await page(2, 2)).toEqual(made.slice(2, 4));
      expect(await page(4, 2)).toEqual(made.slice(4));
      expect(await page(5, 2)).toEqual([]);
    },
  },
  {
    name: 'a subject as long as metadata may be is kept, and found whole',
    run: async ({ uploads, recordings }) => {
      const principal = unique('principal');
      // What a database cannot make shorter.
      const long = randomBytes(defaultLimits.metadataValueCharsMax / 2).toString('hex');
      const upload = await recorded(uploads, { principal, metadata: { asignatura: long } }, long);
      await recorded(uploads, { principal }, `${long.slice(0, -1)}?`);
      for (const subject of [long, long.toUpperCase()])
        expect(await recordings.listRecordings({ principal, subject, skip: 0, limit: 10 })).toEqual({
          items: [{ upload, purged: false }],
          total: 1,
        });
    },
  },
  {
    name: 'recordings are found by their whole subject in any case',
    run: async ({ uploads, recordings }) => {
      const principal = unique('principal');
      const heart = await recorded(uploads, { principal }, 'CARDIOLOGÍA');
      await recorded(uploads, { principal }, 'Cardiología II');
      await recorded(uploads, {}, 'CARDIOLOGÍA');
      for (const subject of ['cardiología', 'CARDIOLOGÍA', 'Cardiologi\u0301a']) {
        const found = await recordings.listRecordings({ principal, subject, skip: 0, limit: 10 });
        expect(found).toEqual({ items: [{ upload: heart, purged: false }], total: 1 });
      }
      expect(await recordings.listRecordings({ principal, subject: '%', skip: 0, limit: 10 })).toMatchObject({
        total: 0,
      });
    },
  },
];

export function recordingStoreSuite(
  name: string,
  open: () => Promise<Fixture<RecordingStores>>,
): Suite<RecordingStores> {
  return { name: `RecordingStore on ${name}`, checks: recordingStoreChecks, open };
}

function breaking(
  change: (store: RecordingStore) => Partial<RecordingStore>,
): (stores: RecordingStores) => RecordingStores {
  return ({ uploads, recordings }) => ({ uploads, recordings: instead(recordings, change(recordings)) });
}

export const brokenRecordingStores: readonly BrokenAdapter<RecordingStores>[] = [
  {
    name: 'shows recordings to whoever asks',
    caughtBy: 'a recording is its upload, as it is now, for its principal only',
    break: ({ uploads, recordings }) => ({
      uploads,
      recordings: instead(recordings, {
        findRecording: async (id) => {
          const upload = await uploads.find(id);
          return upload && { upload, purged: false };
        },
      }),
    }),
  },
  {
    name: 'takes every upload for a recording',
    caughtBy: 'an upload that was created without is no recording, nor is one that was not created',
    break: ({ uploads, recordings }) => ({
      uploads,
      recordings: instead(recordings, {
        findRecording: async (id, principal) => {
          const upload = await uploads.find(id);
          return upload?.principal === principal ? { upload, purged: false } : null;
        },
      }),
    }),
  },
  {
    name: 'forgets a recording with its upload',
    caughtBy: outlives,
    break: breaking((store) => ({
      findRecording: async (id, principal) => {
        const found = await store.findRecording(id, principal);
        return found?.purged === false ? found : null;
      },
    })),
  },
  {
    name: 'counts only the page',
    caughtBy: pages,
    break: breaking((store) => ({
      listRecordings: async (query) => {
        const { items } = await store.listRecordings(query);
        return { items, total: items.length };
      },
    })),
  },
  {
    name: 'ignores the subject',
    caughtBy: 'recordings are found by their whole subject in any case',
    break: breaking((store) => ({ listRecordings: ({ subject: _, ...query }) => store.listRecordings(query) })),
  },
];
