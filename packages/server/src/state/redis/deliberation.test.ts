/** Decisions that wait for the same upload are made together, and each is answered for itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HoldfastError } from '../../core/errors.ts';
import type { Rule } from '../../core/ports/upload-store.ts';
import type { Extent } from '../../core/upload.ts';
import type { Fixture } from '../../testing/conformance.ts';
import {
  receipt,
  sampleEvent,
  sampleExtent,
  samplePlan,
  samplePublication,
  sampleStep,
  sampleUpload,
  sha256Of,
} from '../../testing/sample-upload.ts';
import { SharedRedis } from '../../testing/test-redis-state.ts';
import type { TwoStates } from '../../testing/test-state.ts';

const redis = new SharedRedis();
let fixture: Fixture<TwoStates>;
beforeAll(async () => {
  fixture = await redis.twoStates();
});
afterAll(async () => {
  await fixture.close();
  await redis.stop();
});

const plenty = 1_000_000;

describe('decisions that come at once', () => {
  it('see what those before them decided, and fail alone', async () => {
    const { uploads } = fixture.subject.one;
    const upload = sampleUpload();
    await uploads.create(upload, [], [], plenty);
    const seen: unknown[] = [];
    const looking =
      (decide: Rule): Rule =>
      (current, extent) => {
        seen.push([current.receivedExtents, extent?.offset ?? null]);
        return decide(current, extent);
      };
    const note: Rule = (next) => ({ kind: 'accept', next, events: [sampleEvent()], writes: [] });
    const wrongPlan: Rule = (current) => ({
      kind: 'accept',
      next: current,
      events: [sampleEvent('wrong')],
      writes: [samplePublication(current, sha256Of('x'), [samplePlan([sampleStep('a', { needs: ['missing'] })])])],
    });
    const taken: Rule = (current) => ({
      kind: 'accept',
      next: current,
      events: [sampleEvent('wrong')],
      writes: [{ type: 'insert-extent', extent: sampleExtent(0) }],
    });
    // The first one goes alone; the others wait for it, and go together.
    const results = await Promise.allSettled([
      uploads.decide(upload.id, 0, looking(receipt(sampleExtent(0)))),
      uploads.decide(upload.id, 100, looking(receipt(sampleExtent(100)))),
      uploads.decide(upload.id, 100, looking(receipt(sampleExtent(100)))),
      uploads.decide(upload.id, null, () => {
        throw new Error('broken rule');
      }),
      uploads.decide(upload.id, null, taken),
      uploads.decide(upload.id, 'last', looking(note)),
      uploads.decide(upload.id, null, wrongPlan),
      uploads.decide(upload.id, 0, () => ({ kind: 'reject', error: new HoldfastError('upload-paused', 'Paused.') })),
      uploads.decide(upload.id, 200, looking(receipt(sampleExtent(200)))),
    ]);
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value?.kind : 'failed'))).toEqual([
      'accept',
      'accept',
      'accept',
      'failed',
      'failed',
      'accept',
      'failed',
      'reject',
      'accept',
    ]);
    expect(seen).toEqual(
      expect.arrayContaining([
        [0, null],
        [1, null],
        [2, 100],
        [2, null],
      ]),
    );
    expect(await uploads.find(upload.id)).toMatchObject({ receivedExtents: 3, receivedBytes: 300 });
    expect((await uploads.extents(upload.id)).map((extent: Extent) => extent.offset)).toEqual([0, 100, 200]);
    const events = await uploads.events({ subject: { kind: 'upload', id: upload.id }, after: 0, limit: 100 });
    expect(events.map((event) => event.type)).not.toContain('wrong');
    expect(events.map((event) => event.seq)).toEqual(events.map((_, i) => i + 1));
  });

  it('of many chunks of one upload from two processes are all made, and none waits for ever (E1)', async () => {
    const { one, two } = fixture.subject;
    const upload = sampleUpload({ size: 64_000 });
    await one.uploads.create(upload, [], [], plenty);
    const offsets = Array.from({ length: 640 }, (_, i) => i * 100);
    let validating = 0;
    const send = async (state: TwoStates['one'], share: readonly number[]): Promise<void> => {
      const rest = share.values();
      const sender = async (): Promise<void> => {
        for (const offset of rest) {
          const decision = await state.uploads.decide(upload.id, offset, receipt(sampleExtent(offset)));
          if (decision?.kind === 'accept' && decision.events.some((event) => event.type === 'validating'))
            validating += 1;
        }
      };
      await Promise.all(Array.from({ length: 16 }, sender));
    };
    await Promise.all([
      send(
        one,
        offsets.filter((_, i) => i % 2 === 0),
      ),
      send(
        two,
        offsets.filter((_, i) => i % 2 === 1),
      ),
    ]);
    expect(validating).toBe(1);
    expect(await one.uploads.find(upload.id)).toMatchObject({ receivedExtents: 640, phase: { name: 'validating' } });
  });
});
