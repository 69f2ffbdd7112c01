/** Checks of dispatchers: nodes that are processes of their own and are killed, or stopped and woken up again. */
import { expect } from 'vitest';
import { begin, type DispatcherCheck, ended, stateOf, steps, until } from './dispatcher-subject.ts';
import { unique } from './sample-upload.ts';

/** Where a node is killed, and how often its step has then been worked on in the end. */
const points = [
  ['step:after-delivery', 1],
  ['step:after-claim', 1],
  ['step:after-run', 2],
  ['step:after-commit', 1],
] as const;

export const processChecks: readonly DispatcherCheck[] = [
  {
    name: 'a node is killed wherever it is with a step: once it is back the step is done, again only if its result was not recorded',
    run: async (subject) => {
      // All at once, each with a class of its own: starting a process is what takes time.
      await Promise.all(
        points.map(async ([crashAt, times]) => {
          const plan = steps([crashAt.replace(':', '-')]);
          const own = plan[0]?.class ?? '';
          const holder = unique('killed');
          const runs = await begin(subject, plan);
          const killed = await subject.process({ holder, class: own, leaseMs: 60_000, crashAt });
          await killed.ended;
          const before = times === 2 || crashAt === 'step:after-commit' ? 1 : 0;
          let worked = before;
          const work = async () => {
            worked += 1;
          };
          await subject.node({ holder, places: { [own]: 1 }, leaseMs: 60_000, work });
          const [step] = await ended(subject, runs);
          expect([crashAt, step?.state, worked]).toEqual([crashAt, 'succeeded', times]);
        }),
      );
    },
  },
  {
    name: 'the step of a node that is killed for good goes to another when its lease has ended',
    run: async (subject) => {
      const plan = steps(['left behind']);
      const own = plan[0]?.class ?? '';
      const runs = await begin(subject, plan);
      const killed = await subject.process({ holder: unique('killed'), class: own, leaseMs: 1_000, holds: true });
      await killed.says('left behind start');
      const other = unique('other');
      await subject.node({ holder: other, places: { [own]: 1 }, leaseMs: 1_000, work: async () => {} });
      killed.signal('SIGKILL');
      await killed.ended;
      expect(await ended(subject, runs)).toMatchObject([{ state: 'succeeded', attempt: 1, fence: 2 }]);
    },
  },
  {
    name: 'a node that was stopped and comes back after its lease has ended changes nothing',
    run: async (subject) => {
      const plan = steps(['zombie']);
      const own = plan[0]?.class ?? '';
      const [run] = await begin(subject, plan);
      const zombie = await subject.process({ holder: unique('zombie'), class: own, leaseMs: 1_000, holds: true });
      await zombie.says('zombie start');
      zombie.signal('SIGSTOP');
      let done = () => {};
      const held = new Promise<void>((resolve) => {
        done = resolve;
      });
      const other = unique('other');
      await subject.node({ holder: other, places: { [own]: 1 }, leaseMs: 1_000, work: () => held });
      await until(subject, 'another has it', async () => (await stateOf(subject, run))?.leaseHolder === other);
      await zombie.release();
      zombie.signal('SIGCONT');
      await zombie.says('ended lost');
      expect(await stateOf(subject, run)).toMatchObject({ state: 'running', leaseHolder: other, fence: 2 });
      done();
      const [step] = await ended(subject, run === undefined ? [] : [run]);
      expect(step).toMatchObject({ state: 'succeeded', fence: 2, output: { by: other } });
      zombie.signal('SIGKILL');
      await zombie.ended;
    },
  },
];
