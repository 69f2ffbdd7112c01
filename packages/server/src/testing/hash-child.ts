/** Takes two digests of the file `argv[2]`, first one that nobody waits for; prints the niceness of the hash thread after each, as JSON. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { HashPool } from '../blobs/disk/hash-pool.ts';

/** Field 19 of proc_pid_stat(5). */
function hashThreadNice(): number | undefined {
  const stats = readdirSync('/proc/self/task').map((id) => readFileSync(`/proc/self/task/${id}/stat`, 'latin1'));
  const stat = stats.find((line) => line.includes('(holdfast-hash)'));
  return stat === undefined ? undefined : Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]);
}

const [, , path = ''] = process.argv;
const { size } = statSync(path);
const pool = new HashPool({ workers: 1, statesMax: 1 });
await pool.digestFile({ path, size, algorithm: 'sha-256', awaited: false }, null);
const background = hashThreadNice();
await pool.hash('upload', path, size);
process.stdout.write(JSON.stringify({ background, awaited: hashThreadNice() }));
await pool.close();
