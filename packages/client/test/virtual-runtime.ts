/** Time that stands still until it is moved. */
import type { Runtime } from '../src/runtime.ts';

export class VirtualRuntime implements Runtime {
  online = true;
  randomValue = 0.5;
  #now = 1_000_000;
  /** What somebody set the clock by. */
  #set = 0;
  #timers: { readonly at: number; readonly callback: () => void }[] = [];
  readonly #listeners = new Set<() => void>();

  now = (): number => this.#now + this.#set;
  random = (): number => this.randomValue;
  isOnline = (): boolean => this.online;

  after = (ms: number, callback: () => void): (() => void) => {
    const timer = { at: this.#now + ms, callback };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  onConnectivity = (callback: () => void): (() => void) => {
    this.#listeners.add(callback);
    return () => this.#listeners.delete(callback);
  };

  get pendingTimers(): number {
    return this.#timers.length;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  connectivity(online: boolean): void {
    this.online = online;
    for (const listener of [...this.#listeners]) listener();
  }

  /** Sets the clock; timers go by what really passes. */
  setClock(byMs: number): void {
    this.#set += byMs;
  }

  /** Moves time, firing what is due in its order; promises get their turn after each timer. */
  async advance(ms: number): Promise<void> {
    const until = this.#now + ms;
    for (;;) {
      await settle();
      const due = this.#timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.#now = Math.max(this.#now, due.at);
      due.callback();
    }
    this.#now = until;
    await settle();
  }
}

/** Lets everything that can go on without time or network go on. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 50; i += 1) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}
