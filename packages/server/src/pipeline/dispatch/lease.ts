/** The lease of one claimed step: renewed three times as often as it ends. */
import type { Claim } from '../../core/ports/ledger-store.ts';
import type { RunnerSettings } from './settings.ts';

/** Whether the step may go on. */
export type Hold = 'held' | 'lost' | 'cancelled';

export interface LeaseOptions {
  readonly settings: Pick<RunnerSettings, 'ledger' | 'clock' | 'leaseMs' | 'log'>;
  readonly claim: Claim;
  readonly facts: Readonly<Record<string, unknown>>;
  /** 0 … 1 */
  progress(): number;
  /** Called with every heartbeat that went well. */
  onBeat(): void;
  /** The step is to let go. Not called any more once `end` was. */
  onEnd(hold: 'lost' | 'cancelled'): void;
}

export class Lease {
  readonly #options: LeaseOptions;
  #until: number;
  #ended = false;
  #cancelBeat: () => void = () => {};
  #beat: Promise<void> = Promise.resolve();

  constructor(options: LeaseOptions) {
    const { settings, claim } = options;
    this.#options = options;
    this.#until = claim.step.leaseUntil ?? settings.clock.now() + settings.leaseMs;
  }

  /** Begins to renew it. */
  begin(): void {
    const { clock, leaseMs } = this.#options.settings;
    this.#cancelBeat = clock.after(Math.max(1, Math.floor(leaseMs / 3)), () => {
      this.#beat = this.renew().then((hold) => {
        if (hold === 'lost' || this.#ended) return;
        this.#options.onBeat();
        this.begin();
      });
    });
  }

  /** The outcome is recorded, or nothing can be: what heartbeats hear from now on does not matter. */
  end(): void {
    this.#ended = true;
    this.#cancelBeat();
  }

  /** Resolves when the heartbeat that may be on its way has come back. */
  async settled(): Promise<void> {
    this.end();
    await this.#beat;
  }

  /** One heartbeat. Never rejects: a ledger that is away counts as lost only when the lease has run out. */
  async renew(): Promise<Hold> {
    const { settings, claim, facts, progress, onEnd } = this.#options;
    const { ledger, clock, leaseMs, log } = settings;
    const until = clock.now() + leaseMs;
    try {
      const outcome = await ledger.heartbeat(claim.step.key, claim.step.fence, until, progress());
      if (outcome !== 'lost') this.#until = until;
      if (outcome === 'applied') return 'held';
      if (!this.#ended) onEnd(outcome);
      return outcome;
    } catch (error) {
      log.warn({ ...facts, err: error }, 'a heartbeat did not reach the ledger');
      if (clock.now() < this.#until) return 'held';
      if (!this.#ended) onEnd('lost');
      return 'lost';
    }
  }
}
