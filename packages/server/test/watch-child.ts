/** Takes what is in a folder and is killed at a crash point: `node watch-child.ts <dir> <crash point> <completed folder>`. */
import { WatchBench } from './watch-bench.ts';

const [dir = '', point = '', completedDir = ''] = process.argv.slice(2);
// Timers of the watcher do not keep a process alive; a server's sockets do.
setInterval(() => {}, 1_000);
const watch = await WatchBench.open(dir, {
  folder: { outcome: 'move', completedDir },
  crash: (name) => {
    if (name === point) process.kill(process.pid, 'SIGKILL');
  },
});
await watch.run();
process.exit(0);
