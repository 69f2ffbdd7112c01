/** Gives steps that failed, were skipped or cancelled another chance. */
import type { Millis, Sha256 } from '../../core/upload.ts';
import { type Engine, first, type Session } from './engine.ts';
import type { LedgerQueries } from './ledger-queries.ts';
import type { RunLog } from './run-log.ts';
import type { StepRow } from './schema.ts';

export interface Retry {
  readonly now: Millis;
  /** Whether runs and steps that somebody cancelled go on as well, where they have to do with it. */
  readonly cancelled: 'stay' | 'go on';
}

type Known = Pick<StepRow, 'key' | 'name' | 'state' | 'fence'>;

const endedBadly = (step: Pick<StepRow, 'state'>): boolean =>
  step.state === 'failed' || step.state === 'skipped' || step.state === 'cancelled';

/** Which of them are told to be tried again; the others follow. */
const isTold = (step: Pick<StepRow, 'state'>): boolean => step.state === 'failed' || step.state === 'cancelled';

export class Reopening {
  readonly #engine: Engine;
  readonly #queries: LedgerQueries;
  readonly #log: RunLog;

  constructor(engine: Engine, parts: { readonly queries: LedgerQueries; readonly log: RunLog }) {
    this.#engine = engine;
    this.#queries = parts.queries;
    this.#log = parts.log;
  }

  /** Resolves to false, and changes nothing, when there is no such run or nothing of it has failed, was skipped or cancelled. */
  run(runId: string, now: Millis): Promise<boolean> {
    return this.#engine.write(async (session) => {
      const run = first(await session.rows(this.#queries.run(runId)));
      // One that is being cancelled has to end first.
      if (run === null || (run.state === 'running' && run.cancel_asked_at !== null)) return false;
      await this.#log.lockAsset(session, run.asset_id);
      const steps = (await session.rows(this.#queries.stepsOfRuns([runId]))).filter(endedBadly);
      if (steps.length === 0) return false;
      await this.#reopen(session, { assetId: run.asset_id, steps, now, cancelled: 'go on' });
      return true;
    });
  }

  /**
   * The steps of the asset that ended badly among `keys`, with what they need that did, and with what ended because of them.
   * Resolves to how many of `keys` were put back.
   */
  steps(assetId: Sha256, keys: readonly string[], { now, cancelled }: Retry): Promise<number> {
    return this.#engine.write(async (session) => {
      if (!(await this.#log.lockAsset(session, assetId))) return 0;
      const { build } = this.#engine.dialect;
      const all = await session.rows(
        build.selectFrom('steps').select(['key', 'name', 'state', 'fence']).where('asset_id', '=', assetId).compile(),
      );
      const known = new Map(all.map((step) => [step.key, step]));
      const isOpen = (step: Known) => endedBadly(step) && (cancelled === 'go on' || step.state !== 'cancelled');
      const meant = keys.flatMap((key) => known.get(key) ?? []).filter(isOpen);
      if (meant.length === 0) return 0;
      const needs = await session.rows(
        build
          .selectFrom('step_needs')
          .innerJoin('steps', 'steps.key', 'step_needs.step_key')
          .select(['step_needs.step_key', 'step_needs.need_key'])
          .where('steps.asset_id', '=', assetId)
          // What only wants one of them has gone on without it, and is done again when it succeeds.
          .where('step_needs.optional', '=', 0)
          .compile(),
      );
      const up = Map.groupBy(needs, (need) => need.step_key);
      const down = Map.groupBy(needs, (need) => need.need_key);
      const bad = new Map(all.filter(isOpen).map((step) => [step.key, step]));
      const needed = reach(meant, bad, (step) => (up.get(step.key) ?? []).map((need) => need.need_key));
      const steps = reach(needed, bad, (step) => (down.get(step.key) ?? []).map((need) => need.step_key));
      await this.#reopen(session, { assetId, steps, now, cancelled });
      return meant.length;
    });
  }

  /** Back to blocked, from where settling moves each to where it belongs. Runs that have one of the steps go on. */
  async #reopen(
    session: Session,
    what: Retry & { readonly assetId: Sha256; readonly steps: readonly Known[] },
  ): Promise<void> {
    const { build } = this.#engine.dialect;
    const { steps, now, cancelled } = what;
    const keys = steps.map((step) => step.key);
    const fresh = {
      state: 'blocked' as const,
      attempt: 0,
      node_deaths: 0,
      node_deaths_alone: 0,
      progress: 0,
      reason: null,
      error_class: null,
      skipped_for: null,
      lacks: null,
      not_before: now,
      started_at: null,
      finished_at: null,
      cancel_asked_at: null,
      cancel_asked_by: null,
    };
    await session.change(build.updateTable('steps').set(fresh).where('key', 'in', keys).compile());
    await session.change(
      build
        .updateTable('runs')
        .set({ state: 'running', finished_at: null, cancel_asked_at: null, cancel_asked_by: null })
        .where('state', 'not in', cancelled === 'stay' ? ['running', 'cancelled'] : ['running'])
        .where('id', 'in', (eb) => eb.selectFrom('run_steps').select('run_id').where('step_key', 'in', keys))
        .compile(),
    );
    for (const step of steps.filter(isTold)) {
      const data = { step: step.name, key: step.key, attempt: 0, reason: 'retry was asked for', retryAt: now };
      await this.#log.stepEvent(session, step.key, {
        at: now,
        type: 'step.retrying',
        message: `Step ${step.name} will be tried again: retry was asked for`,
        data,
      });
    }
    await this.#log.settle(session, what.assetId, now);
  }
}

/** What can be reached from `from` within `among`, with `from`. */
function reach(
  from: readonly Known[],
  among: ReadonlyMap<string, Known>,
  next: (step: Known) => readonly string[],
): Known[] {
  const found = new Map(from.map((step) => [step.key, step]));
  for (const step of found.values()) {
    for (const key of next(step)) {
      const other = among.get(key);
      if (other !== undefined) found.set(key, other);
    }
  }
  return [...found.values()];
}
