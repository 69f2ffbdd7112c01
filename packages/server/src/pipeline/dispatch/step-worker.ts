/**
 * Claims steps and sees them through: what all dispatchers have in common. A step that is delivered is claimed first, with a fence, and only
 * what the ledger gives is begun; so it does not matter how often it was delivered.
 */
import type { Claim } from '../../core/ports/ledger-store.ts';
import { noTracing } from '../../core/ports/tracing.ts';
import type { Millis } from '../../core/upload.ts';
import { Attempt } from './attempt.ts';
import type { RunnerSettings } from './settings.ts';

interface Running {
  readonly class: string;
  readonly attempt: Attempt;
  readonly done: Promise<void>;
}

/**
 * What became of a delivery: `claimed`, and over when `done` resolves (it never rejects); `gone`, so that the message can be forgotten; `later`,
 * to be delivered again at that time; `full`, to be offered again in a while.
 */
export type Taken =
  | { readonly kind: 'claimed'; readonly done: Promise<void> }
  | { readonly kind: 'gone' }
  | { readonly kind: 'later'; readonly notBefore: Millis }
  | { readonly kind: 'full' };

export class StepWorker {
  readonly #settings: RunnerSettings;
  readonly #running = new Set<Running>();
  /** Claims on their way, by class: they take a place, too. */
  readonly #claiming = new Map<Promise<unknown>, string>();
  #stopping = false;

  constructor(settings: RunnerSettings) {
    this.#settings = settings;
  }

  /** Places by class. */
  get places(): Readonly<Record<string, number>> {
    return this.#settings.limits;
  }

  /** Steps that run right now. */
  get active(): number {
    return this.#running.size;
  }

  /** The classes that have a place; none when it stops. */
  roomy(): string[] {
    return this.#stopping ? [] : Object.keys(this.places).filter((name) => this.#hasRoom(name));
  }

  /** Claims whatever is next in one of the classes. Null when nothing is due. */
  async takeNext(classes: readonly string[]): Promise<{ readonly done: Promise<void> } | null> {
    const { ledger, clock, crashPoints } = this.#settings;
    crashPoints('step:after-delivery');
    const claim = await this.#claim('', () => ledger.claim({ ...this.#wish(clock.now()), classes }));
    return claim === null ? null : { done: this.#begin(claim) };
  }

  /** Claims the step that was delivered. Rejects when the ledger does not answer. */
  async take(key: string, className: string): Promise<Taken> {
    const { ledger, clock, crashPoints } = this.#settings;
    crashPoints('step:after-delivery', key);
    if (this.#stopping || !this.#hasRoom(className)) return { kind: 'full' };
    const claim = () => ledger.claimKey(key, this.#wish(clock.now()));
    const answer = await this.#claim(className, claim);
    return answer.kind === 'claimed' ? { kind: 'claimed', done: this.#begin(answer.claim) } : answer;
  }

  /** Tells steps of ours to let go whose cancellation somebody asked for, here or at another node. */
  async letGoOfCancelled(): Promise<void> {
    if (this.#running.size === 0) return;
    const asked = await this.#settings.ledger.cancelAsked(this.#settings.holder);
    for (const { attempt } of this.#running) {
      if (asked.some((step) => step.key === attempt.key && step.fence === attempt.fence)) attempt.cancel();
    }
  }

  /** Claims nothing more, tells running steps to let go and waits until they did, with their child processes dead. Idempotent. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { attempt } of this.#running) attempt.stop();
    await Promise.allSettled(this.#claiming.keys());
    await this.#settledWithin(this.#settings.stopMs);
  }

  #wish(now: Millis) {
    const { holder, leaseMs, clusterLimits = {} } = this.#settings;
    return { holder, leaseMs, clusterLimits, now };
  }

  #hasRoom(name: string): boolean {
    const isOf = (other: string) => other === name;
    const running = [...this.#running].filter((one) => isOf(one.class)).length;
    return running + [...this.#claiming.values()].filter(isOf).length < (this.places[name] ?? 0);
  }

  async #claim<T>(className: string, claim: () => Promise<T>): Promise<T> {
    const claiming = claim();
    this.#claiming.set(claiming, className);
    try {
      return await claiming;
    } finally {
      this.#claiming.delete(claiming);
    }
  }

  #begin(claim: Claim): Promise<void> {
    const attempt = new Attempt(this.#settings, claim);
    const running: Running = { class: claim.step.class, attempt, done: this.#follow(attempt, claim) };
    this.#running.add(running);
    // It was claimed while the server began to stop.
    if (this.#stopping) attempt.stop();
    return running.done.then(() => void this.#running.delete(running));
  }

  async #follow(attempt: Attempt, { step, assetName }: Claim): Promise<void> {
    const { log, clock, tracing = noTracing } = this.#settings;
    const startedAt = clock.now();
    const facts = { step: step.name, stepKey: step.key, attempt: step.attempt, assetId: step.assetId, assetName };
    log.info(facts, `step ${step.name} started`);
    const told = {
      'holdfast.step': step.name,
      'holdfast.step.key': step.key,
      'holdfast.step.class': step.class,
      'holdfast.step.attempt': step.attempt,
      'holdfast.asset.id': step.assetId,
    };
    const end = await tracing.apart(`step ${step.name}`, told, async (span) => {
      const how = await attempt.run();
      span.add({ 'holdfast.step.end': how });
      if (how === 'failed' || how === 'retrying' || how === 'lost') span.fail(how);
      return how;
    });
    log.info({ ...facts, end, durationMs: clock.now() - startedAt }, `step ${step.name} ${end}`);
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
