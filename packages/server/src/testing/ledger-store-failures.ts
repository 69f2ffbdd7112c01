/** Checks of ledger stores: fences, skips, failures, lost workers, retries. */
import { expect } from 'vitest';
import { nodeDeathsMax } from '../core/node-deaths.ts';
import type { Claim, LedgerStore, Outcome } from '../core/ports/ledger-store.ts';
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

/** Everything that a holder can say of its step. */
function endings(ledger: LedgerStore, { step }: Claim): Promise<Outcome[]> {
  return Promise.all([
    ledger.heartbeat(step.key, step.fence, now + 99_999_999, 0.9),
    ledger.succeed(step.key, step.fence, { output: { stale: true }, artifacts: [], now }),
    ledger.skip(step.key, step.fence, { reason: 'stale', lacks: null, now: now }),
    ledger.fail(step.key, step.fence, { reason: 'stale', retryAt: null, now }),
    ledger.release(step.key, step.fence, now),
  ]);
}

const failure = (reason: string, retryAt: number | null = null) => ({ reason, retryAt, now });

export const failureChecks: readonly LedgerCheck[] = [
  {
    name: 'a holder that lost its step changes nothing',
    run: async ({ ledger, other, uploads }) => {
      const { plan, class: own, key } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const stale = await take(ledger, own, 'a');
      await other.reclaimExpired(afterLease);
      const lost = ['lost', 'lost', 'lost', 'lost', 'lost'];
      expect(await endings(ledger, stale)).toEqual(lost);
      const current = await take(other, own, 'a', afterLease);
      expect(current.step).toMatchObject({ attempt: 1, fence: stale.step.fence + 1 });
      const before = await ledger.findRun(runId);
      expect(await endings(ledger, stale)).toEqual(lost);
      expect(await ledger.findRun(runId)).toEqual(before);
      expect(await done(other, current, { fresh: true })).toBe('applied');
      expect(await endings(ledger, current)).toEqual(lost);
      expect((await ledger.findRun(runId))?.steps[0]).toMatchObject({
        key: key('a'),
        state: 'succeeded',
        output: { fresh: true },
      });
      expect(await ledger.heartbeat(unique('step'), 1, now, 0)).toBe('lost');
    },
  },
  {
    name: 'a heartbeat extends the lease and tells the progress, without an event',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own } = graph({ a: [] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const { step } = await take(ledger, own, 'a');
      expect(await ledger.heartbeat(step.key, step.fence, afterLease + 10, 0.25)).toBe('applied');
      await ledger.reclaimExpired(afterLease);
      expect((await ledger.findRun(runId))?.steps[0]).toMatchObject({
        state: 'running',
        progress: 0.25,
        leaseUntil: afterLease + 10,
      });
      expect(await history(uploads, runId)).toEqual(['run.created', 'step.started a']);
    },
  },
  {
    name: 'a step that skips itself lets those that need it run',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const { step } = await take(ledger, own, 'a');
      expect(await ledger.skip(step.key, step.fence, { reason: 'no ffmpeg here', lacks: null, now: now })).toBe(
        'applied',
      );
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'skipped', b: 'pending' });
      const claim = await take(ledger, own, 'b');
      expect(claim.inputs['a']?.step).toMatchObject({ state: 'skipped', reason: 'no ffmpeg here', output: null });
      await done(ledger, claim);
      expect(await states(ledger, runId)).toEqual({ run: 'succeeded', a: 'skipped', b: 'succeeded' });
      expect(await history(uploads, runId)).toContain('step.skipped a');
    },
  },
  {
    name: 'a step that is to be tried again waits for its time',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own } = graph({ a: [] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const { step } = await take(ledger, own, 'a');
      expect(await ledger.fail(step.key, step.fence, failure('network', now + 500))).toBe('applied');
      expect((await ledger.findRun(runId))?.steps[0]).toMatchObject({
        state: 'pending',
        attempt: 1,
        notBefore: now + 500,
        reason: 'network',
        leaseHolder: null,
      });
      await nothingDue(ledger, own, now + 499);
      expect(await ledger.nextDue()).toBeLessThanOrEqual(now + 500);
      expect((await take(ledger, own, 'a', now + 500)).step).toMatchObject({ attempt: 2, fence: 2, reason: null });
      const retrying = (await eventsOf(uploads, runId)).find((event) => event.type === 'step.retrying');
      expect(retrying?.data).toMatchObject({ step: 'a', attempt: 1, reason: 'network', retryAt: now + 500 });
    },
  },
  {
    name: 'a step that failed for good skips what needs it, and the run fails when nothing is left',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'], c: ['b'], d: ['a', 'e'], e: [] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const [one, two] = [
        await ledger.claim({ holder: 'x', now, leaseMs, classes: [own] }),
        await ledger.claim({ holder: 'x', now, leaseMs, classes: [own] }),
      ];
      const [a, e] = one?.step.name === 'a' ? [one, two] : [two, one];
      if (!a || !e) throw new Error('Both are due.');
      await ledger.fail(a.step.key, a.step.fence, failure('moov atom not found'));
      expect(await states(ledger, runId)).toEqual({
        run: 'running',
        a: 'failed',
        b: 'skipped',
        c: 'skipped',
        d: 'skipped',
        e: 'running',
      });
      await done(ledger, e);
      const run = await ledger.findRun(runId);
      expect(run).toMatchObject({ state: 'failed', finishedAt: now });
      const reasons = Object.fromEntries(run?.steps.map((step) => [step.name, step.reason]) ?? []);
      expect(reasons).toEqual({
        a: 'moov atom not found',
        b: 'needs a, which failed',
        c: 'needs b, which needs a, which failed',
        d: 'needs a, which failed',
        e: null,
      });
      const types = await history(uploads, runId);
      expect(types.at(-1)).toBe('run.failed');
      for (const type of ['step.failed a', 'step.skipped b', 'step.skipped c', 'step.skipped d'])
        expect(types).toContain(type);
      await nothingDue(ledger, own);
    },
  },
  {
    name: 'D4: steps of a restarted holder are due at once, unless one ran there alone as often as it may be tried',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own } = graph({ a: [] }, { attemptsMax: 2 });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const holder = unique('node');
      for (const attempt of [1, 2]) {
        const claim = await ledger.claim({ holder, now, leaseMs, classes: [own] });
        expect([claim?.step.attempt, claim?.step.fence]).toEqual([1, attempt]);
        expect(await ledger.reclaimHolder(unique('node'), now)).toBe(0);
        expect(await ledger.reclaimHolder(holder, now)).toBe(1);
      }
      expect(await states(ledger, runId)).toEqual({ run: 'failed', a: 'failed' });
      expect(await history(uploads, runId)).toEqual([
        'run.created',
        'step.started a',
        'step.retrying a',
        'step.started a',
        'step.failed a',
        'run.failed',
      ]);
      expect((await ledger.findRun(runId))?.steps[0]).toMatchObject({
        errorClass: 'crash',
        reason: `its worker ${holder} ended while it ran, 2 times with nothing else running there; it is set aside`,
      });
    },
  },
  {
    name: 'D4: deaths of nodes cost a step no attempt, and the tenth sets it aside',
    run: async ({ ledger, uploads, control }) => {
      const { plan, class: own, key } = graph({ a: [], b: [] }, { attemptsMax: 2 });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const holder = unique('node');
      const claim = () => ledger.claim({ holder, now, leaseMs, classes: [own] });
      for (let death = 1; death < nodeDeathsMax; death += 1) {
        expect([(await claim())?.step.attempt, (await claim())?.step.attempt]).toEqual([1, 1]);
        expect(await ledger.reclaimHolder(holder, now)).toBe(2);
      }
      // One fails by itself: that counts as its first.
      const first = await claim();
      await ledger.fail(first?.step.key ?? '', first?.step.fence ?? 0, { reason: 'busy', retryAt: now, now });
      await claim();
      await claim();
      await ledger.reclaimHolder(holder, now);
      const failed = (await ledger.findRun(runId))?.steps ?? [];
      expect(failed.map((step) => [step.state, step.errorClass])).toEqual(Array(2).fill(['failed', 'crash']));
      expect(failed[0]?.reason).toMatch(/10 times in all; it is set aside$/);
      // Whoever tries again by hand begins to count anew.
      expect(await control.retryStep(key('a'), { by: 'ann', now })).toBe(true);
      await claim();
      await ledger.reclaimHolder(holder, now);
      expect((await ledger.findRun(runId))?.steps[0]).toMatchObject({ state: 'pending', attempt: 0 });
    },
  },
  {
    name: 'steps whose lease ended are taken back, those of living holders are not',
    run: async ({ ledger, other, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'] }, { attemptsMax: 1 });
      const alive = graph({ x: [] });
      const { assetId } = await publish(uploads);
      const [runId, otherRun] = [
        await ledger.startRun(assetId, plan, now),
        await ledger.startRun(assetId, alive.plan, now),
      ];
      await take(ledger, own, 'a');
      await ledger.claim({ holder: 'y', now, leaseMs: leaseMs * 2, classes: [alive.class] });
      const taken = await Promise.all([ledger.reclaimExpired(afterLease), other.reclaimExpired(afterLease)]);
      expect(taken[0] + taken[1]).toBeGreaterThanOrEqual(1);
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'pending', b: 'blocked' });
      expect(await states(ledger, otherRun)).toEqual({ run: 'running', x: 'running' });
      expect((await history(uploads, runId)).filter((type) => type === 'step.retrying a')).toHaveLength(1);
    },
  },
  {
    name: 'a failed run can be tried again, from what failed',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'], c: ['b'] }, { attemptsMax: 1 });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      await done(ledger, await take(ledger, own, 'a'));
      expect(await ledger.retryRun(runId, now)).toBe(false);
      const { step } = await take(ledger, own, 'b');
      await ledger.fail(step.key, step.fence, failure('out of memory'));
      expect(await states(ledger, runId)).toEqual({ run: 'failed', a: 'succeeded', b: 'failed', c: 'skipped' });
      expect(await ledger.retryRun(runId, now + 5)).toBe(true);
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'succeeded', b: 'pending', c: 'blocked' });
      expect((await ledger.findRun(runId))?.finishedAt).toBeNull();
      expect((await ledger.findRun(runId))?.steps[1]).toMatchObject({ attempt: 0, reason: null });
      const again = await take(ledger, own, 'b', now + 5);
      expect(again.step).toMatchObject({ attempt: 1, fence: step.fence + 1 });
      await done(ledger, again);
      await done(ledger, await take(ledger, own, 'c'));
      expect(await states(ledger, runId)).toEqual({ run: 'succeeded', a: 'succeeded', b: 'succeeded', c: 'succeeded' });
      expect(await ledger.retryRun(unique('run'), now)).toBe(false);
    },
  },
  {
    name: 'a step that is given back is due at once, and the attempt does not count',
    run: async ({ ledger, other, uploads }) => {
      const { plan, class: own } = graph({ a: [] }, { attemptsMax: 1 });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const first = await take(ledger, own, 'a');
      expect(await ledger.release(first.step.key, first.step.fence, now)).toBe('applied');
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'pending' });
      expect(await done(ledger, first)).toBe('lost');
      const second = await take(other, own, 'a');
      expect(second.step).toMatchObject({ attempt: 1, fence: first.step.fence + 1 });
      await done(other, second);
      expect(await states(ledger, runId)).toEqual({ run: 'succeeded', a: 'succeeded' });
    },
  },
  {
    name: 'what was skipped is done when the run is tried again',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const { step } = await take(ledger, own, 'a');
      await ledger.skip(step.key, step.fence, { reason: 'no engine', lacks: null, now: now });
      await done(ledger, await take(ledger, own, 'b'));
      expect(await states(ledger, runId)).toEqual({ run: 'succeeded', a: 'skipped', b: 'succeeded' });
      expect(await ledger.retryRun(runId, now + 5)).toBe(true);
      await done(ledger, await take(ledger, own, 'a', now + 5));
      expect(await states(ledger, runId)).toEqual({ run: 'succeeded', a: 'succeeded', b: 'succeeded' });
    },
  },
  {
    name: 'steps are counted by state',
    run: async ({ ledger, uploads }) => {
      const before = await ledger.countByState();
      const { plan, class: own } = graph({ a: [], b: ['a'], c: [] });
      await publish(uploads, [plan]);
      await ledger.claim({ holder: 'x', now, leaseMs, classes: [own] });
      const after = await ledger.countByState();
      expect(
        (['blocked', 'pending', 'running'] as const).map((state) => (after[state] ?? 0) - (before[state] ?? 0)),
      ).toEqual([1, 1, 1]);
    },
  },
];
