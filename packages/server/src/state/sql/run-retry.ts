/** Gives the failed and skipped steps of a run another chance. */
import type { Millis } from '../../core/upload.ts';
import { type Engine, first, type Session } from './engine.ts';
import type { LedgerQueries } from './ledger-queries.ts';
import type { RunLog } from './run-log.ts';
import type { StepRow } from './schema.ts';

export class RunRetry {
  readonly #engine: Engine;
  readonly #queries: LedgerQueries;
  readonly #log: RunLog;

  constructor(engine: Engine, parts: { readonly queries: LedgerQueries; readonly log: RunLog }) {
    this.#engine = engine;
    this.#queries = parts.queries;
    this.#log = parts.log;
  }

  /** Resolves to false, and changes nothing, when there is no such run or nothing of it has failed or was skipped. */
  retry(runId: string, now: Millis): Promise<boolean> {
    return this.#engine.write(async (session) => {
      const run = first(await session.rows(this.#queries.run(runId)));
      if (run === null) return false;
      await this.#log.lockAsset(session, run.asset_id);
      const steps = await session.rows(this.#queries.stepsOfRuns([runId]));
      const failed = steps.filter((step) => step.state === 'failed');
      const skipped = steps.filter((step) => step.state === 'skipped');
      if (failed.length === 0 && skipped.length === 0) return false;
      await this.#reopen(session, [...failed, ...skipped], now);
      for (const step of failed) {
        const data = { step: step.name, key: step.key, attempt: 0, reason: 'retry was asked for', retryAt: now };
        await this.#log.stepEvent(session, step.key, {
          at: now,
          type: 'step.retrying',
          message: `Step ${step.name} will be tried again: retry was asked for`,
          data,
        });
      }
      await this.#log.settle(session, run.asset_id, now);
      return true;
    });
  }

  /** Back to blocked, from where settling moves each to where it belongs. Every run that shares one of the steps goes on. */
  async #reopen(session: Session, steps: readonly StepRow[], now: Millis): Promise<void> {
    const { build } = this.#engine.dialect;
    const keys = steps.map((step) => step.key);
    const fresh = {
      state: 'blocked' as const,
      attempt: 0,
      progress: 0,
      reason: null,
      skipped_for: null,
      not_before: now,
      started_at: null,
      finished_at: null,
    };
    await session.change(build.updateTable('steps').set(fresh).where('key', 'in', keys).compile());
    await session.change(
      build
        .updateTable('runs')
        .set({ state: 'running', finished_at: null })
        .where('state', '<>', 'running')
        .where('id', 'in', (eb) => eb.selectFrom('run_steps').select('run_id').where('step_key', 'in', keys))
        .compile(),
    );
  }
}
