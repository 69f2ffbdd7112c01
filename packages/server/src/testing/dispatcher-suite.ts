/**
 * The conformance suite of dispatchers: whatever delivers steps, and however often nodes die or messages are lost, each due step is run, once,
 * by one that holds it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Fixture, registerSuite, type Suite } from './conformance.ts';
import { processChecks } from './dispatcher-process-checks.ts';
import {
  begin,
  type DispatcherCheck,
  type Dispatchers,
  ended,
  stateOf,
  steps,
  until,
  untilAborted,
  type Work,
} from './dispatcher-subject.ts';
import { publish } from './ledger-store-subject.ts';
import { samplePlan, sampleStep, unique } from './sample-upload.ts';

const names = (count: number) => Array.from({ length: count }, (_, i) => `s${i}`);
/** How long a step stays that is to be met by one that should not be there. */
const lingerMs = 400;

const placesOf = (plan: readonly { readonly class: string }[], count: number) => ({ [plan[0]?.class ?? '']: count });

const deliveryChecks: readonly DispatcherCheck[] = [
  {
    name: 'each due step is run once, and what needs it after it, by whatever node',
    run: async (subject) => {
      const own = unique('class').slice(0, 40);
      const ran: string[] = [];
      const node = (holder: string) =>
        subject.node({ holder: unique(holder), places: { [own]: 2 }, work: async ({ id }) => void ran.push(id) });
      await Promise.all([node('one'), node('two')]);
      const step = (id: string, needs: readonly string[] = []) => sampleStep(id, { class: own, params: { id }, needs });
      const plan = samplePlan([step('a'), step('b', ['a']), step('c', ['a']), step('d', ['b', 'c'])]);
      const runs: string[] = [];
      for (let i = 0; i < 4; i += 1) {
        const fresh = plan.steps.map((one) => ({ ...one, key: unique('step') }));
        const { assetId } = await publish(subject.uploads, [{ ...plan, steps: fresh }]);
        runs.push(...(await subject.ledger.runsOf(assetId)).map((run) => run.id));
      }
      const found = await ended(subject, runs);
      expect(found.map((one) => [one.state, one.attempt])).toEqual(Array(16).fill(['succeeded', 1]));
      expect(ran.toSorted()).toEqual(['a', 'b', 'c', 'd'].flatMap((id) => Array(4).fill(id)));
    },
  },
  {
    name: 'those of a higher priority come first, then those that were there first',
    run: async (subject) => {
      const [plan] = [steps(['low', 'high', 'middle', 'second high'])];
      const ranked = plan.map((step, i) => ({ ...step, priority: [1, 9, 5, 9][i] ?? 0 }));
      const runs = await begin(subject, ranked);
      const ran: string[] = [];
      await subject.node({
        holder: unique('node'),
        places: placesOf(plan, 1),
        work: async ({ id }) => void ran.push(id),
      });
      await ended(subject, runs);
      expect(ran).toEqual(['high', 'second high', 'middle', 'low']);
    },
  },
  {
    name: 'a step that failed comes again when it is due again, and not earlier',
    run: async (subject) => {
      const plan = steps(['once more']);
      const times: number[] = [];
      const work = async () => {
        times.push(Date.now());
        if (times.length === 1) throw new Error('not yet');
      };
      await subject.node({ holder: unique('node'), places: placesOf(plan, 1), work });
      const [step] = await ended(subject, await begin(subject, plan));
      expect(step).toMatchObject({ state: 'succeeded', attempt: 2 });
      expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(490);
    },
  },
  {
    name: 'no more of a class run at once on a node than it has places for, however often they are delivered',
    run: async (subject) => {
      const plan = steps(names(10));
      let [running, most, begun] = [0, 0, 0];
      const two = Promise.withResolvers<void>();
      const work = async () => {
        running += 1;
        most = Math.max(most, running);
        if (most > 1) two.resolve();
        // However slow the machine is, the second place is taken while the first one is.
        await Promise.race([two.promise, sleep(10_000)]);
        // The first ones stay long enough to be met by one that there is no place for.
        begun += 1;
        await sleep(begun <= 2 ? lingerMs : 10);
        running -= 1;
      };
      await subject.node({ holder: unique('node'), places: placesOf(plan, 2), work });
      const runs = await begin(subject, plan);
      for (const step of plan) await subject.repeatMessage(step);
      await ended(subject, runs);
      expect(most).toBe(2);
    },
  },
  {
    name: 'no more of a class run at once on all nodes together than may, and all of them are run',
    run: async (subject) => {
      const plan = steps(names(6));
      let [running, most, begun] = [0, 0, 0];
      const work = async () => {
        running += 1;
        most = Math.max(most, running);
        begun += 1;
        await sleep(begun === 1 ? lingerMs : 10);
        running -= 1;
      };
      const runs = await begin(subject, plan);
      const shares = { places: placesOf(plan, 2), clusterPlaces: placesOf(plan, 1), work };
      for (const holder of ['one', 'two']) await subject.node({ holder: unique(holder), ...shares });
      await ended(subject, runs);
      expect(most).toBe(1);
    },
  },
  {
    name: 'a step that is delivered again while it runs, and after it has ended, is not run again',
    run: async (subject) => {
      const plan = steps(['once', 'and another']);
      const ran: string[] = [];
      let go = () => {};
      const held = new Promise<void>((resolve) => {
        go = resolve;
      });
      const work = async ({ id }: Work) => {
        ran.push(id);
        if (id === 'once') await held;
      };
      await subject.node({ holder: unique('node'), places: placesOf(plan, 2), work });
      await subject.node({ holder: unique('other'), places: placesOf(plan, 2), work });
      const [once, another] = plan;
      if (once === undefined || another === undefined) throw new Error('There are two.');
      const runs = await begin(subject, [once]);
      await until(subject, 'it runs', () => ran.length === 1);
      await subject.repeatMessage(once);
      // What was delivered before another step that runs has been dealt with.
      runs.push(...(await begin(subject, [another])));
      await until(subject, 'the other one runs', () => ran.includes('and another'));
      go();
      expect((await ended(subject, runs)).map((step) => step.attempt)).toEqual([1, 1]);
      await subject.repeatMessage(once);
      await ended(subject, await begin(subject, [{ ...another, key: unique('step'), params: { id: 'the last' } }]));
      expect(ran).toEqual(['once', 'and another', 'the last']);
    },
  },
  {
    name: 'what is due is run although all messages were lost',
    run: async (subject) => {
      const plan = steps(names(4));
      const ran: string[] = [];
      let go = () => {};
      const held = new Promise<void>((resolve) => {
        go = resolve;
      });
      const work = async ({ id }: Work) => {
        ran.push(id);
        await held;
      };
      await subject.node({ holder: unique('node'), places: placesOf(plan, 1), leaseMs: 1_500, work });
      const runs = await begin(subject, plan);
      await until(subject, 'the first runs', () => ran.length === 1);
      await subject.loseMessages();
      go();
      await ended(subject, runs);
      expect(ran.toSorted()).toEqual(names(4));
    },
  },
];

const controlChecks: readonly DispatcherCheck[] = [
  {
    name: 'a cancelled step lets go where it runs, and is not started where it waits',
    run: async (subject) => {
      const plan = steps(['runs', 'waits']);
      const ran: string[] = [];
      const work = (of: Work) => {
        ran.push(of.id);
        return untilAborted(of);
      };
      await subject.node({ holder: unique('node'), places: placesOf(plan, 1), work });
      const runs = await begin(subject, plan);
      await until(subject, 'it runs', () => ran.length === 1);
      for (const step of plan) await subject.control.cancelStep(step.key, { by: 'ann', now: Date.now() });
      expect((await ended(subject, runs)).map((step) => step.state)).toEqual(['cancelled', 'cancelled']);
      expect(ran).toEqual(['runs']);
    },
  },
  {
    name: 'nothing of a paused class is started until it goes on, and then all of it is',
    run: async (subject) => {
      const plan = steps(names(3));
      const [own, other] = [plan[0]?.class ?? '', unique('class').slice(0, 40)];
      const ran: string[] = [];
      const work = async ({ id }: Work) => void ran.push(id);
      await subject.control.pauseClass(own, { by: 'ann', now: Date.now() });
      await subject.node({ holder: unique('node'), places: { [own]: 2, [other]: 1 }, work });
      const runs = await begin(subject, plan);
      await ended(subject, await begin(subject, steps(['of another class'], { class: other })));
      await subject.control.resumeClass(own);
      await ended(subject, runs);
      expect(ran[0]).toBe('of another class');
      expect(ran.slice(1).toSorted()).toEqual(names(3));
    },
  },
  {
    name: 'a node that stops gives back what it runs, and another takes it up soon',
    run: async (subject) => {
      const plan = steps(['given back']);
      const runs = await begin(subject, plan);
      let began = false;
      const work = (of: Work) => {
        began = true;
        return untilAborted(of);
      };
      const first = await subject.node({ holder: unique('first'), places: placesOf(plan, 1), work });
      await until(subject, 'it runs', () => began);
      const second = await subject.node({ holder: unique('second'), places: placesOf(plan, 1), work: async () => {} });
      await first.stop();
      expect(first.active).toBe(0);
      expect(await ended(subject, runs)).toMatchObject([{ state: 'succeeded', attempt: 1, fence: 2 }]);
      await second.stop();
      await second.stop();
      const [left] = await begin(subject, steps(['left'], { class: plan[0]?.class ?? '' }));
      await sleep(300);
      expect((await stateOf(subject, left))?.state).toBe('pending');
    },
  },
  {
    name: 'the database may be killed in the middle: what ran is recorded, and what waits is run',
    run: async (subject) => {
      const plan = steps(['runs', 'waits']);
      const ran: string[] = [];
      let go = () => {};
      const held = new Promise<void>((resolve) => {
        go = resolve;
      });
      const work = async ({ id }: Work) => {
        ran.push(id);
        await held;
      };
      await subject.node({ holder: unique('node'), places: placesOf(plan, 1), work });
      const runs = await begin(subject, plan);
      await until(subject, 'it runs', () => ran.length === 1);
      const restarted = subject.restartDatabase();
      go();
      await restarted;
      expect((await ended(subject, runs)).map((step) => [step.state, step.attempt])).toEqual([
        ['succeeded', 1],
        ['succeeded', 1],
      ]);
      expect(ran).toEqual(['runs', 'waits']);
    },
  },
];

export const dispatcherChecks: readonly DispatcherCheck[] = [...deliveryChecks, ...controlChecks, ...processChecks];

export function dispatcherSuite(name: string, open: () => Promise<Fixture<Dispatchers>>): Suite<Dispatchers> {
  return { name: `Dispatcher ${name}`, checks: dispatcherChecks, open };
}

/** Registers the suite for a dispatcher: `open` gives nodes over a ledger of their own. */
export function registerDispatcherSuite(name: string, open: () => Promise<Fixture<Dispatchers>>): void {
  registerSuite(dispatcherSuite(name, open));
}
