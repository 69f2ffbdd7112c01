/** Claims within one process: a queue for each place, served in the order of arrival. */
import type { Clock } from '../../core/ports/clock.ts';
import type { ExtentClaim, ExtentClaims } from '../../core/ports/extent-claims.ts';

interface Waiter {
  readonly grant: () => void;
}

export class MemoryExtentClaims implements ExtentClaims {
  readonly #clock: Clock;
  /** Who waits for each place that is held; a place that nobody holds is not in here. */
  readonly #places = new Map<string, Waiter[]>();

  readonly #forfeited = new Set<string>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async acquire(uploadId: string, offset: number, waitMs: number): Promise<ExtentClaim | null> {
    const place = `${uploadId} ${offset}`;
    const waiters = this.#places.get(place);
    if (waiters === undefined) this.#places.set(place, []);
    else if (!(await this.#queue(waiters, waitMs))) return null;
    return this.#claim(place, this.#forfeited.delete(place));
  }

  #claim(place: string, forced: boolean): ExtentClaim {
    let held = true;
    const end = async (inOrder: boolean) => {
      if (!held) return;
      held = false;
      if (!inOrder) this.#forfeited.add(place);
      this.#handOver(place);
    };
    // Within one process nobody is forced: a holder always ends.
    return { forced, isValid: () => held, release: () => end(true), forfeit: () => end(false) };
  }

  /** Resolves to whether the place became the caller's in time. */
  #queue(waiters: Waiter[], waitMs: number): Promise<boolean> {
    if (waitMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const waiter: Waiter = {
        grant: () => {
          cancel();
          resolve(true);
        },
      };
      const cancel = this.#clock.after(waitMs, () => {
        waiters.splice(waiters.indexOf(waiter), 1);
        resolve(false);
      });
      waiters.push(waiter);
    });
  }

  /** To the one that has waited longest; the place stays held in between, so that nobody can get ahead. */
  #handOver(place: string): void {
    const next = this.#places.get(place)?.shift();
    if (next) next.grant();
    else this.#places.delete(place);
  }
}
