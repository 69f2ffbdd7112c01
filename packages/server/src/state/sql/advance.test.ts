import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { StepState } from '../../core/ledger.ts';
import { advanceSteps, runState, type StepFacts } from './advance.ts';

/** Plans of up to 12 steps; a step needs and wants only earlier ones. Every step begins blocked, and ends in some way once it can run. */
const endedPlan = fc
  .array(
    fc.record({
      needs: fc.array(fc.nat(11), { maxLength: 3 }),
      wants: fc.array(fc.nat(11), { maxLength: 3 }),
      ends: fc.constantFrom<StepState>('succeeded', 'skipped', 'failed'),
    }),
    { minLength: 1, maxLength: 12 },
  )
  .map((steps) =>
    steps.map((step, i) => {
      const needs = [...new Set(step.needs.filter((need) => need < i))];
      const wants = [...new Set(step.wants.filter((want) => want < i && !needs.includes(want)))];
      return {
        key: `k${i}`,
        ends: step.ends,
        needs: needs.map((need) => `k${need}`),
        wants: wants.map((want) => `k${want}`),
      };
    }),
  );

it('every plan comes to its end, and fails exactly when a step of it failed', () => {
  fc.assert(
    fc.property(endedPlan, (plan) => {
      const inputs = new Map(plan.map(({ key, needs, wants }) => [key, { needs, wants }]));
      let steps: StepFacts[] = plan.map((step) => ({
        key: step.key,
        name: step.key,
        state: 'blocked',
        reason: null,
        skippedFor: null,
      }));
      for (let round = 0; runState(steps) === 'running'; round += 1) {
        expect(round).toBeLessThanOrEqual(plan.length);
        const changes = new Map(advanceSteps(steps, inputs).map((change) => [change.key, change]));
        expect(changes.size).toBeGreaterThan(0);
        steps = steps.map((step, i) => {
          const change = changes.get(step.key);
          if (!change) return step;
          if (change.to === 'skipped')
            return { ...step, state: 'skipped', reason: change.reason, skippedFor: change.skippedFor };
          // What this round skips has ended too.
          const before = steps;
          const stateOf = (key: string) =>
            changes.get(key)?.to === 'skipped' ? 'skipped' : before.find((one) => one.key === key)?.state;
          for (const need of plan[i]?.needs ?? []) expect(['succeeded', 'skipped']).toContain(stateOf(need));
          for (const want of plan[i]?.wants ?? []) expect(['succeeded', 'skipped', 'failed']).toContain(stateOf(want));
          return { ...step, state: plan[i]?.ends ?? 'failed' };
        });
      }
      expect(runState(steps)).toBe(steps.some((step) => step.state === 'failed') ? 'failed' : 'succeeded');
      for (const step of steps)
        if (step.state === 'skipped' && plan.find((one) => one.key === step.key)?.needs.length === 0)
          expect(step.skippedFor).toBeNull();
      for (const step of steps)
        if (step.skippedFor !== null) expect(steps.find((one) => one.key === step.skippedFor)?.state).toBe('failed');
    }),
  );
});
