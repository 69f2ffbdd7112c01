/**
 * A world for leases, in virtual time: processes with clocks of their own that can stand still, and a database whose answers take time, get lost,
 * or do not come. One thing happens at a time, so a run follows from its plan alone.
 */
import { HoldfastError } from '../core/errors.ts';
import type { Clock } from '../core/ports/clock.ts';
import { instead } from './stand-in.ts';

interface Due {
  at: number;
  readonly process: SimulatedProcess | null;
  readonly run: () => void;
}

export class World {
  now = 1_000_000;
  #due: Due[] = [];

  /** Calls back once at the time, in the process: later when that stands still then. */
  at(at: number, process: SimulatedProcess | null, run: () => void): () => void {
    const due = { at, process, run };
    this.#due.push(due);
    return () => {
      this.#due = this.#due.filter((one) => one !== due);
    };
  }

  /** Lets things happen until the time, one by one; `afterEach` is called when what followed from each is over. */
  async until(end: number, afterEach: () => void): Promise<void> {
    await settled();
    for (;;) {
      const next = this.#next();
      if (next === null || next.at > end) break;
      this.now = Math.max(this.now, next.at);
      this.#due = this.#due.filter((one) => one !== next);
      if (next.process !== null && next.process.stillUntil > this.now)
        this.#due.push({ ...next, at: next.process.stillUntil });
      else {
        next.run();
        await settled();
        afterEach();
      }
    }
    this.now = end;
  }

  #next(): Due | null {
    return this.#due.reduce<Due | null>((first, one) => (first === null || one.at < first.at ? one : first), null);
  }
}

/** Everything that waits for nothing but what has happened already is done. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

export class SimulatedProcess implements Clock {
  /** Until then nothing happens in it. */
  stillUntil = 0;
  readonly #world: World;
  readonly #skewMs: number;

  /** `skewMs`: by how much its clock is ahead of the database's. */
  constructor(world: World, skewMs: number) {
    this.#world = world;
    this.#skewMs = skewMs;
  }

  now(): number {
    return this.#world.now + this.#skewMs;
  }

  after(ms: number, callback: () => void): () => void {
    return this.#world.at(this.#world.now + ms, this, callback);
  }
}

export interface Network {
  readonly world: World;
  /** What becomes of the next statement: a method of the table. */
  next(method: string): Passage;
}

export interface Passage {
  /** Milliseconds of one way. */
  readonly thereMs: number;
  readonly backMs: number;
  readonly fate: 'answered' | 'answer lost' | 'away';
}

/** The table as the process reaches it. */
export function overNetwork<T extends object>(table: T, process: SimulatedProcess, { world, next }: Network): T {
  const changes = Object.entries(table).map(([name, method]) => [
    name,
    (...args: unknown[]): Promise<unknown> => {
      const { thereMs, backMs, fate } = next(name);
      return new Promise((resolve, reject) => {
        const fail = (): void => reject(new HoldfastError('unavailable', 'The database is away.'));
        if (fate === 'away') world.at(world.now + thereMs, process, fail);
        // The database does it, whether or not anybody is there to hear the answer.
        else
          world.at(world.now + thereMs, null, () => {
            const done: Promise<unknown> = method(...args);
            void done.then((value) =>
              world.at(world.now + backMs, process, fate === 'answered' ? () => resolve(value) : fail),
            );
          });
      });
    },
  ]);
  return instead(table, Object.fromEntries(changes) as Partial<T>);
}
