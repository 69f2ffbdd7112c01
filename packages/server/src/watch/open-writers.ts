/**
 * Files that a process on this machine has open for writing, from /proc (Linux). Sees processes of the same user, or all as root; writers on
 * other machines not at all. Measured: size and times alone take a file in the middle of a copy that stalls; this waits for the end.
 */
import { readdir, readFile, readlink, stat } from 'node:fs/promises';
import type { Uptime } from '../core/ports/uptime.ts';
import type { FileFacts } from '../core/watch.ts';

/** A look at all processes is shared by files that ask within this time … */
const freshMs = 500;
/** … or within this many times what it took, so that a machine with many processes spends little on it. */
const freshTimes = 5;
const accessModes = 0o3;

export class OpenWriters {
  readonly #uptime: Uptime;
  #freshUntil = Number.NEGATIVE_INFINITY;
  #look: Promise<ReadonlyMap<string, number>> = Promise.resolve(new Map());

  constructor(uptime: Uptime) {
    this.#uptime = uptime;
  }

  /** A process that has the file open for writing; null when none is seen. */
  async writerOf(facts: Pick<FileFacts, 'device' | 'inode'>): Promise<number | null> {
    if (this.#uptime.now() > this.#freshUntil) {
      this.#freshUntil = Number.POSITIVE_INFINITY;
      const began = this.#uptime.now();
      this.#look = lookAround().finally(() => {
        const ended = this.#uptime.now();
        this.#freshUntil = ended + Math.max(freshMs, (ended - began) * freshTimes);
      });
    }
    return (await this.#look).get(`${facts.device}:${facts.inode}`) ?? null;
  }
}

async function lookAround(): Promise<ReadonlyMap<string, number>> {
  const writers = new Map<string, number>();
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const fds = await readdir(`/proc/${pid}/fd`).catch(() => []);
    await Promise.all(fds.map((fd) => note(writers, pid, fd)));
  }
  return writers;
}

/** Everything about another process can be gone by the next call. */
async function note(writers: Map<string, number>, pid: string, fd: string): Promise<void> {
  try {
    // Most are sockets, pipes and devices.
    const target = await readlink(`/proc/${pid}/fd/${fd}`);
    if (!target.startsWith('/') || target.startsWith('/dev/')) return;
    const info = await readFile(`/proc/${pid}/fdinfo/${fd}`, 'utf8');
    const flags = /^flags:\s*([0-7]+)$/m.exec(info)?.[1];
    if (flags === undefined || (Number.parseInt(flags, 8) & accessModes) === 0) return;
    const facts = await stat(`/proc/${pid}/fd/${fd}`, { bigint: true });
    if (facts.isFile()) writers.set(`${facts.dev}:${facts.ino}`, Number(pid));
  } catch {
    // Closed or ended meanwhile.
  }
}
