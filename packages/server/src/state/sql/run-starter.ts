/** Creates runs: for `publish-asset`, inside the transaction that completes an upload, and for whoever starts one by hand. */
import { createHash } from 'node:crypto';
import { HoldfastError } from '../../core/errors.ts';
import { assertPlan, type RunPlan, type StepPlan } from '../../core/ledger.ts';
import type { Millis, Sha256 } from '../../core/upload.ts';
import { type Dialect, first, type Session } from './engine.ts';
import type { EventLog } from './events.ts';
import { RunLog } from './run-log.ts';

export interface RunOrder {
  readonly assetId: Sha256;
  readonly plan: RunPlan;
  /** Whom the run's events belong to. */
  readonly principal: string;
  readonly now: Millis;
}

/** A run is one pipeline on one asset; on one that was deleted and came again it is another, with events of its own. */
function newRunId(assetId: Sha256, createdAt: Millis, { pipeline, pipelineVersion }: RunPlan): string {
  return createHash('sha256')
    .update(JSON.stringify([assetId, createdAt, pipeline, pipelineVersion]))
    .digest('hex')
    .slice(0, 32);
}

export class RunStarter {
  readonly #dialect: Dialect;
  readonly #log: RunLog;

  constructor(dialect: Dialect, events: EventLog) {
    this.#dialect = dialect;
    this.#log = new RunLog(dialect, events);
  }

  /**
   * Creates the run with what is missing of its steps and resolves to its id; to the one that is there if it was created before. Rejects with
   * `asset-not-found`.
   */
  async start(session: Session, order: RunOrder): Promise<string> {
    const { assetId, plan, principal, now } = order;
    assertPlan(plan);
    await this.#log.lockAsset(session, assetId);
    const db = this.#dialect.build;
    const asset = db.selectFrom('assets').select('created_at').where('id', '=', assetId);
    const createdAt = first(await session.rows(asset.compile()))?.created_at;
    if (createdAt === undefined) throw new HoldfastError('asset-not-found', `No asset ${assetId}.`);
    const same = db
      .selectFrom('runs')
      .select('id')
      .where('asset_id', '=', assetId)
      .where('pipeline', '=', plan.pipeline)
      .where('pipeline_version', '=', plan.pipelineVersion);
    const known = first(await session.rows(same.compile()));
    if (known !== null) return known.id;
    const id = newRunId(assetId, createdAt, plan);
    const row = {
      id,
      asset_id: assetId,
      pipeline: plan.pipeline,
      pipeline_version: plan.pipelineVersion,
      state: 'running' as const,
      principal,
      last_event: 0,
      created_at: now,
      finished_at: null,
      cancel_asked_at: null,
      cancel_asked_by: null,
    };
    await session.change(db.insertInto('runs').values(row).compile());
    await this.#insertSteps(session, { runId: id, order });
    const steps = plan.steps.map((step) => step.name);
    const data = { assetId, pipeline: plan.pipeline, pipelineVersion: plan.pipelineVersion, steps };
    await this.#log.runEvent(session, id, {
      at: now,
      type: 'run.created',
      message: `Pipeline ${plan.pipeline}: ${steps.join(', ')}`,
      data,
    });
    await this.#log.settle(session, assetId, now);
    return id;
  }

  async #insertSteps(session: Session, run: { readonly runId: string; readonly order: RunOrder }): Promise<void> {
    const { assetId, plan, now } = run.order;
    if (plan.steps.length === 0) return;
    const db = this.#dialect.build;
    const keys = new Map(plan.steps.map((step) => [step.name, step.key]));
    // Every step begins as blocked; settling then frees those that can start. A step whose key exists is shared as it is.
    const rows = plan.steps.map((step) => newStep(step, assetId, now));
    const inputs = (step: StepPlan, names: readonly string[], optional: 0 | 1) =>
      names.map((name) => ({ step_key: step.key, need_key: keys.get(name) ?? name, optional }));
    const needs = plan.steps.flatMap((step) => [...inputs(step, step.needs, 0), ...inputs(step, step.wants, 1)]);
    const positions = plan.steps.map((step, position) => ({ run_id: run.runId, position, step_key: step.key }));
    await session.change(
      db
        .insertInto('steps')
        .values(rows)
        .onConflict((on) => on.doNothing())
        .compile(),
    );
    if (needs.length > 0)
      await session.change(
        db
          .insertInto('step_needs')
          .values(needs)
          .onConflict((on) => on.doNothing())
          .compile(),
      );
    await session.change(db.insertInto('run_steps').values(positions).compile());
  }
}

function newStep(step: StepPlan, assetId: Sha256, now: Millis) {
  return {
    key: step.key,
    asset_id: assetId,
    name: step.name,
    version: step.version,
    params: JSON.stringify(step.params),
    class: step.class,
    priority: step.priority,
    state: 'blocked' as const,
    attempt: 0,
    attempts_max: step.attemptsMax,
    timeout_ms: step.timeoutMs,
    fence: 0,
    lease_holder: null,
    lease_until: null,
    not_before: now,
    progress: 0,
    output: null,
    reason: null,
    skipped_for: null,
    created_at: now,
    started_at: null,
    finished_at: null,
    error_class: null,
    cancel_asked_at: null,
    cancel_asked_by: null,
    node_deaths: 0,
    node_deaths_alone: 0,
    lacks: null,
  };
}
