/**
 * The runner of a node: takes back what was running when its node ended, lets a dispatcher tell it what is due, sees that through, and takes
 * back what nodes that fell silent left.
 *
 * idle → running (start) → stopping (stop) → stopped. Claims are made only while running.
 */
import type { Dispatcher } from './dispatcher.ts';
import { EmbeddedDispatcher } from './embedded.ts';
import { Pump } from './pump.ts';
import type { RunnerSettings } from './settings.ts';
import { StepWorker } from './step-worker.ts';

type RunnerState = 'idle' | 'running' | 'stopping' | 'stopped';

export class Runner implements AsyncDisposable {
  readonly #settings: RunnerSettings;
  readonly #dispatcher: Dispatcher;
  readonly #worker: StepWorker;
  readonly #sweeps: Pump;
  readonly #cancels: Pump;
  #state: RunnerState = 'idle';

  constructor(settings: RunnerSettings, dispatcher: Dispatcher = new EmbeddedDispatcher(settings)) {
    this.#settings = settings;
    this.#dispatcher = dispatcher;
    this.#worker = new StepWorker(settings);
    const { clock, log, leaseMs, pollMs } = settings;
    // A node that fell silent has been so for a lease when this finds it, and for not much longer.
    const sweepMs = Math.max(1, Math.floor(leaseMs / 3));
    this.#sweeps = new Pump({
      clock,
      retryMs: sweepMs,
      work: () => this.#sweep().then(() => sweepMs),
      onError: (error) => log.error({ err: error }, 'could not look for steps whose node fell silent'),
    });
    this.#cancels = new Pump({
      clock,
      retryMs: pollMs,
      work: () => this.#worker.letGoOfCancelled().then(() => pollMs),
      onError: (error) => log.error({ err: error }, 'could not look for steps that are to be cancelled'),
    });
  }

  /** Takes back what this node was at before a restart and begins. Rejects when the ledger does not answer. */
  async start(): Promise<void> {
    if (this.#state !== 'idle') return;
    const { ledger, holder, clock, log, pollMs } = this.#settings;
    const reclaimed = await ledger.reclaimHolder(holder, clock.now());
    if (reclaimed > 0) log.info({ reclaimed }, 'took back steps that were running when this node ended');
    // It may have been stopped meanwhile.
    if (this.#state !== 'idle') return;
    this.#state = 'running';
    await this.#dispatcher.start(this.#worker);
    this.#sweeps.poke();
    this.#cancels.later(pollMs);
  }

  /** Something may be due, or is to be cancelled: looks at once. Cheap; never rejects. */
  notify(): void {
    if (this.#state !== 'running') return;
    this.#cancels.poke();
    this.#dispatcher.notify();
  }

  /** Steps that run right now. */
  get active(): number {
    return this.#worker.active;
  }

  /** Who tells of due steps, for people. */
  get delivery(): string {
    return this.#dispatcher.describe();
  }

  /** Takes nothing more, tells running steps to let go and waits until they did, with their child processes dead. Idempotent. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopping';
    await Promise.all([this.#sweeps.stop(), this.#cancels.stop()]);
    await Promise.all([this.#dispatcher.stop(), this.#worker.stop()]);
    this.#state = 'stopped';
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Puts steps of nodes that fell silent back, and makes up for messages that were lost. */
  async #sweep(): Promise<void> {
    const { ledger, clock, log } = this.#settings;
    const reclaimed = await ledger.reclaimExpired(clock.now());
    if (reclaimed > 0) {
      log.warn({ reclaimed }, 'took back steps whose node fell silent');
      this.#dispatcher.notify();
    }
    await this.#dispatcher.sweep();
  }
}
