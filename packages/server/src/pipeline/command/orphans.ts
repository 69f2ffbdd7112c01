/**
 * Commands of a server that was killed live on, with what they have started. Each carries the scratch folder of its step in its
 * environment, so the next server of the same data folder finds and ends them before it runs their steps again. Linux only: elsewhere
 * there is no /proc, and they end when they are done.
 */
import { readdir, readFile } from 'node:fs/promises';
import type { StepLog } from '../context.ts';
import { scratchVariable } from './command-line.ts';

/** Call it while this process holds the lock of the data folder and runs no step. Resolves to how many were ended. */
export async function endOrphans(scratchRoot: string, log: StepLog): Promise<number> {
  const found = await processesOf(`${scratchVariable}=${scratchRoot}/`);
  let ended = 0;
  for (const pid of found) {
    try {
      process.kill(pid, 'SIGKILL');
      ended += 1;
    } catch {
      // It has ended by itself meanwhile.
    }
  }
  if (ended > 0) log.warn({ ended }, 'ended commands that an earlier server had left running');
  return ended;
}

async function processesOf(marker: string): Promise<number[]> {
  const names = await readdir('/proc').catch(() => []);
  const pids = names.filter((name) => /^\d+$/.test(name)).map(Number);
  const found: number[] = [];
  for (const pid of pids) {
    if (pid === process.pid) continue;
    // Those of other users cannot be read, and are not ours.
    const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
    if (environment.split('\0').some((entry) => entry.startsWith(marker))) found.push(pid);
  }
  return found;
}
