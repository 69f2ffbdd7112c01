/** Retry, cancel, pause: what people do about runs, in SQL. */
import type { Lack } from '../../core/ledger.ts';
import type { Asking, ClassState, FailedSteps, RunControl } from '../../core/ports/run-control.ts';
import type { Sha256 } from '../../core/upload.ts';
import { type Engine, first, type Session } from './engine.ts';
import { EventLog } from './events.ts';
import { type LedgerQueries, ledgerQueries } from './ledger-queries.ts';
import { Reopening } from './reopening.ts';
import { RunLog } from './run-log.ts';
import { questionQueries } from './run-question-queries.ts';
import type { StepRow } from './schema.ts';

/** Failed steps looked up between two rounds of putting them back. */
const batch = 500;

export class SqlRunControl implements RunControl {
  readonly #engine: Engine;
  readonly #queries: LedgerQueries;
  readonly #questions: ReturnType<typeof questionQueries>;
  readonly #log: RunLog;
  readonly #reopening: Reopening;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = ledgerQueries(engine.dialect);
    this.#questions = questionQueries(engine.dialect);
    this.#log = new RunLog(engine.dialect, new EventLog(engine.dialect));
    this.#reopening = new Reopening(engine, { queries: this.#queries, log: this.#log });
  }

  async retryStep(key: string, { now }: Asking): Promise<boolean> {
    const assetId = await this.assetOfStep(key);
    return assetId !== null && (await this.#reopening.steps(assetId, [key], { now, cancelled: 'go on' })) > 0;
  }

  async retryFailed(which: FailedSteps, { now }: Asking): Promise<number> {
    let total = 0;
    for (let before: { at: number; key: string } | null = null; ; ) {
      const page: { key: string; asset_id: string; finished_at: number | null }[] = await this.#engine.read(
        this.#questions.failedKeys(which, before, batch),
      );
      for (const [assetId, steps] of Map.groupBy(page, (step) => step.asset_id)) {
        const keys = steps.map((step) => step.key);
        total += await this.#reopening.steps(assetId, keys, { now, cancelled: 'go on' });
      }
      const last = page.at(-1);
      // Those that fail again meanwhile are newer than this place, so it ends.
      if (last === undefined || page.length < batch) return total;
      before = { at: last.finished_at ?? 0, key: last.key };
    }
  }

  async retryLacking(lack: Lack, { now }: Asking): Promise<number> {
    let total = 0;
    for (let after = ''; ; ) {
      const page = await this.#engine.read(this.#questions.lackingKeys(lack, after, batch));
      for (const [assetId, steps] of Map.groupBy(page, (step) => step.asset_id)) {
        const keys = steps.map((step) => step.key);
        total += await this.#reopening.steps(assetId, keys, { now, cancelled: 'stay' });
      }
      const last = page.at(-1);
      if (last === undefined || page.length < batch) return total;
      after = last.key;
    }
  }

  cancelRun(id: string, asking: Asking): Promise<boolean> {
    return this.#engine.write(async (session) => {
      const seen = first(await session.rows(this.#queries.run(id)));
      if (seen === null) return false;
      await this.#log.lockAsset(session, seen.asset_id);
      const run = first(await session.rows(this.#queries.run(id)));
      if (run?.state !== 'running') return false;
      if (run.cancel_asked_at !== null) return true;
      const { build } = this.#engine.dialect;
      await session.change(
        build
          .updateTable('runs')
          .set({ cancel_asked_at: asking.now, cancel_asked_by: asking.by })
          .where('id', '=', id)
          .compile(),
      );
      await this.#log.runEvent(session, id, {
        at: asking.now,
        type: 'run.cancelling',
        message: `Cancelled by ${asking.by}; what runs is being stopped`,
        data: { pipeline: run.pipeline, assetId: run.asset_id, by: asking.by },
      });
      const wanted = new Set(
        (await session.rows(this.#questions.stepsOfOtherLiveRuns(run.asset_id, id))).map((step) => step.step_key),
      );
      const steps = await session.rows(this.#queries.stepsOfRuns([id]));
      for (const step of steps) if (!wanted.has(step.key)) await this.#cancel(session, step.key, asking);
      await this.#log.settle(session, run.asset_id, asking.now);
      return true;
    });
  }

  cancelStep(key: string, asking: Asking): Promise<boolean> {
    return this.#engine.write(async (session) => {
      const step = first(await session.rows(this.#queries.step(key)));
      if (step === null) return false;
      await this.#log.lockAsset(session, step.asset_id);
      const cancelled = await this.#cancel(session, key, asking);
      if (cancelled) await this.#log.settle(session, step.asset_id, asking.now);
      return cancelled;
    });
  }

  async pauseClass(name: string, asking: Asking): Promise<boolean> {
    const inserted = await this.#engine.write((session) =>
      session.change(
        this.#engine.dialect.build
          .insertInto('paused_classes')
          .values({ name, paused_at: asking.now, paused_by: asking.by })
          .onConflict((on) => on.doNothing())
          .compile(),
      ),
    );
    return inserted > 0;
  }

  async resumeClass(name: string): Promise<boolean> {
    const deleted = await this.#engine.write((session) =>
      session.change(this.#engine.dialect.build.deleteFrom('paused_classes').where('name', '=', name).compile()),
    );
    return deleted > 0;
  }

  async classes(): Promise<ClassState[]> {
    const [pending, running, paused] = await Promise.all([
      this.#engine.read(this.#questions.pendingByClass()),
      this.#engine.read(this.#questions.runningByClass()),
      this.#engine.read(this.#engine.dialect.build.selectFrom('paused_classes').selectAll().compile()),
    ]);
    const countIn = (rows: typeof pending, name: string) => rows.find((row) => row.class === name)?.count ?? 0;
    const names = new Set([...pending, ...running].map((row) => row.class).concat(paused.map((row) => row.name)));
    return [...names].sort().map((name) => {
      const pause = paused.find((row) => row.name === name);
      return {
        name,
        running: countIn(running, name),
        pending: countIn(pending, name),
        paused: pause === undefined ? null : { at: pause.paused_at, by: pause.paused_by },
      };
    });
  }

  async assetOfStep(key: string): Promise<Sha256 | null> {
    return first(await this.#engine.read(this.#queries.step(key)))?.asset_id ?? null;
  }

  /** The caller holds the asset's lock and settles. Whether the step had not ended. */
  async #cancel(session: Session, key: string, { by, now }: Asking): Promise<boolean> {
    const { build, rowLocks } = this.#engine.dialect;
    // Claims do not take the asset's lock: the row is locked, so that it cannot start between looking and cancelling.
    const locked = build.selectFrom('steps').selectAll().where('key', '=', key);
    const step = first(await session.rows(locked.$if(rowLocks, (query) => query.forNoKeyUpdate()).compile()));
    if (step === null || !['blocked', 'pending', 'running'].includes(step.state)) return false;
    const update = build.updateTable('steps').where('key', '=', key);
    if (step.state === 'running') {
      if (step.cancel_asked_at === null) {
        await session.change(update.set({ cancel_asked_at: now, cancel_asked_by: by }).compile());
        await this.#tell(session, step, { now, type: 'cancelling', says: `is being cancelled by ${by}` });
      }
      return true;
    }
    await session.change(
      update.set({ state: 'cancelled', reason: `cancelled by ${by}`, error_class: null, finished_at: now }).compile(),
    );
    await this.#tell(session, step, { now, type: 'cancelled', says: `was cancelled by ${by}` });
    return true;
  }

  #tell(session: Session, step: StepRow, what: { now: number; type: string; says: string }): Promise<void> {
    const data = { step: step.name, key: step.key, attempt: step.attempt, reason: what.says };
    const event = { at: what.now, type: `step.${what.type}`, message: `Step ${step.name} ${what.says}`, data };
    return this.#log.stepEvent(session, step.key, event);
  }
}
