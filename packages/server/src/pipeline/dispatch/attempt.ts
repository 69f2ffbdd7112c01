/**
 * One attempt at one claimed step: run it, publish its files, record the result, in that order, under the claim's fence.
 *
 * The signal of the step fires with one of these causes, and each ends differently:
 * - `lost`: somebody else holds the step (or may): nothing more is written.
 * - `cancelled`: somebody asked for that: the step is cancelled, once its processes are dead.
 * - `stopped`: the server stops: the step goes back to pending at once.
 * - `timeout`, `stalled`: the step took too long, or got nowhere for too long: a failure like any other.
 */
import path from 'node:path';
import { invariant } from '../../core/errors.ts';
import type { Claim, Outcome } from '../../core/ports/ledger-store.ts';
import { noSecrets, PermanentStepError, type StepContext, type StepInput, type StepResult } from '../context.ts';
import type { StepDefinition } from '../definition.ts';
import { durationWords } from '../media/words.ts';
import { findDefinition, isCommand } from '../step-lookup.ts';
import { Work } from '../work.ts';
import { retryDelayMs } from './backoff.ts';
import { evidenceOf, isOutOfSpace } from './evidence.ts';
import { Lease } from './lease.ts';
import { Reporter } from './reporter.ts';
import type { RunnerSettings } from './settings.ts';
import { watchForStall } from './stall.ts';
import { StepFiles } from './step-files.ts';

export type AttemptEnd = 'succeeded' | 'skipped' | 'retrying' | 'failed' | 'cancelled' | 'given-back' | 'lost';
type Cause = 'lost' | 'cancelled' | 'stopped' | 'timeout' | 'stalled';

/** The ledger may be away for a moment; a result that cost hours is offered again before it is given up. */
const recordTries = 6;
const reasonCharsMax = 1_000;

export class Attempt {
  readonly #settings: RunnerSettings;
  readonly #claim: Claim;
  readonly #controller = new AbortController();
  #cause: Cause | null = null;
  /** How long it stood still when it was stopped for that. */
  #stallMs = 0;
  readonly #lease: Lease;
  readonly #reporter: Reporter;
  readonly #work: Work;
  readonly #files: StepFiles;

  constructor(settings: RunnerSettings, claim: Claim) {
    this.#settings = settings;
    this.#claim = claim;
    this.#files = new StepFiles(settings);
    const work = new Work(settings.clock);
    const facts = this.#facts();
    const reporter = new Reporter({ settings, claim, facts, onActive: () => work.active() });
    this.#work = work;
    this.#reporter = reporter;
    this.#lease = new Lease({
      settings,
      claim,
      facts,
      progress: () => reporter.progress,
      onBeat: () => void reporter.flush(),
      onEnd: (hold) => this.#abort(hold),
    });
  }

  get key(): string {
    return this.#claim.step.key;
  }

  get fence(): number {
    return this.#claim.step.fence;
  }

  /** Tells the step to let go because somebody asked for that. */
  cancel(): void {
    this.#abort('cancelled');
  }

  /** Tells the step to let go because the server stops. */
  stop(): void {
    this.#abort('stopped');
  }

  /** Never rejects. */
  async run(): Promise<AttemptEnd> {
    const { clock, log } = this.#settings;
    const { step } = this.#claim;
    this.#lease.begin();
    const cancelTimeout = clock.after(step.timeoutMs, () => this.#abort('timeout'));
    const onStall = (stallMs: number) => {
      this.#stallMs = stallMs;
      this.#abort('stalled');
    };
    const stopWatching = watchForStall(this.#work, { clock, stallMs: this.#definition()?.stallMs, onStall });
    try {
      return await this.#runFenced();
    } catch (error) {
      // Only the ledger's own failures come here: the lease will lapse, and the step will be taken up again.
      log.error({ ...this.#facts(), err: error }, 'the outcome of a step could not be recorded');
      return 'lost';
    } finally {
      cancelTimeout();
      stopWatching();
      await this.#lease.settled();
      await this.#reporter.flush();
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
      const result = this.#skippedInput() ?? (await this.#work.during(() => this.#run(folder)));
      crashPoints('step:after-run', this.#claim.step.name);
      this.#throwIfAborted();
      return await this.#record(result, folder);
    } catch (error) {
      if (error instanceof RecordFailed) throw error.cause;
      return await this.#recordFailure(error, scratch);
    } finally {
      await this.#files.release();
      if (scratch !== null) await artifacts.clean(scratch);
    }
  }

  async #record(result: StepResult, scratch: string): Promise<AttemptEnd> {
    const { ledger, artifacts, clock, crashPoints } = this.#settings;
    const { key, fence } = this.#claim.step;
    await this.#reporter.flush();
    if (result.kind === 'skipped') {
      const { reason, lacks = null } = result;
      return this.#written('skipped', () => ledger.skip(key, fence, { reason, lacks, now: clock.now() }));
    }
    // Asked once more, so that one who lost the step does not replace files of the one who has it.
    const hold = await this.#lease.renew();
    if (hold === 'lost') return this.#lost();
    if (hold === 'cancelled') return this.#cancelled();
    const published = await artifacts.publish(key, scratch, result.files);
    crashPoints('step:after-publish', this.#claim.step.name);
    const { output } = result;
    const end = await this.#written('succeeded', () =>
      ledger.succeed(key, fence, { output, artifacts: published, now: clock.now() }),
    );
    crashPoints('step:after-commit', this.#claim.step.name);
    return end;
  }

  async #recordFailure(error: unknown, scratch: string | null): Promise<AttemptEnd> {
    const { ledger, clock, log, random } = this.#settings;
    const { step, assetName } = this.#claim;
    const { key, fence } = step;
    if (this.#cause === 'lost') return this.#lost();
    await this.#reporter.flush();
    const now = clock.now();
    if (this.#cause === 'cancelled') return this.#cancelled();
    if (this.#cause === 'stopped') {
      return this.#written('given-back', () => ledger.release(key, fence, now));
    }
    const reason = (this.#stopReason() ?? reasonOf(error)).slice(0, reasonCharsMax);
    const folders = scratch === null ? [] : [path.resolve(scratch), scratch];
    const names = [...this.#files.paths(assetName), ...folders.map((one) => [one, 'scratch'] as const)];
    const evidence = evidenceOf(error, this.#cause, { program: this.#work.lastProgram, names });
    const final = !isOutOfSpace(error) && (error instanceof PermanentStepError || step.attempt >= step.attemptsMax);
    const retryAt = final ? null : now + retryDelayMs(step.attempt, random, this.#definition()?.backoff);
    log.warn({ ...this.#facts(), err: error, retryAt }, `step ${step.name} failed: ${reason}`);
    return this.#written(final ? 'failed' : 'retrying', () =>
      ledger.fail(key, fence, { reason, retryAt, now, evidence }),
    );
  }

  /** Writes the outcome down, again and again while the ledger is away and the lease may still be ours. */
  async #written(end: AttemptEnd, write: () => Promise<Outcome>): Promise<AttemptEnd> {
    const { log, clock, random } = this.#settings;
    for (let tried = 1; ; tried += 1) {
      try {
        const outcome = await write();
        this.#lease.end();
        if (outcome === 'lost') return this.#lost();
        return outcome === 'cancelled' ? 'cancelled' : end;
      } catch (error) {
        if (tried >= recordTries || this.#cause === 'lost') throw new RecordFailed(error);
        log.warn({ ...this.#facts(), err: error }, 'the ledger does not take an outcome; trying again');
        await new Promise<void>((resolve) => clock.after(retryDelayMs(tried, random) / 4, resolve));
      }
    }
  }

  /** Everything of the step has let go: the ledger ends it. */
  #cancelled(): Promise<AttemptEnd> {
    const { ledger, clock } = this.#settings;
    return this.#written('cancelled', () => ledger.release(this.key, this.fence, clock.now()));
  }

  #lost(): AttemptEnd {
    this.#settings.log.warn(this.#facts(), `step ${this.#claim.step.name}: the lease was lost, its result is dropped`);
    return 'lost';
  }

  /** Undefined when this server does not know the step. */
  #definition(): StepDefinition | undefined {
    const found = findDefinition(this.#settings.steps, this.#claim.step);
    return typeof found === 'string' ? undefined : found;
  }

  async #run(scratch: string): Promise<StepResult> {
    const { step } = this.#claim;
    const found = findDefinition(this.#settings.steps, step);
    if (typeof found !== 'string') return found.run(await this.#context(scratch, found));
    if (isCommand(step.params)) return { kind: 'skipped', reason: found };
    throw new Error(found);
  }

  async #context(scratch: string, definition: StepDefinition): Promise<StepContext> {
    const { tools, clock, secrets = noSecrets } = this.#settings;
    const { step, asset, assetName, inputs, missing } = this.#claim;
    const unplanned = definition.wants.filter((want) => !(want in inputs) && !(want in missing));
    return {
      asset,
      assetName,
      assetPath: await this.#files.asset(asset.id),
      inputs: this.#inputs(),
      missing: { ...missing, ...Object.fromEntries(unplanned.map((want) => [want, 'not part of this run'])) },
      scratch: path.resolve(scratch),
      params: step.params,
      signal: this.#controller.signal,
      timeoutMs: step.timeoutMs,
      progress: (fraction) => this.#reporter.set(fraction),
      log: this.#reporter.stepLog(),
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
    // The reason at the root, not the way to it.
    const root = (reason ?? 'no reason is known').replace(/^It needs \S+, which was skipped: /, '');
    return { kind: 'skipped', reason: `It needs ${name}, which was skipped: ${root}` };
  }

  #inputs(): Record<string, StepInput> {
    const entries = Object.entries(this.#claim.inputs).map(([name, { step, artifacts }]) => {
      invariant(step.output !== null, `the input ${name} succeeded`);
      const input: StepInput = {
        output: step.output,
        artifacts,
        artifactPath: async (file) => {
          const artifact = artifacts.find((one) => one.name === file);
          invariant(artifact, `${name} left an artifact ${file}`);
          return await this.#files.artifact(artifact);
        },
      };
      return [name, input] as const;
    });
    return Object.fromEntries(entries);
  }

  #abort(cause: Cause): void {
    // Losing the step overrides the others: then nothing may be written.
    if (this.#cause === null || cause === 'lost' || (cause === 'cancelled' && this.#cause !== 'lost'))
      this.#cause = cause;
    this.#controller.abort(new Error(`step ${cause}`));
  }

  #throwIfAborted(): void {
    // A step that was done in spite of a stop is done.
    if (this.#cause === 'lost' || this.#cause === 'timeout' || this.#cause === 'cancelled')
      throw new Error(`step ${this.#cause}`);
  }

  /** Why we stopped it; null when it ended by itself. */
  #stopReason(): string | null {
    const words = (ms: number) => durationWords(ms / 1000);
    if (this.#cause === 'timeout') return `It took longer than ${words(this.#claim.step.timeoutMs)} and was stopped.`;
    if (this.#cause !== 'stalled') return null;
    return `It got nowhere for ${words(this.#stallMs)} (no progress, no output, no work of its programs) and was stopped.`;
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
