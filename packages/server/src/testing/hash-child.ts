/**
 * Prints the niceness of the hash thread, as JSON: after a digest of the file `argv[2]` that nobody waits for, while it follows the file
 * `argv[3]` (`argv[4]` ms at most), one value for each change, and after a digest that somebody waits for.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { HashPool } from '../blobs/disk/hash-pool.ts';

/** Field 19 of proc_pid_stat(5). */
function hashThreadNice(): number | undefined {
  const stats = readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/stat`, 'latin1'));
  const stat = stats.find((line) => line.includes('(holdfast-hash)'));
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

const [, , path = '', far = '', followMs = ''] = process.argv;
const { size } = statSync(path);
const pool = new HashPool({ workers: 1, statesMax: 2 });
await pool.digestFile({ path, size, algorithm: 'sha-256', awaited: false }, null);
const background = hashThreadNice();
const following = [background];
const behind = statSync(far).size;
pool.follow('far', far, behind);
for (
  const end = performance.now() + Number(followMs);
  performance.now() < end && following.length < 3;
  await sleep(1)
) {
  const now = hashThreadNice();
  if (now !== following.at(-1)) following.push(now);
}
pool.forget('far');
await pool.hash('upload', path, size);
process.stdout.write(JSON.stringify({ background, following, awaited: hashThreadNice() }));
await pool.close();
