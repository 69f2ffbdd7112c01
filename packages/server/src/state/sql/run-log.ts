/** What happens to runs and steps after each change, and the events that tell of it: shared by everything that moves steps. */
import type { RunState } from '../../core/ledger.ts';
import type { NewEvent, Sha256 } from '../../core/upload.ts';
import { advanceSteps, cancelledRunState, type Inputs, runState, type StepChange, type StepFacts } from './advance.ts';
import { type Dialect, first, type Session } from './engine.ts';
import type { EventLog } from './events.ts';

export class RunLog {
  readonly #dialect: Dialect;
  readonly #events: EventLog;

  constructor(dialect: Dialect, events: EventLog) {
    this.#dialect = dialect;
    this.#events = events;
  }

  /**
   * Locks everything that the ledger knows of the asset, so that two steps of it cannot end at the same time, each without seeing the
   * other, and leave what needs both of them blocked for ever. Resolves to whether there is such an asset.
   */
  async lockAsset(session: Session, assetId: Sha256): Promise<boolean> {
    const rows = await session.rows(
      this.#dialect.build
        .selectFrom('assets')
        .select('id')
        .where('id', '=', assetId)
        .$if(this.#dialect.rowLocks, (query) => query.forNoKeyUpdate())
        .compile(),
    );
    return rows.length > 0;
  }

  /** Appends the event to the log of the run. */
  async runEvent(session: Session, runId: string, event: NewEvent): Promise<void> {
    const raise = this.#dialect.build
      .updateTable('runs')
      .set((eb) => ({ last_event: eb('last_event', '+', 1) }))
      .where('id', '=', runId)
      .returning(['last_event', 'principal'])
      .compile();
    const row = first(await session.rows(raise));
    if (row === null) return;
    await this.#events.append(
      session,
      { kind: 'run', id: runId, principal: row.principal, lastEvent: row.last_event - 1 },
      [event],
    );
  }

  /** Appends the event to the log of every run that has the step. */
  async stepEvent(session: Session, key: string, event: NewEvent): Promise<void> {
    // In the order of their ids, so that two transactions cannot wait for each other's runs.
    const runs = this.#dialect.build
      .selectFrom('run_steps')
      .select('run_id')
      .where('step_key', '=', key)
      .orderBy('run_id')
      .compile();
    for (const { run_id: runId } of await session.rows(runs)) await this.runEvent(session, runId, event);
  }

  /** Moves what can move now that steps of the asset have changed. The caller holds the asset's lock. */
  async settle(session: Session, assetId: Sha256, now: number): Promise<void> {
    const steps = await this.#stepsOf(session, assetId);
    const changes = advanceSteps(steps, await this.#inputsOf(session, assetId));
    const names = new Map(steps.map((step) => [step.key, step.name]));
    for (const change of changes) await this.#applyChange(session, { change, name: names.get(change.key) ?? '', now });
    await this.#endRuns(session, assetId, now);
  }

  async #applyChange(session: Session, move: { change: StepChange; name: string; now: number }): Promise<void> {
    const { change, name, now } = move;
    const update = this.#dialect.build.updateTable('steps').where('key', '=', change.key);
    if (change.to === 'pending') {
      const freed = update.set({ state: 'pending', not_before: now }).returning(['key', 'class', 'priority']);
      for (const step of await session.rows(freed.compile())) session.stepDue({ ...step, notBefore: now });
      return;
    }
    await session.change(
      update
        .set({ state: change.to, reason: change.reason, skipped_for: change.skippedFor, finished_at: now })
        .compile(),
    );
    const data = { step: name, key: change.key, reason: change.reason };
    await this.stepEvent(session, change.key, {
      at: now,
      type: `step.${change.to}`,
      message: `Step ${name} ${change.to}: ${change.reason}`,
      data,
    });
  }

  async #endRuns(session: Session, assetId: Sha256, now: number): Promise<void> {
    const db = this.#dialect.build;
    const runs = await session.rows(
      db
        .selectFrom('runs')
        .select(['id', 'pipeline', 'cancel_asked_at', 'cancel_asked_by'])
        .where('asset_id', '=', assetId)
        .where('state', '=', 'running')
        .orderBy('id')
        .compile(),
    );
    if (runs.length === 0) return;
    const rows = await session.rows(
      db
        .selectFrom('run_steps')
        .innerJoin('steps', 'steps.key', 'run_steps.step_key')
        .select([
          'run_steps.run_id',
          'steps.key',
          'steps.name',
          'steps.state',
          'steps.reason',
          'steps.skipped_for as skippedFor',
        ])
        .where(
          'run_steps.run_id',
          'in',
          runs.map((run) => run.id),
        )
        .orderBy('run_steps.position')
        .compile(),
    );
    const stepsOf = Map.groupBy(rows, (row) => row.run_id);
    const wanted = (but: string) =>
      new Set(
        runs
          .filter((run) => run.id !== but && run.cancel_asked_at === null)
          .flatMap((run) => (stepsOf.get(run.id) ?? []).map((step) => step.key)),
      );
    for (const run of runs) {
      const steps = stepsOf.get(run.id) ?? [];
      const state = run.cancel_asked_at === null ? runState(steps) : cancelledRunState(steps, wanted(run.id));
      if (state !== 'running') await this.#endRun(session, run, { assetId, now, steps, state });
    }
  }

  async #endRun(
    session: Session,
    run: { readonly id: string; readonly pipeline: string; readonly cancel_asked_by: string | null },
    facts: {
      readonly assetId: Sha256;
      readonly now: number;
      readonly steps: readonly StepFacts[];
      readonly state: Exclude<RunState, 'running'>;
    },
  ): Promise<void> {
    const { assetId, now, steps, state } = facts;
    await session.change(
      this.#dialect.build.updateTable('runs').set({ state, finished_at: now }).where('id', '=', run.id).compile(),
    );
    const failed = steps
      .filter((step) => step.state === 'failed')
      .map((step) => ({ step: step.name, reason: step.reason }));
    const messages = {
      succeeded: 'All steps are done',
      failed: `Failed: ${failed.map((step) => `${step.step}: ${step.reason}`).join('; ')}`,
      cancelled: run.cancel_asked_by === null ? 'Cancelled' : `Cancelled by ${run.cancel_asked_by}`,
    };
    await this.runEvent(session, run.id, {
      at: now,
      type: `run.${state}`,
      message: messages[state],
      data: { pipeline: run.pipeline, assetId, failed },
    });
  }

  async #stepsOf(session: Session, assetId: Sha256): Promise<StepFacts[]> {
    return session.rows(
      this.#dialect.build
        .selectFrom('steps')
        .select(['key', 'name', 'state', 'reason', 'skipped_for as skippedFor'])
        .where('asset_id', '=', assetId)
        .orderBy('key')
        .compile(),
    );
  }

  async #inputsOf(session: Session, assetId: Sha256): Promise<ReadonlyMap<string, Inputs>> {
    const rows = await session.rows(
      this.#dialect.build
        .selectFrom('steps')
        .innerJoin('step_needs', 'step_needs.step_key', 'steps.key')
        .select(['step_needs.step_key', 'step_needs.need_key', 'step_needs.optional'])
        .where('steps.asset_id', '=', assetId)
        .where('steps.state', '=', 'blocked')
        .orderBy('step_needs.need_key')
        .compile(),
    );
    return new Map(
      [...Map.groupBy(rows, (row) => row.step_key)].map(([key, inputs]) => {
        const keys = (optional: 0 | 1) => inputs.filter((row) => row.optional === optional).map((row) => row.need_key);
        return [key, { needs: keys(0), wants: keys(1) }];
      }),
    );
  }
}
