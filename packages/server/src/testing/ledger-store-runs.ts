/** Checks of ledger stores: runs, and when they end. */
import { expect } from 'vitest';
import type { StepPlan } from '../core/ledger.ts';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import {
  done,
  eventsOf,
  graph,
  history,
  type LedgerCheck,
  nothingDue,
  now,
  publish,
  states,
  take,
} from './ledger-store-subject.ts';
import { samplePlan, sampleStep, sha256Of, unique } from './sample-upload.ts';

/** The first step's plan as it is to be found in the step. */
function withoutNeeds([step]: readonly StepPlan[]): object {
  const { needs: _, wants: _w, ...kept } = step ?? sampleStep('');
  return kept;
}

export const runChecks: readonly LedgerCheck[] = [
  {
    name: 'a run is created once for an asset, a pipeline and a version',
    run: async ({ ledger, other, uploads }) => {
      const { assetId } = await publish(uploads);
      const { plan } = graph({ probe: [], thumbnail: ['probe'] });
      const ids = await Promise.all([ledger, other, ledger, other].map((one) => one.startRun(assetId, plan, now)));
      expect(new Set(ids).size).toBe(1);
      const runId = ids[0] ?? '';
      expect(await ledger.findRun(runId)).toMatchObject({
        id: runId,
        assetId,
        pipeline: plan.pipeline,
        pipelineVersion: '1',
        state: 'running',
        createdAt: now,
        finishedAt: null,
        steps: [
          {
            ...withoutNeeds(plan.steps),
            assetId,
            state: 'pending',
            attempt: 0,
            fence: 0,
            progress: 0,
            output: null,
            reason: null,
            leaseHolder: null,
          },
          { name: 'thumbnail', state: 'blocked' },
        ],
      });
      expect(await history(uploads, runId)).toEqual(['run.created']);
      expect((await ledger.runsOf(assetId)).map((run) => run.id)).toEqual([runId]);
      const second = await ledger.startRun(assetId, { ...plan, pipelineVersion: '2' }, now + 1);
      expect(second).not.toBe(runId);
      expect((await ledger.runsOf(assetId)).map((run) => run.id)).toEqual([second, runId]);
    },
  },
  {
    name: 'there are no runs of what is not there, and no plans that cannot end',
    run: async ({ ledger, uploads }) => {
      await expect(ledger.startRun(sha256Of(unique('x')), samplePlan([]), now)).rejects.toMatchObject({
        code: 'asset-not-found',
      });
      expect(await ledger.findRun(unique('run'))).toBeNull();
      expect(await ledger.runsOf(sha256Of(unique('x')))).toEqual([]);
      const { assetId } = await publish(uploads);
      for (const needs of [{ a: ['missing'] }, { a: ['b'], b: ['a'] }])
        await expect(ledger.startRun(assetId, graph(needs).plan, now)).rejects.toThrow();
      expect(await ledger.runsOf(assetId)).toEqual([]);
    },
  },
  {
    name: 'runs that an upload starts belong to its principal',
    run: async ({ ledger, uploads }) => {
      const { plan } = graph({ probe: [] });
      const { assetId, principal } = await publish(uploads, [plan]);
      const [run] = await ledger.runsOf(assetId);
      expect(run).toMatchObject({ pipeline: plan.pipeline, state: 'running' });
      expect(await uploads.events({ principal, after: 0, limit: 10 })).toMatchObject([
        { subject: 'run', subjectId: run?.id, type: 'run.created', seq: 1 },
      ]);
      expect(await ledger.startRun(assetId, plan, now)).toBe(run?.id);
    },
  },
  {
    name: 'a run ends when its last step ends, and tells so once',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: ['a'] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      expect(await done(ledger, await take(ledger, own, 'a'))).toBe('applied');
      expect(await states(ledger, runId)).toEqual({ run: 'running', a: 'succeeded', b: 'pending' });
      expect(await done(ledger, await take(ledger, own, 'b'))).toBe('applied');
      expect(await states(ledger, runId)).toEqual({ run: 'succeeded', a: 'succeeded', b: 'succeeded' });
      expect((await ledger.findRun(runId))?.finishedAt).toBe(now);
      expect(await history(uploads, runId)).toEqual([
        'run.created',
        'step.started a',
        'step.succeeded a',
        'step.started b',
        'step.succeeded b',
        'run.succeeded',
      ]);
      expect((await eventsOf(uploads, runId)).map((event) => event.seq)).toEqual([1, 2, 3, 4, 5, 6]);
      const empty = await ledger.startRun(assetId, samplePlan([]), now);
      expect(await states(ledger, empty)).toEqual({ run: 'succeeded' });
    },
  },
  {
    name: 'a result is shared by all runs whose plan has the same step',
    run: async ({ ledger, uploads }) => {
      const own = unique('class');
      const shared = sampleStep('probe', { class: own });
      const plan = samplePlan([shared, sampleStep('old', { class: unique('class'), needs: ['probe'] })]);
      const { assetId } = await publish(uploads, [plan]);
      const [first] = await ledger.runsOf(assetId);
      const claim = await take(ledger, own, 'probe');
      const during = await ledger.startRun(assetId, samplePlan([shared], { pipelineVersion: '2' }), now);
      await done(ledger, claim, { seconds: 9 });
      expect(await states(ledger, during)).toEqual({ run: 'succeeded', probe: 'succeeded' });
      const renewed = unique('class');
      const after = await ledger.startRun(
        assetId,
        samplePlan([shared, sampleStep('new', { class: renewed, needs: ['probe'] })], { pipelineVersion: '3' }),
        now,
      );
      expect(await states(ledger, after)).toEqual({ run: 'running', probe: 'succeeded', new: 'pending' });
      await nothingDue(ledger, own);
      expect((await take(ledger, renewed, 'new')).inputs['probe']?.step.output).toEqual({ seconds: 9 });
      expect(await states(ledger, first?.id ?? '')).toEqual({ run: 'running', probe: 'succeeded', old: 'pending' });
      expect(await history(uploads, during)).toEqual(['run.created', 'step.succeeded probe', 'run.succeeded']);
    },
  },
  {
    name: 'runs are listed for those who own the asset, newest first',
    run: async ({ ledger, uploads }) => {
      const principal = unique('principal');
      const ids: string[] = [];
      for (let i = 0; i < 5; i += 1) {
        const { assetId } = await publish(uploads, [], { principal });
        ids.unshift(await ledger.startRun(assetId, i === 3 ? samplePlan([]) : graph({ a: [] }).plan, now + i));
      }
      await publish(uploads, [graph({ a: [] }).plan]);
      for (const limit of [1, 2, 5, 9]) {
        const found: string[] = [];
        let cursor: string | null = null;
        do {
          const page: Awaited<ReturnType<LedgerStore['listRuns']>> = await ledger.listRuns({
            principal,
            limit,
            ...(cursor === null ? {} : { cursor }),
          });
          found.push(...page.items.map((run) => run.id));
          cursor = page.cursor;
        } while (cursor !== null);
        expect(found).toEqual(ids);
      }
      const some = async (query: object): Promise<string[]> =>
        (await ledger.listRuns({ principal, limit: 10, ...query })).items.map((run) => run.id);
      expect(await some({ since: now + 3 })).toEqual(ids.slice(0, 2));
      expect(await some({ state: 'succeeded' })).toEqual([ids[1]]);
      expect(await some({ state: 'running', since: now + 2 })).toEqual([ids[0], ids[2]]);
      expect(await some({ principal: unique('stranger') })).toEqual([]);
      await expect(ledger.listRuns({ principal, limit: 1, cursor: 'x' })).rejects.toMatchObject({
        code: 'invalid-request',
      });
    },
  },
  {
    name: 'a reason in the words of a foreign program is recorded, whatever bytes are in it',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: [] });
      const { assetId } = await publish(uploads);
      const runId = await ledger.startRun(assetId, plan, now);
      const said = 'no such\u0000 codec \u001b[31mred \ud83d';
      const a = (await take(ledger, own, 'a')).step;
      expect(await ledger.fail(a.key, a.fence, { reason: said, retryAt: null, now })).toBe('applied');
      const b = (await take(ledger, own, 'b')).step;
      expect(await ledger.skip(b.key, b.fence, { reason: said, lacks: null, now })).toBe('applied');
      const reason = 'no such� codec red �';
      expect((await ledger.findRun(runId))?.steps).toMatchObject([
        { state: 'failed', reason },
        { state: 'skipped', reason },
      ]);
    },
  },
];
