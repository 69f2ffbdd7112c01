/** A node that can be killed: `node dispatch-child.ts <options as JSON>`. Says on standard output what its steps do. */
import { access } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProcessOptions, Work } from '../src/testing/dispatcher-subject.ts';
import { openPlace, type Place, silent, startTestNode } from './dispatch-node.ts';

const options = JSON.parse(process.argv[2] ?? '{}') as ProcessOptions & {
  readonly dir: string;
  readonly place: Place;
  /** There once its steps may end. */
  readonly releaseFile: string;
  readonly pollMs?: number;
};
const { dir, place, holder, leaseMs, crashAt, holds = false, pollMs } = options;

const state = await openPlace(place, holder);

async function work({ id }: Work): Promise<void> {
  process.stdout.write(`${id} start\n`);
  // On purpose without looking at the signal: it is too late for it where it matters.
  while (
    holds &&
    !(await access(options.releaseFile).then(
      () => true,
      () => false,
    ))
  )
    await sleep(20);
}

await startTestNode({
  dir,
  place,
  ledger: state.ledger,
  holder,
  places: { [options.class]: 1 },
  leaseMs,
  ...(pollMs === undefined ? {} : { pollMs }),
  work,
  crashPoints: (name) => {
    if (name === crashAt) process.kill(process.pid, 'SIGKILL');
  },
  log: {
    ...silent,
    info: (facts) => {
      if (facts['end'] !== undefined) process.stdout.write(`ended ${String(facts['end'])}\n`);
    },
  },
});
// Timers of the runner do not keep a process alive; a server's sockets do.
setInterval(() => {}, 1_000);
