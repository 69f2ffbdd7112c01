/**
 * Several processes as one server: starts them over one listener and one folder, starts those that die anew, stops them in order, and
 * carries questions between them. It takes no requests itself, so nothing that a request does can end it.
 *
 * A slot: starting → serving → (its process ends) → waiting → starting …; any → stopped, when the server stops.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Logger } from 'pino';
import type { Config } from '../../config/schema.ts';
import { HoldfastError } from '../../core/errors.ts';
import { systemClock } from '../../platform/system-clock.ts';
import { type Channel, Link } from './link.ts';
import { Scraping } from './scraping.ts';
import type { WorkerTask } from './worker.ts';

/** A process that ends is started anew after this, and after twice as long each time that it ends soon again. */
const restartMsMin = 100;
const restartMsMax = 30_000;
/** A process that served for this long starts anew at once when it ends. */
const soundMs = 60_000;

interface Slot {
  readonly index: number;
  worker: Worker | null;
  link: Link | null;
  serving: boolean;
  startedAt: number;
  /** The exit code or the signal of its last process. */
  how: string | number;
  waitMs: number;
  cancelRestart: () => void;
  ended: Promise<void>;
}

export interface Serving {
  readonly address: string;
  readonly version: string;
}

export class Supervisor {
  readonly #config: Config;
  readonly #log: Logger;
  readonly #slots: readonly Slot[];
  readonly #scraping = new Scraping();
  #state: 'starting' | 'serving' | 'stopping' = 'starting';

  /** `config.port` has to be a port: each process listens on it. */
  constructor(config: Config, log: Logger, count: number) {
    this.#config = config;
    this.#log = log;
    this.#slots = Array.from({ length: count }, (_, i) => ({
      index: i + 1,
      worker: null,
      link: null,
      serving: false,
      startedAt: 0,
      how: 0,
      waitMs: restartMsMin,
      cancelRestart: () => {},
      ended: Promise.resolve(),
    }));
    // The kernel hands out connections, to whoever is free. By turns, Node's own way, a connection that is being handed to a process that
    // dies stays open with nobody at its other end (decision 0025).
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({ serialization: 'advanced' });
  }

  /**
   * Resolves when all processes serve. The first one brings the folder in order, alone, before the others start. Rejects with what the
   * first that cannot start says; then nothing runs any more.
   */
  async start(): Promise<Serving> {
    const [first, ...others] = this.#slots;
    if (first === undefined) throw new HoldfastError('internal', 'A server has at least one process.');
    try {
      // They all load at once; only then does one after the other begin.
      const [link, ...links] = await Promise.all(this.#slots.map((slot) => this.#fork(slot)));
      if (link === undefined) throw new HoldfastError('internal', 'The first process is there.');
      const serving = await this.#begin(first, link, true);
      await Promise.all(others.map((slot, i) => links[i] && this.#begin(slot, links[i], false)));
      this.#state = 'serving';
      // Those that served already, and ended while the others were still starting.
      for (const slot of this.#slots) if (slot.worker === null) this.#startAnew(slot);
      return serving;
    } catch (error) {
      this.kill();
      await Promise.all(this.#slots.map((slot) => slot.ended));
      throw error;
    }
  }

  /** Lets every process stop in order. Resolves to whether all of them did. */
  async stop(): Promise<boolean> {
    this.#state = 'stopping';
    const running = this.#slots.filter((slot) => slot.worker !== null);
    let inOrder = true;
    for (const slot of this.#slots) slot.cancelRestart();
    for (const { worker, link } of running) {
      worker?.once('exit', (code) => {
        if (code !== 0) inOrder = false;
      });
      link?.tell('stop');
    }
    await Promise.all(this.#slots.map((slot) => slot.ended));
    // Those that were down have closed nothing: the next start finds out what they left.
    return inOrder && running.length === this.#slots.length;
  }

  /** Ends every process at once. */
  kill(): void {
    this.#state = 'stopping';
    for (const slot of this.#slots) {
      slot.cancelRestart();
      slot.worker?.process.kill('SIGKILL');
    }
  }

  /** Resolves when the process is there and has been told nothing yet. */
  async #fork(slot: Slot): Promise<Link> {
    const worker = cluster.fork();
    const link = new Link(worker as unknown as Channel);
    slot.worker = worker;
    slot.link = link;
    slot.startedAt = systemClock.now();
    slot.ended = new Promise((resolve) => {
      worker.once('exit', (code, signal) => {
        slot.how = signal ?? code;
        this.#ended(slot);
        resolve();
      });
    });
    this.#serve(slot, link);
    await new Promise<void>((resolve, reject) => {
      // Not before it listens: what comes earlier over the channel is lost.
      link.answer('here', () => resolve());
      worker.once('exit', (code, signal) =>
        reject(new HoldfastError('unavailable', `A process ended at once with ${signal ?? code}.`)),
      );
    });
    return link;
  }

  async #begin(slot: Slot, link: Link, fresh: boolean): Promise<Serving> {
    const task: WorkerTask = { config: this.#config, index: slot.index, count: this.#slots.length, fresh };
    const serving = await link.ask<Serving>('start', task);
    slot.serving = true;
    return serving;
  }

  #ended(slot: Slot): void {
    slot.worker = null;
    slot.link = null;
    slot.serving = false;
    void this.#scraping.ended(slot.index);
    if (this.#state === 'serving') this.#startAnew(slot);
  }

  /** Later each time that it ends soon again. */
  #startAnew(slot: Slot): void {
    const { index, how } = slot;
    const lived = systemClock.now() - slot.startedAt;
    const wait = lived >= soundMs ? restartMsMin : slot.waitMs;
    slot.waitMs = lived >= soundMs ? restartMsMin : Math.min(restartMsMax, slot.waitMs * 2);
    this.#log.error({ worker: index, how, restartMs: wait }, 'a process of the server ended; starting it anew');
    slot.cancelRestart = systemClock.after(wait, () => void this.#restart(slot));
  }

  async #restart(slot: Slot): Promise<void> {
    try {
      await this.#begin(slot, await this.#fork(slot), false);
      this.#log.info({ worker: slot.index }, 'the process serves again');
    } catch (error) {
      if (this.#state !== 'serving') return;
      this.#log.error({ worker: slot.index, err: error }, 'a process could not be started');
      // Its end brings it back here, later.
      slot.worker?.process.kill('SIGKILL');
    }
  }

  /** What a process asks. */
  #serve(slot: Slot, link: Link): void {
    link.answer('background', (name: string, ...args: readonly unknown[]) => {
      const background = this.#slots[0]?.link;
      if (background) return background.ask(name, ...args);
      throw new HoldfastError('unavailable', 'The process that does this is being started anew.');
    });
    link.answer('everywhere', (name: string, ...args: readonly unknown[]) => {
      for (const other of this.#slots) if (other !== slot) other.link?.tell(name, ...args);
    });
    link.answer('metrics', () => this.#metrics());
    link.answer('processes', () => {
      const serving = this.#slots.filter((one) => one.serving).length;
      const words = `${serving} of ${this.#slots.length} processes take requests`;
      if (serving < this.#slots.length) throw new HoldfastError('unavailable', words);
      return words;
    });
  }

  async #metrics(): Promise<string> {
    const scraped = this.#slots.flatMap(({ index, link, serving }) =>
      link !== null && serving ? [{ index, metrics: () => link.ask<never[]>('own-metrics') }] : [],
    );
    return await this.#scraping.text(scraped, (ms, call) => systemClock.after(ms, call));
  }
}
