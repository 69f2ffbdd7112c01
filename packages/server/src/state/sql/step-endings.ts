/** How a running step stops running: it succeeds, skips itself, fails, or is taken back from a holder that is gone. */
import type { Evidence } from '../../core/attempt-record.ts';
import type { Artifact, Lack } from '../../core/ledger.ts';
import { afterNodeDeath } from '../../core/node-deaths.ts';
import type { Outcome, Report } from '../../core/ports/ledger-store.ts';
import { passagesType } from '../../core/search.ts';
import type { Millis } from '../../core/upload.ts';
import type { AttemptLog } from './attempt-log.ts';
import { type Engine, first, type Session } from './engine.ts';
import { LateInputs } from './late-inputs.ts';
import type { LedgerQueries } from './ledger-queries.ts';
import { artifactToRow } from './ledger-rows.ts';
import type { RunLog } from './run-log.ts';
import type { StepRow } from './schema.ts';
import { outdateSearch } from './search-queries.ts';

export type Ending =
  | {
      readonly type: 'succeed';
      readonly output: Readonly<Record<string, unknown>>;
      readonly artifacts: readonly Artifact[];
    }
  | { readonly type: 'skip'; readonly reason: string; readonly lacks: Lack | null }
  /** Back to pending at that time, or failed for good when it is null. */
  | { readonly type: 'fail'; readonly reason: string; readonly retryAt: Millis | null; readonly evidence: Evidence }
  /** Its holder stops in order: back to pending, as if it had not been started. */
  | { readonly type: 'release' }
  /** Its holder is gone: back to pending at once, unless `afterNodeDeath` sets it aside. */
  | {
      readonly type: 'reclaim';
      readonly leaseEndedBy: Millis | null;
      /** Whether it is known to be the only step that ran there. */
      readonly alone: boolean;
    };

/** Who claims to hold which step. */
export interface Hold {
  readonly key: string;
  readonly fence: number;
  readonly now: Millis;
}

const stopped = { lease_holder: null, lease_until: null };

export class StepEndings {
  readonly #engine: Engine;
  readonly #queries: LedgerQueries;
  readonly #log: RunLog;
  readonly #late: LateInputs;
  readonly #attempts: AttemptLog;

  constructor(
    engine: Engine,
    parts: { readonly queries: LedgerQueries; readonly log: RunLog; readonly attempts: AttemptLog },
  ) {
    this.#engine = engine;
    this.#queries = parts.queries;
    this.#log = parts.log;
    this.#late = new LateInputs(engine.dialect, parts);
    this.#attempts = parts.attempts;
  }

  /** One transaction: the step's row, its artifacts, the events, what becomes of its dependants and its runs. */
  end(hold: Hold, ending: Ending): Promise<Outcome> {
    return this.#engine.write(async (session) => {
      const step = await this.#held(session, hold, ending);
      if (step === null) return 'lost';
      const cancelled = step.cancel_asked_at !== null;
      if (cancelled) await this.#cancel(session, { step, now: hold.now });
      else await this.#apply(session, { step, ending, now: hold.now });
      await this.#log.settle(session, step.asset_id, hold.now);
      return cancelled ? 'cancelled' : 'applied';
    });
  }

  /** Progress and log of a step that goes on. */
  report(hold: Omit<Hold, 'now'>, report: Report): Promise<Outcome> {
    return this.#engine.write(async (session) => {
      const { build } = this.#engine.dialect;
      const step = first(
        await session.rows(
          build
            .updateTable('steps')
            .set({ progress: report.progress })
            .where('key', '=', hold.key)
            .where('fence', '=', hold.fence)
            .where('state', '=', 'running')
            .returning(['key', 'fence', 'name', 'attempt', 'cancel_asked_at'])
            .compile(),
        ),
      );
      if (step === null) return 'lost';
      if (step.cancel_asked_at !== null) return 'cancelled';
      await this.#attempts.write(session, step, report.log);
      if (report.tell)
        await this.#log.stepEvent(session, step.key, {
          at: report.now,
          type: 'step.progress',
          message: `Step ${step.name}: ${Math.floor(report.progress * 100)} %`,
          data: { step: step.name, key: step.key, attempt: step.attempt, progress: report.progress },
        });
      return 'applied';
    });
  }

  /** The step, locked with all that depends on its asset, if the hold is (still) good. */
  async #held(session: Session, hold: Hold, ending: Ending): Promise<StepRow | null> {
    const seen = first(await session.rows(this.#queries.step(hold.key)));
    if (seen === null || !(await this.#log.lockAsset(session, seen.asset_id))) return null;
    // Claims and heartbeats do not take the asset's lock, so the row is locked and read again.
    const query = this.#engine.dialect.build
      .selectFrom('steps')
      .selectAll()
      .where('key', '=', hold.key)
      .where('fence', '=', hold.fence)
      .where('state', '=', 'running');
    const step = first(
      await session.rows(query.$if(this.#engine.dialect.rowLocks, (select) => select.forNoKeyUpdate()).compile()),
    );
    if (step === null) return null;
    const renewed =
      ending.type === 'reclaim' && ending.leaseEndedBy !== null && (step.lease_until ?? 0) > ending.leaseEndedBy;
    return renewed ? null : step;
  }

  async #apply(
    session: Session,
    move: { readonly step: StepRow; readonly ending: Ending; readonly now: Millis },
  ): Promise<void> {
    const { step, ending, now } = move;
    switch (ending.type) {
      case 'succeed':
        await this.#set(session, step, {
          state: 'succeeded',
          output: JSON.stringify(ending.output),
          progress: 1,
          finished_at: now,
        });
        await this.#replaceArtifacts(session, step.key, ending.artifacts);
        await this.#attempts.end(session, step, { state: 'succeeded', now, reason: null, evidence: null });
        if (ending.artifacts.some((artifact) => artifact.contentType === passagesType))
          await session.change(outdateSearch(this.#engine.dialect)({ assetId: step.asset_id }));
        await this.#tell(session, move, {
          type: 'succeeded',
          says: 'succeeded',
          data: { artifacts: ending.artifacts.map((artifact) => artifact.name) },
        });
        return this.#late.reopen(session, step, now);
      case 'skip': {
        const { reason, lacks } = ending;
        await this.#set(session, step, { state: 'skipped', reason, lacks, finished_at: now });
        await this.#attempts.end(session, step, { state: 'skipped', now, reason, evidence: null });
        return this.#tell(session, move, { type: 'skipped', says: `skipped: ${reason}`, data: { reason } });
      }
      case 'fail':
        return this.#failOrRetry(session, move, ending);
      case 'release':
        await this.#attempts.end(session, step, {
          state: 'released',
          now,
          reason: 'the server stopped',
          evidence: null,
        });
        await this.#setDue(session, step, { attempt: step.attempt - 1, not_before: now });
        return this.#tell(session, move, {
          type: 'retrying',
          says: 'was given back by a server that stops',
          data: { reason: 'the server stops', retryAt: now },
        });
      case 'reclaim': {
        const crashed = ending.leaseEndedBy === null;
        const reason = crashed
          ? `its worker ${step.lease_holder} ended while it ran`
          : `its worker ${step.lease_holder} fell silent`;
        const evidence: Evidence = { errorClass: crashed ? 'crash' : 'lost', exitCode: null, stderr: null };
        return this.#reclaim(session, move, { alone: ending.alone, reason, evidence });
      }
    }
  }

  #reclaim(
    session: Session,
    move: { readonly step: StepRow; readonly now: Millis },
    death: { readonly alone: boolean; readonly reason: string; readonly evidence: Evidence },
  ): Promise<void> {
    const { step, now } = move;
    const before = { deaths: step.node_deaths, alone: step.node_deaths_alone };
    const { deaths, alone, setAside } = afterNodeDeath({ attemptsMax: step.attempts_max }, before, death.alone);
    const counted = { node_deaths: deaths, node_deaths_alone: alone };
    const { reason, evidence } = death;
    if (setAside === null)
      return this.#failOrRetry(session, move, {
        reason,
        evidence,
        retryAt: now,
        counted: { ...counted, attempt: step.attempt - 1 },
      });
    return this.#failOrRetry(session, move, {
      reason: `${reason}, ${setAside}; it is set aside`,
      evidence,
      retryAt: null,
      counted,
    });
  }

  async #failOrRetry(
    session: Session,
    move: { readonly step: StepRow; readonly now: Millis },
    failure: {
      readonly reason: string;
      readonly retryAt: Millis | null;
      readonly evidence: Evidence;
      readonly counted?: Partial<StepRow>;
    },
  ): Promise<void> {
    const { reason, retryAt, evidence, counted = {} } = failure;
    const { errorClass } = evidence;
    await this.#attempts.end(session, move.step, { state: 'failed', now: move.now, reason, evidence });
    if (retryAt === null) {
      const failed = { state: 'failed', reason, error_class: errorClass, finished_at: move.now } as const;
      await this.#set(session, move.step, { ...counted, ...failed });
      return this.#tell(session, move, { type: 'failed', says: `failed: ${reason}`, data: { reason, errorClass } });
    }
    await this.#setDue(session, move.step, { ...counted, reason, error_class: errorClass, not_before: retryAt });
    return this.#tell(session, move, {
      type: 'retrying',
      says: `will be tried again: ${reason}`,
      data: { reason, errorClass, retryAt },
    });
  }

  /** Its cancellation was asked for, and now nobody works on it any more. */
  async #cancel(session: Session, move: { readonly step: StepRow; readonly now: Millis }): Promise<void> {
    const { step, now } = move;
    const reason = `cancelled by ${step.cancel_asked_by ?? 'somebody'}`;
    await this.#set(session, step, {
      state: 'cancelled',
      reason,
      error_class: null,
      finished_at: now,
      cancel_asked_at: null,
      cancel_asked_by: null,
    });
    const evidence: Evidence = { errorClass: 'cancelled', exitCode: null, stderr: null };
    await this.#attempts.end(session, step, { state: 'cancelled', now, reason, evidence });
    return this.#tell(session, move, { type: 'cancelled', says: `was ${reason}`, data: { reason } });
  }

  async #setDue(
    session: Session,
    step: StepRow,
    values: Partial<StepRow> & { readonly not_before: Millis },
  ): Promise<void> {
    await this.#set(session, step, { ...values, state: 'pending' });
    session.stepDue({ key: step.key, class: step.class, priority: step.priority, notBefore: values.not_before });
  }

  async #set(session: Session, step: StepRow, values: Partial<StepRow>): Promise<void> {
    const { build } = this.#engine.dialect;
    await session.change(
      build
        .updateTable('steps')
        .set({ ...values, ...stopped })
        .where('key', '=', step.key)
        .compile(),
    );
  }

  async #replaceArtifacts(session: Session, key: string, artifacts: readonly Artifact[]): Promise<void> {
    const { build } = this.#engine.dialect;
    await session.change(build.deleteFrom('artifacts').where('step_key', '=', key).compile());
    if (artifacts.length === 0) return;
    await session.change(
      build
        .insertInto('artifacts')
        .values(artifacts.map((artifact) => artifactToRow(key, artifact)))
        .compile(),
    );
  }

  #tell(
    session: Session,
    move: { readonly step: StepRow; readonly now: Millis },
    event: { readonly type: string; readonly says: string; readonly data: Readonly<Record<string, unknown>> },
  ): Promise<void> {
    const { step, now } = move;
    const data = { step: step.name, key: step.key, attempt: step.attempt, ...event.data };
    return this.#log.stepEvent(session, step.key, {
      at: now,
      type: `step.${event.type}`,
      message: `Step ${step.name} ${event.says}`,
      data,
    });
  }
}
