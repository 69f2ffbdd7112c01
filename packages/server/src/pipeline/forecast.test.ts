import { describe, expect, it } from 'vitest';
import type { RunWithSteps, Step, StepState } from '../core/ledger.ts';
import { definePipeline, type StepDefinition } from './definition.ts';
import { forecast, parameterChanges } from './forecast.ts';
import { planRun } from './plan.ts';

const asset = { id: 'a'.repeat(64), size: 1, contentType: 'video/mp4', createdAt: 0 };

function step(name: string, given: Partial<StepDefinition> = {}): StepDefinition {
  return {
    name,
    version: '1',
    class: 'light',
    priority: 0,
    attemptsMax: 1,
    timeoutMs: 1,
    needs: [],
    wants: [],
    params: {},
    paramsSchema: {},
    kind: 'code',
    appliesTo: () => true,
    run: () => Promise.reject(new Error('only planned')),
    ...given,
  };
}

const plan = (steps: StepDefinition[]) => planRun(definePipeline({ name: 'own', steps }), asset);

/** A run of these steps, with the states of its steps by name; `succeeded` when not named. */
function ran(steps: StepDefinition[], states: Record<string, StepState> = {}): RunWithSteps {
  const { pipeline, pipelineVersion, steps: planned } = plan(steps);
  const done = planned.map(
    (one) =>
      ({
        ...one,
        state: states[one.name] ?? 'succeeded',
        reason: states[one.name] ? 'because' : null,
      }) as unknown as Step,
  );
  const run = {
    id: 'r',
    assetId: asset.id,
    pipeline,
    pipelineVersion,
    state: 'succeeded',
    createdAt: 0,
    finishedAt: 0,
  };
  return { ...run, steps: done } as unknown as RunWithSteps;
}

/** What would happen, as `name: action (why)`. */
function told(now: StepDefinition[], ...runs: RunWithSteps[]): string[] {
  return forecast(plan(now), runs).map(({ name, action, why }) => `${name}: ${action} (${why})`);
}

const chain = (probe: Partial<StepDefinition> = {}, scan: Partial<StepDefinition> = {}) => [
  step('probe', { params: { depth: 2 }, ...probe }),
  step('scan', { needs: ['probe'], ...scan }),
  step('apart'),
];

describe('a forecast', () => {
  it('runs everything of an asset without history', () => {
    expect(told(chain())).toEqual(['probe: run (new)', 'scan: run (new)', 'apart: run (new)']);
  });

  it('takes what is there from the ledger, whatever pipeline made it', () => {
    const elsewhere = { ...ran(chain()), pipeline: 'other' };
    expect(told(chain(), elsewhere)).toEqual(
      ['probe', 'scan', 'apart'].map((name) => `${name}: taken (the ledger has it)`),
    );
  });

  it('says which version changed, and what follows from it', () => {
    expect(told(chain({ version: '2' }), ran(chain()))).toEqual([
      'probe: run (version 1 → 2)',
      'scan: run (input probe changed)',
      'apart: taken (the ledger has it)',
    ]);
  });

  it('says which parameters changed', () => {
    const now = chain({ version: '2', params: { depth: 3, mode: { fast: true } } });
    expect(told(now, ran(chain()))[0]).toBe(
      'probe: run (version 1 → 2; parameters changed: depth 2 → 3, mode.fast nothing → true)',
    );
  });

  it('says which inputs are new or gone', () => {
    const wanting = chain({}, { wants: ['text'] });
    wanting.splice(1, 0, step('text'));
    expect(told(wanting, ran(chain()))).toEqual([
      'probe: taken (the ledger has it)',
      'text: run (new)',
      'scan: run (input text is new)',
      'apart: taken (the ledger has it)',
    ]);
    expect(told(chain(), ran(wanting))[1]).toBe('scan: run (its inputs changed)');
  });

  it('compares with the newest run of the same pipeline', () => {
    const [older, newer] = [ran(chain({ version: '1' })), ran(chain({ version: '2' }))];
    const other = { ...ran(chain({ version: '9' })), pipeline: 'other' };
    expect(told(chain({ version: '3' }), other, newer, older)[0]).toBe('probe: run (version 2 → 3)');
    expect(told(chain({ version: '1' }), newer, older)[0]).toBe('probe: taken (the ledger has it)');
  });

  it('leaves what failed or was skipped, and what is under way', () => {
    const run = ran(chain(), { probe: 'failed', scan: 'skipped', apart: 'running' });
    expect(told(chain(), run)).toEqual([
      'probe: stays (failed: because)',
      'scan: stays (skipped: because)',
      'apart: under-way (running)',
    ]);
  });
});

describe('changes of parameters', () => {
  it('are told by path, the first of many, long values cut, those of the environment not at all', () => {
    const before = { command: ['a', ['b', 'c']], env: { TOKEN: 'old secret' }, with: { x: 1 } };
    const after = { command: ['a', ['b', 'd']], env: { TOKEN: 'new secret' }, with: { x: 'y'.repeat(90) } };
    const changes = parameterChanges(before, after);
    expect(changes).toEqual(['command[1][1] "c" → "d"', 'env.TOKEN changed', `with.x 1 → "${'y'.repeat(39)}…`]);
    expect(parameterChanges(before, structuredClone(before))).toEqual([]);
  });
});
