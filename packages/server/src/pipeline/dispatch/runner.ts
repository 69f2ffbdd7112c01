/**
 * The embedded dispatcher: claims due steps within the limits of their classes and sees them through. Any number of runners may share one
 * ledger; the ledger's claims keep them apart.
 *
 * idle → running (start) → stopping (stop) → stopped. Claims are made only while running, by one `#pump` at a time.
 */
import type { Claim } from '../../core/ports/ledger-store.ts';
import { Attempt } from './attempt.ts';
import type { RunnerSettings } from './settings.ts';

type RunnerState = 'idle' | 'running' | 'stopping' | 'stopped';

interface Running {
  readonly class: string;
  readonly attempt: Attempt;
  readonly done: Promise<void>;
}

/** When to look again for what became due while we looked. */
const soonMs = 200;

export class Runner implements AsyncDisposable {
  readonly #settings: RunnerSettings;
  readonly #running = new Set<Running>();
  #state: RunnerState = 'idle';
  #pumping: Promise<void> | null = null;
  #again = false;
  #cancelWake: () => void = () => {};
  #cancelSweep: () => void = () => {};
  #sweeping: Promise<void> = Promise.resolve();

  constructor(settings: RunnerSettings) {
    this.#settings = settings;
  }

  /** Takes back what this node was at before a restart and begins. Rejects when the ledger does not answer. */
  async start(): Promise<void> {
    if (this.#state !== 'idle') return;
    const { ledger, holder, clock, log } = this.#settings;
    const reclaimed = await ledger.reclaimHolder(holder, clock.now());
    if (reclaimed > 0) log.info({ reclaimed }, 'took back steps that were running when this node ended');
    // It may have been stopped meanwhile.
    if (this.#state !== 'idle') return;
    this.#state = 'running';
    this.#scheduleSweep();
    this.notify();
  }

  /** Something may be due: looks at once. Cheap; never rejects. */
  notify(): void {
    if (this.#state !== 'running') return;
    if (this.#pumping) {
      this.#again = true;
      return;
    }
    this.#cancelWake();
    this.#pumping = this.#pump().finally(() => {
      this.#pumping = null;
    });
  }

  /** Steps that run right now. */
  get active(): number {
    return this.#running.size;
  }

  /** Takes nothing more, tells running steps to let go and waits until they did, with their child processes dead. Idempotent. */
  async stop(): Promise<void> {
    if (this.#state === 'stopped') return;
    this.#state = 'stopping';
    this.#cancelWake();
    this.#cancelSweep();
    await Promise.all([this.#pumping, this.#sweeping]);
    for (const { attempt } of this.#running) attempt.stop();
    await this.#settledWithin(this.#settings.stopMs);
    this.#state = 'stopped';
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #pump(): Promise<void> {
    const { log } = this.#settings;
    let wakeMs = this.#settings.pollMs;
    try {
      do {
        this.#again = false;
        await this.#cancelAsked();
        await this.#claimAll();
        wakeMs = await this.#untilDue();
      } while (this.#again && this.#state === 'running');
    } catch (error) {
      log.error({ err: error }, 'the ledger does not answer; looking again shortly');
    }
    if (this.#state === 'running') this.#cancelWake = this.#settings.clock.after(wakeMs, () => this.notify());
  }

  /** Tells steps of ours to let go whose cancellation somebody asked for, here or at another node. */
  async #cancelAsked(): Promise<void> {
    if (this.#running.size === 0) return;
    const asked = await this.#settings.ledger.cancelAsked(this.#settings.holder);
    for (const { attempt } of this.#running) {
      if (asked.some((step) => step.key === attempt.key && step.fence === attempt.fence)) attempt.cancel();
    }
  }

  async #claimAll(): Promise<void> {
    const { ledger, holder, leaseMs, clock, clusterLimits = {} } = this.#settings;
    while (this.#state === 'running') {
      const classes = this.#roomy();
      if (classes.length === 0) return;
      const claim = await ledger.claim({ holder, now: clock.now(), leaseMs, classes, clusterLimits });
      if (!claim) return;
      this.#begin(claim);
    }
  }

  /** Milliseconds until it is worth looking again, when nobody notifies. */
  async #untilDue(): Promise<number> {
    const { ledger, clock, pollMs } = this.#settings;
    const due = await ledger.nextDue();
    const wait = due === null ? pollMs : due - clock.now();
    if (wait > 0) return Math.min(wait, pollMs);
    // Due already and yet not claimed. Without room, the next end of a step looks again; otherwise it has become due since, or has no room.
    return this.#roomy().length === 0 ? pollMs : Math.min(soonMs, pollMs);
  }

  #roomy(): string[] {
    const { limits } = this.#settings;
    const used = (name: string) => [...this.#running].filter((running) => running.class === name).length;
    return Object.keys(limits).filter((name) => used(name) < (limits[name] ?? 0));
  }

  #begin(claim: Claim): void {
    const attempt = new Attempt(this.#settings, claim);
    const { step } = claim;
    const running: Running = { class: step.class, attempt, done: this.#follow(attempt, claim) };
    this.#running.add(running);
    void running.done.then(() => {
      this.#running.delete(running);
      this.notify();
    });
  }

  async #follow(attempt: Attempt, { step, assetName }: Claim): Promise<void> {
    const { log, clock } = this.#settings;
    const startedAt = clock.now();
    const facts = { step: step.name, stepKey: step.key, attempt: step.attempt, assetId: step.assetId, assetName };
    log.info(facts, `step ${step.name} started`);
    const end = await attempt.run();
    log.info({ ...facts, end, durationMs: clock.now() - startedAt }, `step ${step.name} ${end}`);
  }

  #scheduleSweep(): void {
    this.#cancelSweep = this.#settings.clock.after(this.#settings.leaseMs, () => {
      this.#sweeping = this.#sweep();
    });
  }

  /** Puts steps of nodes that fell silent back. */
  async #sweep(): Promise<void> {
    const { ledger, clock, log } = this.#settings;
    try {
      const reclaimed = await ledger.reclaimExpired(clock.now());
      if (reclaimed > 0) {
        log.warn({ reclaimed }, 'took back steps whose node fell silent');
        this.notify();
      }
    } catch (error) {
      log.error({ err: error }, 'could not look for steps whose node fell silent');
    }
    if (this.#state === 'running') this.#scheduleSweep();
  }

  async #settledWithin(stopMs: number): Promise<void> {
    const { clock, log } = this.#settings;
    let cancel = () => {};
    const late = new Promise<'late'>((resolve) => {
      cancel = clock.after(stopMs, () => resolve('late'));
    });
    const all = Promise.all([...this.#running].map((running) => running.done)).then(() => 'done' as const);
    if ((await Promise.race([all, late])) === 'late') {
      log.error({ active: this.#running.size }, 'steps did not let go in time; their leases will lapse');
    }
    cancel();
  }
}
