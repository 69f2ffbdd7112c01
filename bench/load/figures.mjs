/** What the kernel knows of a server process. Times in seconds, sizes in bytes. */
import { readdirSync, readFileSync } from 'node:fs';

/** Name of Holdfast's hash threads, as the kernel cuts it. */
const hashThreadName = 'holdfast-hash';
const ticksPerSecond = 100;

/** CPU of the whole process with all its threads, also ended ones. */
function processCpu(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** CPU of the threads that hash in the background, and how long they waited for a core; to the nanosecond. */
function hashThreads(pid) {
  let cpu = 0;
  let waited = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      if (readFileSync(`/proc/${pid}/task/${task}/comm`, 'latin1').trim() !== hashThreadName) continue;
      const [onCpu, runnable] = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ');
      cpu += Number(onCpu) / 1e9;
      waited += Number(runnable) / 1e9;
    } catch (error) {
      // A thread that ended meanwhile.
      if (error.code !== 'ENOENT' && error.code !== 'ESRCH') throw error;
    }
  }
  return { cpu, waited };
}

/** CPU seconds so far: of everything, and of background hashing. */
export function cpuOf(pid) {
  const hash = hashThreads(pid);
  return { all: processCpu(pid), hash: hash.cpu, hashWaited: hash.waited };
}

export function cpuBetween(before, after) {
  const hash = after.hash - before.hash;
  return {
    all: after.all - before.all,
    hash,
    apart: after.all - before.all - hash,
    hashWaited: after.hashWaited - before.hashWaited,
  };
}

/** The most memory that the process ever had. */
export function peakMemory(pid) {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1] ?? 0) * 1024;
}
