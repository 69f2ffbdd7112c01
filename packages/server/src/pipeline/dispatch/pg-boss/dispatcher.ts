/**
 * Steps delivered by pg-boss: a message is committed with the state change that makes its step due, and any node that has a place for the class
 * gets it. One that finds no place (the class is paused, or as many run in the cluster as may) keeps its message and asks again, so that the
 * order stays what it is.
 */
import type { DueStep } from '../../../core/ports/due-steps.ts';
import type { ClassBacklog, Dispatcher } from '../dispatcher.ts';
import type { RunnerSettings } from '../settings.ts';
import type { StepWorker } from '../step-worker.ts';
import type { Message, PgBossQueue } from './queue.ts';

export type PgBossSettings = Pick<RunnerSettings, 'ledger' | 'clock' | 'log' | 'pollMs' | 'stopMs'> & {
  /** Closed by whoever opened it. */
  readonly queue: PgBossQueue;
};

/** Steps that one sweep looks at; the next goes on behind them. */
const sweepLimit = 1_000;

export class PgBossDispatcher implements Dispatcher {
  readonly #settings: PgBossSettings;
  readonly #stopping = new AbortController();
  #worker: StepWorker | null = null;
  #sweptTo: DueStep | null = null;
  #sweptBefore = false;

  constructor(settings: PgBossSettings) {
    this.#settings = settings;
  }

  async start(worker: StepWorker): Promise<void> {
    this.#worker = worker;
    for (const [className, places] of Object.entries(worker.places)) {
      for (let place = 0; place < places && !this.#stopping.signal.aborted; place += 1) {
        const handle = (message: Message, signal: AbortSignal) => this.#deliver(className, message, { worker, signal });
        await this.#settings.queue.work(className, handle);
      }
    }
  }

  /** The database notifies. */
  notify(): void {}

  async sweep(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    const { ledger, clock, pollMs, queue } = this.#settings;
    // What has only just become due is on its way; at the start nothing is known of what is.
    const now = clock.now() - (this.#sweptBefore ? pollMs : 0);
    const classes = Object.keys(worker.places);
    const due = await ledger.dueSteps({ classes, now, after: this.#sweptTo, limit: sweepLimit });
    await queue.enqueue(due);
    this.#sweptBefore = true;
    this.#sweptTo = due.length < sweepLimit ? null : (due.at(-1) ?? null);
  }

  stats(): Promise<Readonly<Record<string, ClassBacklog>>> {
    return this.#settings.queue.stats();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const { queue, clock, stopMs } = this.#settings;
    const ended = Object.keys(this.#worker?.places ?? {}).map((name) => queue.stopWork(name));
    let cancel = () => {};
    const late = new Promise<void>((resolve) => {
      cancel = clock.after(stopMs, resolve);
    });
    // Jobs of steps that do not let go come again once their heartbeats are missed.
    await Promise.race([Promise.all(ended), late]);
    cancel();
  }

  describe(): string {
    return 'pg-boss';
  }

  /** Resolves when the message has done its work; rejects when it has to come again. */
  async #deliver(
    className: string,
    { key, priority }: Message,
    to: { readonly worker: StepWorker; readonly signal: AbortSignal },
  ): Promise<void> {
    for (;;) {
      const taken = await to.worker.take(key, className);
      switch (taken.kind) {
        case 'claimed':
          return taken.done;
        case 'gone':
          return;
        case 'later':
          // It was told early, or the clock of this node is behind that of the node that told.
          return this.#settings.queue.enqueue([{ key, class: className, priority, notBefore: taken.notBefore }]);
        case 'full':
          await this.#pause(AbortSignal.any([to.signal, this.#stopping.signal]));
      }
    }
  }

  /** Rejects when the message has to be given back. */
  #pause(signal: AbortSignal): Promise<void> {
    const { clock, pollMs } = this.#settings;
    return new Promise((resolve, reject) => {
      const giveBack = () => {
        cancel();
        reject(new Error('there is no place for it here'));
      };
      const cancel = clock.after(pollMs, () => {
        signal.removeEventListener('abort', giveBack);
        resolve();
      });
      if (signal.aborted) giveBack();
      else signal.addEventListener('abort', giveBack, { once: true });
    });
  }
}
