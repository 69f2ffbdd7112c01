/**
 * A node that can be killed: `node pipeline-child.ts <dir> <crash point or -> <long or short>`. Runs the chain one → two → three over the
 * directory's ledger; kills itself with SIGKILL at the crash point, for step `two` only.
 */
import { noCrashPoints } from '../src/core/ports/crash-points.ts';
import { Bench, untilAborted } from './pipeline-bench.ts';
import { chain } from './pipeline-chain.ts';

const [dir = '', point = '-', length = 'short'] = process.argv.slice(2);
const bench = await Bench.open(dir);
const steps = chain(bench.log, length === 'long' ? ({ signal }) => untilAborted(signal) : undefined);
let seen = 0;
const crashPoints =
  point === '-'
    ? noCrashPoints
    : (name: string) => {
        if (name !== point) return;
        seen += 1;
        // Once for each step: the second time is step two.
        if (seen === 2) process.kill(process.pid, 'SIGKILL');
      };
await bench.runner(steps, { crashPoints }).start();
// Timers of the runner do not keep a process alive; a server's sockets do.
setInterval(() => {}, 1_000);
