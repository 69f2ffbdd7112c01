/** The embedded dispatcher: looks into the ledger for what is due. Any number of nodes may do so at once; the ledger's claims keep them apart. */
import type { RunControl } from '../../core/ports/run-control.ts';
import type { ClassBacklog, Dispatcher } from './dispatcher.ts';
import { Pump } from './pump.ts';
import type { RunnerSettings } from './settings.ts';
import type { StepWorker } from './step-worker.ts';

/** When to look again for what became due while we looked. */
const soonMs = 200;

export type EmbeddedSettings = Pick<RunnerSettings, 'ledger' | 'clock' | 'log' | 'pollMs'> & {
  /** For `stats`. */
  readonly control?: Pick<RunControl, 'classes'>;
};

export class EmbeddedDispatcher implements Dispatcher {
  readonly #settings: EmbeddedSettings;
  readonly #pump: Pump;
  #worker: StepWorker | null = null;

  constructor(settings: EmbeddedSettings) {
    const { clock, log, pollMs } = settings;
    this.#settings = settings;
    const onError = (error: unknown) => log.error({ err: error }, 'the ledger does not answer; looking again shortly');
    this.#pump = new Pump({ clock, retryMs: pollMs, work: () => this.#look(), onError });
  }

  async start(worker: StepWorker): Promise<void> {
    this.#worker = worker;
    this.#pump.poke();
  }

  notify(): void {
    if (this.#worker !== null) this.#pump.poke();
  }

  /** There are no messages that could be lost. */
  async sweep(): Promise<void> {}

  async stats(): Promise<Readonly<Record<string, ClassBacklog>>> {
    const classes = (await this.#settings.control?.classes()) ?? [];
    return Object.fromEntries(
      classes.map(({ name, pending, running }) => [name, { queued: pending, active: running }]),
    );
  }

  stop(): Promise<void> {
    return this.#pump.stop();
  }

  describe(): string {
    return 'embedded';
  }

  async #look(): Promise<number> {
    const worker = this.#worker;
    if (worker === null) return this.#settings.pollMs;
    for (let classes = worker.roomy(); classes.length > 0 && !this.#pump.stopped; classes = worker.roomy()) {
      const taken = await worker.takeNext(classes);
      if (taken === null) break;
      void taken.done.then(() => this.#pump.poke());
    }
    return this.#untilDue(worker);
  }

  /** Milliseconds until it is worth looking again, when nobody notifies. */
  async #untilDue(worker: StepWorker): Promise<number> {
    const { ledger, clock, pollMs } = this.#settings;
    const due = await ledger.nextDue();
    const wait = due === null ? pollMs : due - clock.now();
    if (wait > 0) return Math.min(wait, pollMs);
    // Due already and yet not claimed. Without room, the next end of a step looks again; otherwise it has become due since, or has no room.
    return worker.roomy().length === 0 ? pollMs : Math.min(soonMs, pollMs);
  }
}
