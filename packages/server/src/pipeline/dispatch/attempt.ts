/**
 * One attempt at one claimed step: run it, publish its files, record the result, in that order, under the claim's fence.
 *
 * The signal of the step fires with one of three causes, and each ends differently:
 * - `lost`: somebody else holds the step (or may): nothing more is written.
 * - `stopped`: the server stops: the step goes back to pending at once.
 * - `timeout`: the step took too long: a failure like any other.
 */
import path from 'node:path';
import { invariant } from '../../core/errors.ts';
import type { Claim, Outcome } from '../../core/ports/ledger-store.ts';
import { noSecrets, PermanentStepError, type StepContext, type StepInput, type StepResult } from '../context.ts';
import type { StepDefinition } from '../definition.ts';
import { durationWords } from '../media/words.ts';
import { retryDelayMs } from './backoff.ts';
import type { RunnerSettings } from './settings.ts';

export type AttemptEnd = 'succeeded' | 'skipped' | 'retrying' | 'failed' | 'given-back' | 'lost';
type Cause = 'lost' | 'stopped' | 'timeout';

/** The ledger may be away for a moment; a result that cost hours is offered again before it is given up. */
const recordTries = 6;
const reasonCharsMax = 1_000;

export class Attempt {
  readonly #settings: RunnerSettings;
  readonly #claim: Claim;
  readonly #controller = new AbortController();
  #cause: Cause | null = null;
  #progress = 0;
  #leaseUntil: number;
  #cancelBeat: () => void = () => {};
  #beat: Promise<void> = Promise.resolve();
  #settled = false;

  constructor(settings: RunnerSettings, claim: Claim) {
    this.#settings = settings;
    this.#claim = claim;
    this.#leaseUntil = claim.step.leaseUntil ?? settings.clock.now() + settings.leaseMs;
  }

  /** Tells the step to let go because the server stops. */
  stop(): void {
    this.#abort('stopped');
  }

  /** Never rejects. */
  async run(): Promise<AttemptEnd> {
    const { clock, log } = this.#settings;
    const { step } = this.#claim;
    this.#scheduleBeat();
    const cancelTimeout = clock.after(step.timeoutMs, () => this.#abort('timeout'));
    try {
      return await this.#runFenced();
    } catch (error) {
      // Only the ledger's own failures come here: the lease will lapse, and the step will be taken up again.
      log.error({ ...this.#facts(), err: error }, 'the outcome of a step could not be recorded');
      return 'lost';
    } finally {
      this.#settled = true;
      cancelTimeout();
      this.#cancelBeat();
      await this.#beat;
    }
  }

  async #runFenced(): Promise<AttemptEnd> {
    const { artifacts, crashPoints } = this.#settings;
    const { step } = this.#claim;
    crashPoints('step:after-claim', this.#claim.step.name);
    let scratch: string | null = null;
    try {
      const folder = await artifacts.scratch(step.key, step.fence);
      scratch = folder;
      const result = this.#skippedInput() ?? (await this.#work(folder));
      crashPoints('step:after-run', this.#claim.step.name);
      this.#throwIfAborted();
      return await this.#record(result, folder);
    } catch (error) {
      if (error instanceof RecordFailed) throw error.cause;
      return await this.#recordFailure(error);
    } finally {
      if (scratch !== null) await artifacts.clean(scratch);
    }
  }

  async #record(result: StepResult, scratch: string): Promise<AttemptEnd> {
    const { ledger, artifacts, clock, crashPoints } = this.#settings;
    const { key, fence } = this.#claim.step;
    if (result.kind === 'skipped') {
      return this.#written('skipped', () => ledger.skip(key, fence, result.reason, clock.now()));
    }
    // Asked once more, so that one who lost the step does not replace files of the one who has it.
    if (await this.#isLost()) return this.#lost();
    const published = await artifacts.publish(key, scratch, result.files);
    crashPoints('step:after-publish', this.#claim.step.name);
    const { output } = result;
    const end = await this.#written('succeeded', () =>
      ledger.succeed(key, fence, { output, artifacts: published, now: clock.now() }),
    );
    crashPoints('step:after-commit', this.#claim.step.name);
    return end;
  }

  async #recordFailure(error: unknown): Promise<AttemptEnd> {
    const { ledger, clock, log, random } = this.#settings;
    const { step } = this.#claim;
    const { key, fence } = step;
    if (this.#cause === 'lost') return this.#lost();
    const now = clock.now();
    if (this.#cause === 'stopped') {
      return this.#written('given-back', () => ledger.release(key, fence, now));
    }
    const reason = (this.#cause === 'timeout' ? this.#timeoutReason() : reasonOf(error)).slice(0, reasonCharsMax);
    const final = error instanceof PermanentStepError || step.attempt >= step.attemptsMax;
    const retryAt = final ? null : now + retryDelayMs(step.attempt, random);
    log.warn({ ...this.#facts(), err: error, retryAt }, `step ${step.name} failed: ${reason}`);
    return this.#written(final ? 'failed' : 'retrying', () => ledger.fail(key, fence, { reason, retryAt, now }));
  }

  /** Writes the outcome down, again and again while the ledger is away and the lease may still be ours. */
  async #written(end: AttemptEnd, write: () => Promise<Outcome>): Promise<AttemptEnd> {
    const { log, clock, random } = this.#settings;
    for (let tried = 1; ; tried += 1) {
      try {
        const outcome = await write();
        this.#settled = true;
        return outcome === 'applied' ? end : this.#lost();
      } catch (error) {
        if (tried >= recordTries || this.#cause === 'lost') throw new RecordFailed(error);
        log.warn({ ...this.#facts(), err: error }, 'the ledger does not take an outcome; trying again');
        await new Promise<void>((resolve) => clock.after(retryDelayMs(tried, random) / 4, resolve));
      }
    }
  }

  #lost(): AttemptEnd {
    this.#settings.log.warn(this.#facts(), `step ${this.#claim.step.name}: the lease was lost, its result is dropped`);
    return 'lost';
  }

  #definition(): StepDefinition {
    const { name, version } = this.#claim.step;
    const found = this.#settings.steps.find((step) => step.name === name && step.version === version);
    if (!found)
      throw new Error(`This server has no step ${name} of version ${version}; another version of Holdfast planned it.`);
    return found;
  }

  #work(scratch: string): Promise<StepResult> {
    const definition = this.#definition();
    return definition.run(this.#context(scratch, definition));
  }

  #context(scratch: string, definition: StepDefinition): StepContext {
    const { assets, log, tools, clock, secrets = noSecrets } = this.#settings;
    const { step, asset, assetName, inputs, missing } = this.#claim;
    const unplanned = definition.wants.filter((want) => !(want in inputs) && !(want in missing));
    const facts = this.#facts();
    return {
      asset,
      assetName,
      assetPath: assets.assetPath(asset.id),
      inputs: this.#inputs(),
      missing: { ...missing, ...Object.fromEntries(unplanned.map((want) => [want, 'not part of this run'])) },
      scratch: path.resolve(scratch),
      params: step.params,
      signal: this.#controller.signal,
      timeoutMs: step.timeoutMs,
      progress: (fraction) => {
        if (Number.isFinite(fraction)) this.#progress = Math.min(1, Math.max(0, fraction));
      },
      log: {
        info: (more, message) => log.info({ ...facts, ...more }, message),
        warn: (more, message) => log.warn({ ...facts, ...more }, message),
        error: (more, message) => log.error({ ...facts, ...more }, message),
      },
      tools,
      secrets,
      clock,
    };
  }

  /** A ledger may leave it to us what to do without an input that skipped itself: a step never runs without what it needs. */
  #skippedInput(): StepResult | null {
    const skipped = Object.values(this.#claim.inputs).find(({ step }) => step.state === 'skipped');
    if (!skipped) return null;
    const { name, reason } = skipped.step;
    return { kind: 'skipped', reason: `It needs ${name}, which was skipped: ${reason ?? 'no reason is known'}` };
  }

  #inputs(): Record<string, StepInput> {
    const store = this.#settings.artifacts;
    const entries = Object.entries(this.#claim.inputs).map(([name, { step, artifacts }]) => {
      invariant(step.output !== null, `the input ${name} succeeded`);
      const input: StepInput = {
        output: step.output,
        artifacts,
        artifactPath(file) {
          invariant(
            artifacts.some((artifact) => artifact.name === file),
            `${name} left an artifact ${file}`,
          );
          return store.path(step.key, file);
        },
      };
      return [name, input] as const;
    });
    return Object.fromEntries(entries);
  }

  #scheduleBeat(): void {
    this.#cancelBeat = this.#settings.clock.after(Math.max(1, Math.floor(this.#settings.leaseMs / 3)), () => {
      this.#beat = this.#isLost().then((lost) => {
        if (!lost && !this.#settled) this.#scheduleBeat();
      });
    });
  }

  /** One heartbeat. Never rejects: a ledger that is away counts as lost only when the lease has run out. */
  async #isLost(): Promise<boolean> {
    const { ledger, clock, leaseMs, log } = this.#settings;
    const { key, fence } = this.#claim.step;
    const until = clock.now() + leaseMs;
    try {
      const outcome = await ledger.heartbeat(key, fence, until, this.#progress);
      if (outcome === 'applied') this.#leaseUntil = until;
      else if (!this.#settled) this.#abort('lost');
    } catch (error) {
      log.warn({ ...this.#facts(), err: error }, 'a heartbeat did not reach the ledger');
      if (clock.now() >= this.#leaseUntil) this.#abort('lost');
    }
    return this.#cause === 'lost';
  }

  #abort(cause: Cause): void {
    // Losing the step overrides the others: then nothing may be written.
    if (this.#cause === null || cause === 'lost') this.#cause = cause;
    this.#controller.abort(new Error(`step ${cause}`));
  }

  #throwIfAborted(): void {
    // A step that was done in spite of a stop is done.
    if (this.#cause === 'lost' || this.#cause === 'timeout') throw new Error(`step ${this.#cause}`);
  }

  #timeoutReason(): string {
    return `It took longer than ${durationWords(this.#claim.step.timeoutMs / 1000)} and was stopped.`;
  }

  #facts(): Record<string, unknown> {
    const { key, name, attempt, fence, assetId } = this.#claim.step;
    return { step: name, stepKey: key, attempt, fence, assetId };
  }
}

/** The ledger did not take the outcome; told apart from what the step itself throws. */
class RecordFailed extends Error {
  constructor(cause: unknown) {
    super('the ledger did not take the outcome', { cause });
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
