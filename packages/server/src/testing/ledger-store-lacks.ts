/** Checks of ledger stores: what a machine lacked is done once a machine has it. */
import { expect } from 'vitest';
import { done, graph, type LedgerCheck, now, publish, states, take } from './ledger-store-subject.ts';

const asking = { by: 'a node that has them', now: now + 10 };

export const lackChecks: readonly LedgerCheck[] = [
  {
    name: 'what was skipped for want of media tools is tried again when they are there, with what needs it',
    run: async ({ ledger, control, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'], c: [], d: [] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(
        assetId,
        { ...plan, steps: plan.steps.map((step) => ({ ...step, priority: 'dcba'.indexOf(step.name) })) },
        now,
      );
      const skip = async (name: string, reason: string, lacks: 'media-tools' | null) => {
        const { step } = await take(ledger, own, name);
        expect(await ledger.skip(step.key, step.fence, { reason, lacks, now })).toBe('applied');
      };
      await skip('a', 'no ffmpeg here', 'media-tools');
      await skip('b', 'needs a', null);
      await skip('c', 'there is no sound in it', null);
      await done(ledger, await take(ledger, own, 'd'));
      const untouched = { c: 'skipped', d: 'succeeded' };
      expect(await states(ledger, runId)).toEqual({ run: 'succeeded', a: 'skipped', b: 'skipped', ...untouched });
      // As two nodes do that start at once. Other checks may have left some in the same database.
      const counts = await Promise.all([1, 2].map(() => control.retryLacking('media-tools', asking)));
      expect(Math.max(...counts)).toBeGreaterThanOrEqual(1);
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'pending', b: 'blocked', ...untouched });
      expect(await control.retryLacking('media-tools', asking)).toBe(0);
      await done(ledger, await take(ledger, own, 'a', now + 20));
      await done(ledger, await take(ledger, own, 'b', now + 20));
      expect(await states(ledger, runId)).toEqual({ run: 'succeeded', a: 'succeeded', b: 'succeeded', ...untouched });
    },
  },
  {
    name: 'what was cancelled is not tried again because the tools are there',
    run: async ({ ledger, control, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const { step } = await take(ledger, own, 'a');
      await ledger.skip(step.key, step.fence, { reason: 'no ffmpeg here', lacks: 'media-tools', now });
      expect(await control.cancelRun(runId, asking)).toBe(true);
      await control.retryLacking('media-tools', asking);
      expect(await states(ledger, runId)).toEqual({ run: 'cancelled', a: 'skipped', b: 'cancelled' });
    },
  },
  {
    name: 'of a run that is being cancelled nothing is tried again because the tools are there',
    run: async ({ ledger, control, uploads }) => {
      const { plan, class: own } = graph({ a: [], c: [] });
      const { assetId } = await publish(uploads);
      const steps = plan.steps.map((step) => ({ ...step, priority: 'ca'.indexOf(step.name) }));
      const runId = await ledger.startRun(assetId, { ...plan, steps }, now);
      const { step } = await take(ledger, own, 'a');
      await ledger.skip(step.key, step.fence, { reason: 'no ffmpeg here', lacks: 'media-tools', now });
      await take(ledger, own, 'c');
      expect(await control.cancelRun(runId, asking)).toBe(true);
      await control.retryLacking('media-tools', asking);
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'skipped', c: 'running' });
    },
  },
  {
    name: 'a run that was cancelled stays so when another one has the step that is tried again',
    run: async ({ ledger, control, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const cancelled = await ledger.startRun(assetId, plan, now);
      const { step } = await take(ledger, own, 'a');
      await ledger.skip(step.key, step.fence, { reason: 'no ffmpeg here', lacks: 'media-tools', now });
      expect(await control.cancelRun(cancelled, asking)).toBe(true);
      const steps = plan.steps.filter(({ name }) => name === 'a');
      const kept = await ledger.startRun(assetId, { ...plan, pipelineVersion: '2', steps }, now);
      await control.retryLacking('media-tools', asking);
      expect(await states(ledger, kept)).toEqual({ run: 'running', a: 'pending' });
      expect(await states(ledger, cancelled)).toEqual({ run: 'cancelled', a: 'pending', b: 'cancelled' });
      await done(ledger, await take(ledger, own, 'a', now + 20));
      expect(await states(ledger, kept)).toEqual({ run: 'succeeded', a: 'succeeded' });
      expect(await states(ledger, cancelled)).toEqual({ run: 'cancelled', a: 'succeeded', b: 'cancelled' });
    },
  },
];
