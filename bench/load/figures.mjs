/** What the kernel knows of a server process and of those that it started. Times in seconds, sizes in bytes. */
import { readdirSync, readFileSync } from 'node:fs';

/** Name of Holdfast's hash threads, as the kernel cuts it. */
const hashThreadName = 'holdfast-hash';
const ticksPerSecond = 100;

/** The process, its children, theirs and so on. */
function familyOf(pid) {
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) =>
    readFileSync(`/proc/${pid}/task/${task}/children`, 'latin1').split(' ').filter(Boolean),
  );
  return [pid, ...children.flatMap(familyOf)];
}

function sumOf(pid, read) {
  return familyOf(pid).reduce((sum, one) => sum + read(one), 0);
}

/** CPU of the whole process with all its threads, also ended ones: in the kernel, and in all. */
function processCpu(pid) {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const kernel = Number(fields[12]) / ticksPerSecond;
  return { kernel, all: Number(fields[11]) / ticksPerSecond + kernel };
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
  const hash = familyOf(pid).map(hashThreads);
  return {
    all: sumOf(pid, (one) => processCpu(one).all),
    kernel: sumOf(pid, (one) => processCpu(one).kernel),
    hash: hash.reduce((sum, { cpu }) => sum + cpu, 0),
    hashWaited: hash.reduce((sum, { waited }) => sum + waited, 0),
  };
}

export function cpuBetween(before, after) {
  const hash = after.hash - before.hash;
  return {
    all: after.all - before.all,
    kernel: after.kernel - before.kernel,
    hash,
    apart: after.all - before.all - hash,
    hashWaited: after.hashWaited - before.hashWaited,
  };
}

/** The most memory that the process ever had; of several, the sum of what each had at most. */
export function peakMemory(pid) {
  return sumOf(pid, peakOf);
}

function peakOf(pid) {
  const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
  return Number(line?.[1] ?? 0) * 1024;
}
