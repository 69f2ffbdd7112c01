/**
 * The work of one attempt as seen from outside of the step: when it last got anywhere, and which programs it ran. Steps need not know: the fence
 * around foreign programs finds the attempt that it works for by itself.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { readdir, readFile } from 'node:fs/promises';
import type { Clock } from '../core/ports/clock.ts';

/** How a program ended. */
export interface ProgramEnd {
  /** Null when a signal ended it, or when it could not be started. */
  readonly exitCode: number | null;
  readonly stderrTail: string;
}

const current = new AsyncLocalStorage<Work>();

/** The attempt that the caller works for; null outside of any. */
export function currentWork(): Work | null {
  return current.getStore() ?? null;
}

export class Work {
  readonly #clock: Clock;
  readonly #groups = new Set<number>();
  #activeAt: number;
  #cpuTicks = 0;
  /** The last program that ended; null while none has. */
  lastProgram: ProgramEnd | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#activeAt = clock.now();
  }

  /** Runs `run` as this work: everything that it awaits or starts counts. */
  during<T>(run: () => Promise<T>): Promise<T> {
    return current.run(this, run);
  }

  /** It got somewhere: bytes came out of a program, progress rose, a line was logged. */
  active(): void {
    this.#activeAt = this.#clock.now();
  }

  get runsPrograms(): boolean {
    return this.#groups.size > 0;
  }

  /** A program runs, in a process group of this number. */
  started(group: number): void {
    this.#groups.add(group);
    this.active();
  }

  ended(group: number | undefined, end: ProgramEnd): void {
    if (group !== undefined) this.#groups.delete(group);
    this.lastProgram = end;
    this.active();
  }

  /**
   * Milliseconds since it last got anywhere. A program that computes without writing gets somewhere too, as far as can be told (Linux); one that
   * computes for ever meets its time limit.
   */
  async standsStillMs(): Promise<number> {
    const ticks = await cpuTicks(this.#groups);
    if (ticks !== this.#cpuTicks) {
      this.#cpuTicks = ticks;
      if (ticks > 0) this.active();
    }
    return this.#clock.now() - this.#activeAt;
  }
}

/** Processor time of all processes of the groups, in ticks; 0 where that cannot be read. proc(5): pgrp is field 5, utime to cstime are 14 to 17. */
async function cpuTicks(groups: ReadonlySet<number>): Promise<number> {
  if (groups.size === 0) return 0;
  const names = await readdir('/proc').catch(() => []);
  const stats = await Promise.all(
    names.filter((name) => /^\d+$/.test(name)).map((pid) => readFile(`/proc/${pid}/stat`, 'latin1').catch(() => '')),
  );
  let total = 0;
  for (const stat of stats) {
    // The program's name is in parentheses and may contain anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (!groups.has(Number(fields[2]))) continue;
    for (const field of fields.slice(11, 15)) total += Number(field);
  }
  return total;
}
