/** Checks of ledger stores: the history of attempts, cancelling, pausing, trying again. */
import { expect } from 'vitest';
import type { Claim, LedgerStore } from '../core/ports/ledger-store.ts';
import {
  afterLease,
  done,
  eventsOf,
  graph,
  history,
  type LedgerCheck,
  leaseMs,
  nothingDue,
  now,
  publish,
  states,
  take,
} from './ledger-store-subject.ts';
import { unique } from './sample-upload.ts';

const asking = { by: 'lena', now: now + 10 };

const endsBadly = (ledger: LedgerStore, { step }: Claim, reason: string, errorClass: 'permanent' | 'transient') =>
  ledger.fail(step.key, step.fence, {
    reason,
    retryAt: null,
    now,
    evidence: { errorClass, exitCode: 1, stderr: reason },
  });

export const controlChecks: readonly LedgerCheck[] = [
  {
    name: 'every attempt is kept, with how it ended and what is left of it',
    run: async ({ ledger, questions, uploads }) => {
      const { plan, class: own, key } = graph({ a: [] }, { attemptsMax: 9 });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const holder = unique('node');
      const next = (at: number) => ledger.claim({ holder, now: at, leaseMs, classes: [own] });
      const one = await next(now + 5);
      const fence = one?.step.fence ?? 0;
      expect((await questions.attempts([key('a')]))[0]).toMatchObject({ state: 'running', endedAt: null });
      const log = 'first line\nsecond line';
      expect(await ledger.report(key('a'), fence, { now, progress: 0.3, log, tell: false })).toBe('applied');
      const evidence = { errorClass: 'transient', exitCode: 69, stderr: 'no such\u0000 codec \u001b[31mred' } as const;
      await ledger.fail(key('a'), fence, { reason: 'exit 69', retryAt: now + 50, now: now + 9, evidence });
      expect((await ledger.findRun(runId))?.steps[0]).toMatchObject({ errorClass: 'transient', reason: 'exit 69' });
      await next(now + 60);
      await ledger.reclaimHolder(holder, now + 70);
      await next(now + 70);
      await ledger.reclaimExpired(now + 70 + leaseMs);
      const last = await next(now + 90 + leaseMs);
      await ledger.release(key('a'), last?.step.fence ?? 0, now + 91 + leaseMs);
      const skipped = await next(now + 92 + leaseMs);
      await ledger.skip(key('a'), skipped?.step.fence ?? 0, {
        reason: 'nothing to do',
        lacks: null,
        now: now + 95 + leaseMs,
      });
      const attempts = await questions.attempts([key('a')]);
      expect(attempts.map(({ number, attempt, state, errorClass }) => [number, attempt, state, errorClass])).toEqual([
        [1, 1, 'failed', 'transient'],
        [2, 2, 'failed', 'crash'],
        [3, 2, 'failed', 'lost'],
        [4, 2, 'released', null],
        [5, 2, 'skipped', null],
      ]);
      expect(attempts[0]).toMatchObject({
        node: holder,
        dueAt: now,
        startedAt: now + 5,
        endedAt: now + 9,
        exitCode: 69,
      });
      expect(attempts[0]).toMatchObject({ stderr: 'no such� codec red', log, reason: 'exit 69' });
      expect(attempts[1]).toMatchObject({ dueAt: now + 50, startedAt: now + 60, endedAt: now + 70 });
      expect(await ledger.report(key('a'), fence, { now, progress: 1, log: 'stale', tell: true })).toBe('lost');
      expect((await questions.attempts([key('a')]))[0]?.log).toBe(log);
    },
  },
  {
    name: 'progress is told in events when listeners are to hear of it',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own, key } = graph({ a: [] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const { step } = await take(ledger, own, 'a');
      for (const [progress, tell] of [
        [0.1, true],
        [0.12, false],
        [0.2, true],
      ] as const)
        await ledger.report(key('a'), step.fence, { now, progress, log: '', tell });
      expect(await history(uploads, runId)).toEqual([
        'run.created',
        'step.started a',
        'step.progress a',
        'step.progress a',
      ]);
      expect((await eventsOf(uploads, runId)).at(-1)?.data).toMatchObject({ step: 'a', progress: 0.2, attempt: 1 });
    },
  },
  {
    name: 'a cancelled run ends what has not started at once, and what depends on it',
    run: async ({ ledger, control, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      expect(await control.cancelRun(unique('run'), asking)).toBe(false);
      expect(await control.cancelRun(runId, asking)).toBe(true);
      expect(await states(ledger, runId)).toEqual({ run: 'cancelled', a: 'cancelled', b: 'cancelled' });
      expect((await ledger.findRun(runId))?.steps[0]).toMatchObject({
        reason: 'cancelled by lena',
        finishedAt: now + 10,
      });
      expect(await control.cancelRun(runId, asking)).toBe(false);
      await nothingDue(ledger, own);
      expect((await history(uploads, runId)).at(-1)).toBe('run.cancelled');
      expect(await ledger.retryRun(runId, now + 20)).toBe(true);
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'pending', b: 'blocked' });
      await done(ledger, await take(ledger, own, 'a', now + 20));
      await done(ledger, await take(ledger, own, 'b', now + 20));
      expect(await states(ledger, runId)).toEqual({ run: 'succeeded', a: 'succeeded', b: 'succeeded' });
    },
  },
  {
    name: 'what runs is asked to let go, and its late result is refused',
    run: async ({ ledger, other, control, questions, uploads }) => {
      const { plan, class: own, key } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const holder = unique('node');
      const claim = await other.claim({ holder, now, leaseMs, classes: [own] });
      const fence = claim?.step.fence ?? 0;
      expect(await other.cancelAsked(holder)).toEqual([]);
      expect(await control.cancelRun(runId, asking)).toBe(true);
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'running', b: 'cancelled' });
      expect(await ledger.findRun(runId)).toMatchObject({ cancelAskedAt: now + 10 });
      expect(await ledger.retryRun(runId, now)).toBe(false);
      expect(await other.cancelAsked(holder)).toEqual([{ key: key('a'), fence }]);
      expect(await other.heartbeat(key('a'), fence, afterLease, 0.5)).toBe('cancelled');
      expect(await other.succeed(key('a'), fence, { output: { late: true }, artifacts: [], now })).toBe('cancelled');
      expect(await states(ledger, runId)).toEqual({ run: 'cancelled', a: 'cancelled', b: 'cancelled' });
      expect((await ledger.findRun(runId))?.steps[0]).toMatchObject({
        output: null,
        leaseHolder: null,
        cancelAskedAt: null,
      });
      expect(await other.succeed(key('a'), fence, { output: {}, artifacts: [], now })).toBe('lost');
      expect(await questions.attempts([key('a')])).toMatchObject([{ state: 'cancelled', errorClass: 'cancelled' }]);
      expect(await other.cancelAsked(holder)).toEqual([]);
    },
  },
  {
    name: 'a step whose holder is gone is cancelled with its lease, if that was asked for',
    run: async ({ ledger, control, uploads }) => {
      const { plan, class: own, key } = graph({ a: [], b: [] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      await ledger.claim({ holder: unique('node'), now, leaseMs, classes: [own] });
      const first = (await ledger.findRun(runId))?.steps.find((step) => step.state === 'running')?.name ?? '';
      expect(await control.cancelStep(key(first), asking)).toBe(true);
      await ledger.reclaimExpired(afterLease);
      const rest = first === 'a' ? 'b' : 'a';
      expect(await states(ledger, runId)).toEqual({ run: 'running', [first]: 'cancelled', [rest]: 'pending' });
      await done(ledger, await take(ledger, own, rest, afterLease));
      expect((await states(ledger, runId))['run']).toBe('cancelled');
      expect(await control.retryStep(key(first), asking)).toBe(true);
      await done(ledger, await take(ledger, own, first, afterLease));
      expect((await states(ledger, runId))['run']).toBe('succeeded');
      expect(await control.cancelStep(key(first), asking)).toBe(false);
    },
  },
  {
    name: 'a step that another run waits for is left to it',
    run: async ({ ledger, control, uploads }) => {
      const { plan, class: own, key } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const first = await ledger.startRun(assetId, plan, now);
      const steps = plan.steps.filter((step) => step.name === 'a');
      const second = await ledger.startRun(assetId, { ...plan, pipelineVersion: '2', steps }, now);
      expect(await control.cancelRun(first, asking)).toBe(true);
      expect(await states(ledger, first)).toEqual({ run: 'cancelled', a: 'pending', b: 'cancelled' });
      await done(ledger, await take(ledger, own, 'a'));
      expect(await states(ledger, second)).toEqual({ run: 'succeeded', a: 'succeeded' });
      expect(await control.retryStep(key('a'), asking)).toBe(false);
      await nothingDue(ledger, own);
    },
  },
  {
    name: 'a step goes on without a cancelled step that it only wants',
    run: async ({ ledger, control, uploads }) => {
      const { plan, class: own, key } = graph({ a: [], b: [] });
      const { assetId } = await publish(uploads);
      const steps = plan.steps.map((step) => (step.name === 'b' ? { ...step, wants: ['a'] } : step));
      const runId = await ledger.startRun(assetId, { ...plan, steps }, now);
      expect(await control.cancelStep(key('a'), asking)).toBe(true);
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'cancelled', b: 'pending' });
      const claim = await take(ledger, own, 'b', now + 10);
      expect(claim).toMatchObject({ inputs: {}, missing: { a: expect.stringContaining('cancelled') } });
      await done(ledger, claim);
      expect((await states(ledger, runId))['run']).toBe('cancelled');
    },
  },
  {
    name: 'a paused class is left alone by all nodes until it is resumed, and running steps may finish',
    run: async ({ ledger, other, control, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const claim = await take(ledger, own, 'a');
      expect(await control.pauseClass(own, asking)).toBe(true);
      expect(await control.pauseClass(own, { by: 'max', now: now + 99 })).toBe(false);
      expect(await done(ledger, claim)).toBe('applied');
      await nothingDue(ledger, own);
      await nothingDue(other, own);
      const mine = (await control.classes()).find((one) => one.name === own);
      expect(mine).toEqual({ name: own, running: 0, pending: 1, paused: { at: now + 10, by: 'lena' } });
      expect(await control.resumeClass(own)).toBe(true);
      expect(await control.resumeClass(own)).toBe(false);
      await done(other, await take(other, own, 'b'));
      expect((await states(ledger, runId))['run']).toBe('succeeded');
    },
  },
  {
    name: 'failed steps can be tried again by what they have in common',
    run: async ({ ledger, control, uploads }) => {
      const runs: string[] = [];
      const principal = unique('principal');
      const { plan, class: own } = graph({ a: [], b: ['a'] }, { attemptsMax: 1 });
      for (const [reason, errorClass] of [
        ['Disk 100% full', 'transient'],
        ['no moov atom', 'permanent'],
      ] as const) {
        const { assetId } = await publish(uploads, [], { principal });
        const steps = plan.steps.map((step) => ({ ...step, key: unique(step.name) }));
        runs.push(await ledger.startRun(assetId, { ...plan, steps }, now));
        await endsBadly(ledger, await take(ledger, own, 'a'), reason, errorClass);
      }
      const [full, broken] = runs as [string, string];
      const failed = { run: 'failed', a: 'failed', b: 'skipped' };
      expect([await states(ledger, full), await states(ledger, broken)]).toEqual([failed, failed]);
      const others = { principal: unique('principal') };
      expect(await control.retryFailed(others, asking)).toBe(0);
      for (const which of [
        { step: 'z' },
        { pipeline: 'z' },
        { errorClass: 'timeout' as const },
        { reason: '1000%' },
        { since: now + 1 },
      ])
        expect(await control.retryFailed({ principal, ...which }, asking)).toBe(0);
      const which = {
        principal,
        step: 'a',
        pipeline: plan.pipeline,
        errorClass: 'transient',
        reason: 'disk 100%',
        since: now,
      } as const;
      expect(await control.retryFailed(which, asking)).toBe(1);
      expect(await states(ledger, full)).toEqual({ run: 'running', a: 'pending', b: 'blocked' });
      expect(await states(ledger, broken)).toEqual(failed);
      expect(await control.retryFailed({ principal }, asking)).toBe(1);
      expect(await states(ledger, broken)).toEqual({ run: 'running', a: 'pending', b: 'blocked' });
    },
  },
  {
    name: 'a skipped step is tried again with what it needs',
    run: async ({ ledger, control, uploads }) => {
      const { plan, class: own, key } = graph({ a: [], b: ['a'], c: ['b'], d: [] }, { attemptsMax: 1 });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(
        assetId,
        { ...plan, steps: plan.steps.map((step) => ({ ...step, priority: step.name === 'a' ? 1 : 0 })) },
        now,
      );
      await endsBadly(ledger, await take(ledger, own, 'a'), 'no network', 'transient');
      await endsBadly(ledger, await take(ledger, own, 'd'), 'no network', 'transient');
      expect(await states(ledger, runId)).toEqual({
        run: 'failed',
        a: 'failed',
        b: 'skipped',
        c: 'skipped',
        d: 'failed',
      });
      expect(await control.retryStep(key('c'), asking)).toBe(true);
      expect(await states(ledger, runId)).toEqual({
        run: 'running',
        a: 'pending',
        b: 'blocked',
        c: 'blocked',
        d: 'failed',
      });
      expect(await control.retryStep(key('c'), asking)).toBe(false);
      expect(await control.assetOfStep(key('c'))).toBe(assetId);
      expect(await control.assetOfStep(unique('step'))).toBeNull();
    },
  },
];
