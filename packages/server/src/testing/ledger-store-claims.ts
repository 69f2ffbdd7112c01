/** Checks of ledger stores: who gets which step, with what. */
import { expect } from 'vitest';
import type { LedgerStore } from '../core/ports/ledger-store.ts';
import {
  afterLease,
  done,
  graph,
  history,
  type LedgerCheck,
  leaseMs,
  now,
  publish,
  take,
} from './ledger-store-subject.ts';
import { samplePlan, sampleStep, sha256Of, unique } from './sample-upload.ts';

export const claimChecks: readonly LedgerCheck[] = [
  {
    name: 'claims take the due step of the highest priority, then the oldest, of the given classes',
    run: async ({ ledger, uploads }) => {
      const [light, heavy] = [unique('light'), unique('heavy')];
      const plan = (name: string, given: object) =>
        samplePlan([sampleStep(name, { class: light, ...given })], { pipeline: unique('pipeline') });
      const { assetId } = await publish(uploads);
      await ledger.startRun(assetId, plan('young', {}), now - 10);
      await ledger.startRun(assetId, plan('old', {}), now - 20);
      await ledger.startRun(assetId, plan('urgent', { priority: 5 }), now - 5);
      await ledger.startRun(assetId, plan('heavy', { class: heavy, priority: 3 }), now - 5);
      await ledger.startRun(assetId, plan('future', { priority: 9 }), now + 1_000);
      const order: (string | undefined)[] = [];
      const claim = async (classes: readonly string[], at = now) =>
        order.push((await ledger.claim({ holder: 'n', now: at, leaseMs, classes }))?.step.name);
      for (const classes of [[], [unique('other')], [heavy, light], [heavy, light], [light], [light, heavy], [light]])
        await claim(classes);
      await claim([light], now + 1_000);
      expect(order).toEqual([undefined, undefined, 'urgent', 'heavy', 'old', 'young', undefined, 'future']);
    },
  },
  {
    name: 'never more steps of a class run than all nodes together may, however many claim at once',
    run: async ({ ledger, other, uploads }) => {
      const { plan, class: own } = graph({ a: [], b: [], c: [], d: [], e: [], f: [] });
      await publish(uploads, [plan]);
      const request = { now, leaseMs, classes: [unique('other'), own], clusterLimits: { [own]: 2 } };
      const claim = (i: number) => (i % 2 === 0 ? ledger : other).claim({ ...request, holder: `node-${i}` });
      const claims = (await Promise.all(Array.from({ length: 12 }, (_one, i) => claim(i)))).filter(
        (one) => one !== null,
      );
      expect(claims).toHaveLength(2);
      expect(await claim(0)).toBeNull();
      // Room comes with every end, whichever it is.
      const [first, second] = claims;
      if (!first || !second) throw new Error('Two were claimed.');
      await done(ledger, first);
      await ledger.release(second.step.key, second.step.fence, now);
      const next = (await Promise.all(Array.from({ length: 12 }, (_one, i) => claim(i)))).filter((one) => one !== null);
      expect(next).toHaveLength(2);
      // A step whose node fell silent has its place until it is taken back.
      expect(await ledger.claim({ ...request, holder: 'late', now: afterLease })).toBeNull();
      // Nobody asks for a limit: as many as there are.
      expect(await ledger.claim({ holder: 'n', now, leaseMs, classes: [own] })).not.toBeNull();
    },
  },
  {
    name: 'never more steps of a class run than all nodes together may, however they were delivered',
    run: async ({ ledger, other, uploads }) => {
      const names = ['a', 'b', 'c', 'd', 'e', 'f'];
      const { plan, class: own, key } = graph(Object.fromEntries(names.map((name) => [name, []])));
      await publish(uploads, [plan]);
      const request = { holder: 'node', now, leaseMs, clusterLimits: { [own]: 2 } };
      const answers = await Promise.all(
        names.map((name, i) => (i % 2 === 0 ? ledger : other).claimKey(key(name), request)),
      );
      expect(answers.map(({ kind }) => kind).sort()).toEqual(['claimed', 'claimed', 'full', 'full', 'full', 'full']);
    },
  },
  {
    name: 'a claim gives the step, the asset and the results that it needs',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own, key } = graph({ probe: [], scan: [], report: ['probe', 'scan'] });
      const { assetId } = await publish(uploads, [plan], { safeName: 'first name.mp4', createdAt: now });
      const probe = await take(ledger, own, ['probe', 'scan'].toSorted((a, b) => (key(a) < key(b) ? -1 : 1))[0] ?? '');
      expect(probe).toMatchObject({
        step: {
          state: 'running',
          attempt: 1,
          fence: 1,
          leaseHolder: 'node-a',
          leaseUntil: now + leaseMs,
          startedAt: now,
          params: { quality: 'good' },
        },
        asset: { id: assetId, size: 1600 },
        assetName: 'first name.mp4',
        inputs: {},
      });
      const scan = await ledger.claim({ holder: 'node-a', now, leaseMs, classes: [own] });
      const artifact = {
        stepKey: probe.step.key,
        name: 'streams.json',
        contentType: 'application/json',
        size: 12,
        sha256: sha256Of('s'),
      };
      await ledger.succeed(probe.step.key, probe.step.fence, {
        output: { seconds: 1.5, of: ['ü'] },
        artifacts: [artifact],
        now,
      });
      if (scan) await done(ledger, scan, { tags: 2 });
      const report = await take(ledger, own, 'report');
      expect(Object.keys(report.inputs).sort()).toEqual(['probe', 'scan']);
      expect(report.inputs[probe.step.name]).toMatchObject({
        step: { output: { seconds: 1.5, of: ['ü'] } },
        artifacts: [artifact],
      });
      expect(report.inputs[scan?.step.name ?? '']).toMatchObject({ step: { output: { tags: 2 } }, artifacts: [] });
    },
  },
  {
    name: 'two claims never get the same step',
    run: async ({ ledger, other, uploads }) => {
      const own = unique('class');
      const steps = Array.from({ length: 20 }, (_, i) => sampleStep(`s${i}`, { class: own }));
      await publish(uploads, [samplePlan(steps)]);
      const claims = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
          (i % 2 === 0 ? ledger : other).claim({ holder: `n${i}`, now, leaseMs, classes: [own] }),
        ),
      );
      const keys = claims.flatMap((claim) => claim?.step.key ?? []);
      expect(new Set(keys).size).toBe(keys.length);
      // Those that lost a race may have gone away empty, but no step is forgotten.
      for (
        let claim = await ledger.claim({ holder: 'n', now, leaseMs, classes: [own] });
        claim;
        claim = await ledger.claim({ holder: 'n', now, leaseMs, classes: [own] })
      )
        keys.push(claim.step.key);
      expect(keys.toSorted()).toEqual(steps.map((step) => step.key).toSorted());
    },
  },
  {
    name: 'a step whose inputs end at the same time in two processes is not forgotten',
    run: async ({ ledger, other, uploads }) => {
      for (let round = 0; round < 10; round += 1) {
        const { plan, class: own } = graph({ a: [], b: [], c: ['a', 'b'] });
        const { assetId } = await publish(uploads, [plan]);
        const [one, two] = [
          await ledger.claim({ holder: 'x', now, leaseMs, classes: [own] }),
          await other.claim({ holder: 'y', now, leaseMs, classes: [own] }),
        ];
        if (!one || !two) throw new Error('Both are due.');
        expect(await Promise.all([done(ledger, one), done(other, two)])).toEqual(['applied', 'applied']);
        const [run] = await ledger.runsOf(assetId);
        expect(run?.steps.map((step) => step.state)).toEqual(['succeeded', 'succeeded', 'pending']);
        await done(ledger, await take(ledger, own, 'c'));
        expect((await history(uploads, run?.id ?? '')).filter((type) => type === 'run.succeeded')).toHaveLength(1);
      }
    },
  },
  {
    name: 'artifacts are recorded with the result, and only the last attempt counts',
    run: async ({ ledger, uploads }) => {
      const { plan, class: own, key } = graph({ a: [] });
      const { assetId } = await publish(uploads, [plan]);
      const artifact = (name: string) => ({
        stepKey: key('a'),
        name,
        contentType: 'image/jpeg',
        size: 2 ** 40,
        sha256: sha256Of(name),
      });
      const claim = await take(ledger, own, 'a');
      await ledger.succeed(claim.step.key, claim.step.fence, {
        output: {},
        artifacts: [artifact('b.jpg'), artifact('a.jpg')],
        now,
      });
      expect(await ledger.artifacts(assetId)).toEqual([artifact('a.jpg'), artifact('b.jpg')]);
      expect(await ledger.allArtifacts({ stepKey: key('a'), name: 'a.jpg' }, 1)).toEqual([artifact('b.jpg')]);
      const everything = await ledger.allArtifacts(null, 100_000);
      expect(everything).toEqual(expect.arrayContaining([artifact('a.jpg'), artifact('b.jpg')]));
      const order = everything.map((one) => `${one.stepKey} ${one.name}`);
      expect(order).toEqual(order.toSorted());
    },
  },
  {
    name: 'a step is claimed by its key once it is due, and only once',
    run: async ({ ledger, other, uploads, control }) => {
      const { plan, class: own, key } = graph({ a: [], b: ['a'] });
      await publish(uploads, [plan]);
      const ask = (store: LedgerStore, name: string, at = now) =>
        store.claimKey(key(name), { holder: 'node-a', now: at, leaseMs });
      expect(await ask(ledger, 'nobody')).toEqual({ kind: 'gone' });
      expect(await ask(ledger, 'b')).toEqual({ kind: 'gone' });
      await control.pauseClass(own, { by: 'ann', now });
      expect(await ask(ledger, 'a')).toEqual({ kind: 'full' });
      await control.resumeClass(own);
      const noRoom = { holder: 'node-a', now, leaseMs, clusterLimits: { [own]: 0 } };
      expect(await ledger.claimKey(key('a'), noRoom)).toEqual({ kind: 'full' });
      const answers = await Promise.all([ask(ledger, 'a'), ask(other, 'a'), ask(ledger, 'a'), ask(other, 'a')]);
      const claims = answers.flatMap((answer) => (answer.kind === 'claimed' ? answer.claim : []));
      expect(claims.map((claim) => claim.step)).toMatchObject([
        { name: 'a', state: 'running', attempt: 1, fence: 1, leaseHolder: 'node-a', leaseUntil: now + leaseMs },
      ]);
      expect(answers.filter((answer) => answer.kind === 'gone')).toHaveLength(3);
      const retryAt = now + 5_000;
      await ledger.fail(key('a'), 1, { reason: 'busy', retryAt, now });
      expect(await ask(other, 'a')).toEqual({ kind: 'later', notBefore: retryAt });
      expect(await ask(other, 'a', retryAt)).toMatchObject({
        kind: 'claimed',
        claim: { step: { attempt: 2, fence: 2 } },
      });
    },
  },
  {
    name: 'due steps are listed page by page in the order in which they became due',
    run: async ({ ledger, uploads, control }) => {
      const own = unique('class');
      const paused = unique('class');
      const step = (name: string, given: object = {}) => sampleStep(name, { class: own, priority: 7, ...given });
      const steps = [step('first'), step('second'), step('third'), step('fourth'), step('apart', { class: paused })];
      const { assetId } = await publish(uploads);
      for (const [i, one] of steps.entries())
        await ledger.startRun(assetId, samplePlan([one], { pipeline: unique('pipeline') }), now + i);
      await control.pauseClass(paused, { by: 'ann', now });
      const page = async (after: { key: string; notBefore: number } | null, limit: number) =>
        ledger.dueSteps({ classes: [own, paused], now: now + 2, after, limit });
      const first = await page(null, 2);
      const rest = await page(first.at(-1) ?? null, 10);
      const listed = (i: number) => ({ key: steps[i]?.key, class: own, priority: 7, notBefore: now + i });
      expect([first, rest]).toEqual([[listed(0), listed(1)], [listed(2)]]);
      expect(await ledger.dueSteps({ classes: [], now, after: null, limit: 10 })).toEqual([]);
      await control.resumeClass(paused);
    },
  },
];
