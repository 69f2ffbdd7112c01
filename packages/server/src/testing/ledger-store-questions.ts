/** Checks of ledger stores: answers to what people ask about runs (D5). */
import { expect } from 'vitest';
import type { Claim, LedgerStore } from '../core/ports/ledger-store.ts';
import { graph, type LedgerCheck, leaseMs, now, publish, take } from './ledger-store-subject.ts';
import { samplePublication, sampleUpload, sha256Of, unique } from './sample-upload.ts';

const week = 7 * 86_400_000;

const succeedAt = (ledger: LedgerStore, { step }: Claim, at: number) =>
  ledger.succeed(step.key, step.fence, { output: {}, artifacts: [], now: at });

export const questionChecks: readonly LedgerCheck[] = [
  {
    name: 'D5: what was processed since a time, by pipeline and state, for its owner or for all',
    run: async ({ ledger, questions, uploads }) => {
      const principal = unique('principal');
      const { plan, class: own } = graph({ a: [] }, { attemptsMax: 1 });
      for (const [i, endedAt] of [now - 10, now, now + 5, now + 6].entries()) {
        const { assetId } = await publish(uploads, [], { principal, size: 100 + i });
        await ledger.startRun(
          assetId,
          { ...plan, steps: plan.steps.map((step) => ({ ...step, key: unique('a') })) },
          now - 20,
        );
        const claim = await take(ledger, own, 'a', now - 15);
        if (i < 3) await succeedAt(ledger, claim, endedAt);
        else await ledger.fail(claim.step.key, claim.step.fence, { reason: 'no', retryAt: null, now: endedAt });
      }
      const mine = [
        { pipeline: plan.pipeline, state: 'failed', runs: 1, assets: 1, bytes: 103 },
        { pipeline: plan.pipeline, state: 'succeeded', runs: 2, assets: 2, bytes: 203 },
      ];
      expect(await questions.ended({ principal, since: now })).toEqual(mine);
      expect(await questions.ended({ principal: unique('principal'), since: now })).toEqual([]);
      const all = await questions.ended({ since: now - week });
      expect(all.find((one) => one.pipeline === plan.pipeline && one.state === 'succeeded')?.runs).toBe(3);
    },
  },
  {
    name: 'D5: how long steps take: count, median, 95th percentile, longest, sum, and how long they waited',
    run: async ({ ledger, questions, uploads }) => {
      const step = unique('step');
      const { plan, class: own } = graph({ [step]: [] });
      const principal = unique('principal');
      // 1, 2 … 20 s; each began one second after it could have.
      for (let i = 1; i <= 20; i += 1) {
        const { assetId } = await publish(uploads, [], { principal });
        await ledger.startRun(
          assetId,
          { ...plan, steps: plan.steps.map((one) => ({ ...one, key: unique('a') })) },
          now,
        );
        await succeedAt(ledger, await take(ledger, own, step, now + 1_000), now + 1_000 + i * 1_000);
      }
      const times = { count: 20, medianMs: 10_000, p95Ms: 19_000, maxMs: 20_000, totalMs: 210_000 };
      const waits = { medianWaitMs: 1_000, maxWaitMs: 1_000 };
      expect(await questions.durations({ step, since: now })).toEqual([{ step, version: '1', ...times, ...waits }]);
      expect(await questions.durations({ step, since: now + 20_000, principal })).toMatchObject([
        { count: 2, medianMs: 19_000, p95Ms: 20_000 },
      ]);
      expect(await questions.durations({ step, since: now + week })).toEqual([]);
      expect(await questions.durations({ step, since: now, principal: unique('principal') })).toEqual([]);
    },
  },
  {
    name: 'D5: what failed and why, as a list and by reason',
    run: async ({ ledger, questions, uploads }) => {
      const principal = unique('principal');
      const { plan, class: own } = graph({ a: [], b: ['a'] }, { attemptsMax: 1 });
      for (const [i, reason] of ['no moov atom', 'no moov atom', 'disk full'].entries()) {
        const { assetId } = await publish(uploads, [], { principal, safeName: `film-${i}.mp4` });
        await ledger.startRun(
          assetId,
          { ...plan, steps: plan.steps.map((one) => ({ ...one, key: unique('a') })) },
          now,
        );
        const { step } = await take(ledger, own, 'a');
        const errorClass = i < 2 ? 'permanent' : 'transient';
        await ledger.fail(step.key, step.fence, {
          reason,
          retryAt: null,
          now: now + i,
          evidence: { errorClass, exitCode: null, stderr: null },
        });
      }
      expect(await questions.failureGroups({ principal })).toEqual([
        { step: 'a', errorClass: 'permanent', reason: 'no moov atom', count: 2, firstAt: now, lastAt: now + 1 },
        { step: 'a', errorClass: 'transient', reason: 'disk full', count: 1, firstAt: now + 2, lastAt: now + 2 },
      ]);
      expect(await questions.failureGroups({ principal, errorClass: 'transient' })).toHaveLength(1);
      const one = await questions.failed({ principal, limit: 2 });
      expect(one.items.map((item) => item.assetName)).toEqual(['film-2.mp4', 'film-1.mp4']);
      expect(one.items[0]).toMatchObject({
        pipeline: plan.pipeline,
        step: { state: 'failed', errorClass: 'transient' },
      });
      const two = await questions.failed({ principal, limit: 2, cursor: one.cursor ?? '' });
      expect(two).toMatchObject({ items: [{ assetName: 'film-0.mp4' }], cursor: null });
    },
  },
  {
    name: 'failed steps are found by their whole reason, in whatever letters; one with a zero character is refused',
    run: async ({ ledger, control, questions, uploads }) => {
      const principal = unique('principal');
      const { plan, class: own } = graph({ a: [] }, { attemptsMax: 1 });
      const reasons = ['ÄRGER in Übung.mp4', 'Cafe\u0301.mp4: no moov atom', 'disk full'];
      for (const reason of reasons) {
        const { assetId } = await publish(uploads, [], { principal });
        const steps = plan.steps.map((step) => ({ ...step, key: unique(step.name) }));
        await ledger.startRun(assetId, { ...plan, steps }, now);
        const { step } = await take(ledger, own, 'a');
        await ledger.fail(step.key, step.fence, { reason, retryAt: null, now });
      }
      await expect(
        control.retryFailed({ principal, reason: '\0' }, { by: 'lena', now: now + 10 }),
      ).rejects.toMatchObject({
        code: 'invalid-request',
      });
      await expect(questions.failureGroups({ principal, reason: 'disk\0' })).rejects.toMatchObject({
        code: 'invalid-request',
      });
      for (const reason of reasons) {
        const { items } = await questions.failed({ principal, reason, limit: 5 });
        expect(items.map((item) => item.step.reason)).toEqual([reason]);
        expect(await control.retryFailed({ principal, reason }, { by: 'lena', now: now + 10 })).toBe(1);
      }
    },
  },
  {
    name: 'D5: what runs, what waits and for what',
    run: async ({ ledger, control, questions, uploads }) => {
      const { plan, class: own, key } = graph({ a: [], b: ['a'], c: ['a', 'b'], d: [] });
      const { assetId, principal } = await publish(uploads);
      const steps = plan.steps.map((step) => ({ ...step, priority: step.name === 'a' ? 1 : 0 }));
      const runId = await ledger.startRun(assetId, { ...plan, steps }, now);
      const { step } = await take(ledger, own, 'a');
      await ledger.heartbeat(step.key, step.fence, now + leaseMs, 0.25);
      await control.pauseClass(own, { by: 'lena', now: now + 7 });
      const running = await questions.running({ principal, limit: 10 });
      expect(running).toMatchObject([
        { runId, assetName: 'Interview no. 1.mp4', step: { name: 'a', progress: 0.25, startedAt: now } },
      ]);
      const waiting = await questions.waiting({ principal, limit: 10 });
      expect(waiting.map((one) => [one.step.name, one.step.state, one.pausedAt, one.waitsFor])).toEqual([
        ['d', 'pending', now + 7, []],
        ['b', 'blocked', now + 7, [{ name: 'a', state: 'running' }]],
        [
          'c',
          'blocked',
          now + 7,
          [
            { name: 'a', state: 'running' },
            { name: 'b', state: 'blocked' },
          ],
        ],
      ]);
      await control.resumeClass(own);
      expect((await questions.waiting({ principal, limit: 1 }))[0]).toMatchObject({ pausedAt: null });
      expect(await questions.waiting({ principal: unique('principal'), limit: 10 })).toEqual([]);
      expect(await questions.findStep(key('b'))).toMatchObject({ runId, step: { name: 'b' } });
      expect(await questions.findStep(unique('step'))).toBeNull();
    },
  },
  {
    name: 'who has the same content as somebody else sees it under the name that they gave it',
    run: async ({ ledger, questions, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'], c: [] }, { attemptsMax: 1 });
      const names = ['mine.mp4', 'of somebody else.mp4'];
      const [mine, theirs] = names.map((safeName, i) => sampleUpload({ safeName, createdAt: now + i }));
      const assetId = sha256Of(unique('content'));
      for (const upload of [mine, theirs])
        if (upload) await uploads.create(upload, [], [samplePublication(upload, assetId)], 1_000_000);
      await ledger.startRun(assetId, plan, now);
      const { step } = await take(ledger, own, 'a');
      const failing = await take(ledger, own, 'c');
      await ledger.fail(failing.step.key, failing.step.fence, { reason: 'no', retryAt: null, now });
      const seenBy = async (scope: { readonly principal?: string }) => {
        const [runs, failed] = [
          await ledger.listRuns({ ...scope, pipeline: plan.pipeline, limit: 10 }),
          await questions.failed({ ...scope, pipeline: plan.pipeline, limit: 10 }),
        ];
        const [running, waiting] = [
          await questions.running({ ...scope, limit: 1_000 }),
          await questions.waiting({ ...scope, limit: 1_000 }),
        ];
        const steps = [...running, ...waiting, ...failed.items].filter((one) => one.step.assetId === step.assetId);
        return [...runs.items, ...steps].map((one) => one.assetName);
      };
      expect(await seenBy({ principal: mine?.principal ?? '' })).toEqual(Array(4).fill('mine.mp4'));
      expect(await seenBy({ principal: theirs?.principal ?? '' })).toEqual(Array(4).fill('of somebody else.mp4'));
      expect(await seenBy({})).toEqual(Array(4).fill('of somebody else.mp4'));
    },
  },
];
