import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { StepState } from '../../core/ledger.ts';
import { advanceSteps, runState, type StepFacts } from './advance.ts';

/** Plans of up to 12 steps; a step needs only earlier ones. Steps with needs begin blocked, and the roots end in some way. */
const endedPlan = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(11), { maxLength: 3 }),
      ends: fc.constantFrom<StepState>('succeeded', 'skipped', 'failed'),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((steps) =>
    steps.map((step, i) => ({
      key: `k${i}`,
      ends: step.ends,
      needs: [...new Set(step.needs.filter((need) => need < i))].map((need) => `k${need}`),
    })),
  );

it('every plan comes to its end, and fails exactly when a step of it failed', () => {
  fc.assert(
    fc.property(endedPlan, (plan) => {
      const needs = new Map(plan.map((step) => [step.key, step.needs]));
      let steps: StepFacts[] = plan.map((step) => ({
        key: step.key,
        name: step.key,
        state: 'blocked',
        reason: null,
        skippedFor: null,
      }));
      for (let round = 0; runState(steps) === 'running'; round += 1) {
        expect(round).toBeLessThanOrEqual(plan.length);
        const changes = new Map(advanceSteps(steps, needs).map((change) => [change.key, change]));
        expect(changes.size).toBeGreaterThan(0);
        steps = steps.map((step, i) => {
          const change = changes.get(step.key);
          if (!change) return step;
          if (change.to === 'skipped')
            return { ...step, state: 'skipped', reason: change.reason, skippedFor: change.skippedFor };
          for (const need of plan[i]?.needs ?? [])
            expect(['succeeded', 'skipped']).toContain(steps.find((one) => one.key === need)?.state);
          return { ...step, state: plan[i]?.ends ?? 'failed' };
        });
      }
      expect(runState(steps)).toBe(steps.some((step) => step.state === 'failed') ? 'failed' : 'succeeded');
      for (const step of steps)
        if (step.skippedFor !== null) expect(steps.find((one) => one.key === step.skippedFor)?.state).toBe('failed');
    }),
  );
});
