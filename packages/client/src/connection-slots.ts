/** A limited number of connections. The lowest order gets the next one: uploads that were added first are finished first. */

interface Waiter {
  readonly order: number;
  readonly grant: () => void;
}

export class ConnectionSlots {
  #free: number;
  readonly #waiting: Waiter[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `task` when there is room. @throws the signal's reason when aborted before that, or what the task throws. */
  async use<T>(order: number, signal: AbortSignal, task: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    if (this.#free > 0) this.#free -= 1;
    else await this.#wait(order, signal);
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next.grant();
    }
  }

  #wait(order: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const waiter: Waiter = {
        order,
        grant: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      const place = this.#waiting.findIndex((other) => other.order > order);
      this.#waiting.splice(place === -1 ? this.#waiting.length : place, 0, waiter);
    });
  }
}
