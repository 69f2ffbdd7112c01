/**
 * A step that is wanted may succeed after those that want it have gone on without it: it was skipped or had failed, and somebody retried
 * it. What they made without it is then void, and so is what was made from that: those steps go back to blocked.
 */
import type { Sha256 } from '../../core/upload.ts';
import type { AttemptLog } from './attempt-log.ts';
import type { Dialect, Session } from './engine.ts';
import type { RunLog } from './run-log.ts';
import type { StepRow } from './schema.ts';

type Dependant = Pick<StepRow, 'key' | 'name' | 'state' | 'fence' | 'cancel_asked_at'>;

export class LateInputs {
  readonly #dialect: Dialect;
  readonly #log: RunLog;
  readonly #attempts: AttemptLog;

  constructor(dialect: Dialect, parts: { readonly log: RunLog; readonly attempts: AttemptLog }) {
    this.#dialect = dialect;
    this.#log = parts.log;
    this.#attempts = parts.attempts;
  }

  /** Reopens what went on without the step that has just succeeded. The caller holds the asset's lock and settles afterwards. */
  async reopen(session: Session, late: StepRow, now: number): Promise<void> {
    // A step that wants it and is still to be claimed gets the result with its claim.
    const went = await this.#dependants(session, late.asset_id, { of: [late.key], optional: true });
    const found = new Map(went.filter(hasGoneOn).map((step) => [step.key, step]));
    for (let newest = [...found.keys()]; newest.length > 0; ) {
      const next = await this.#dependants(session, late.asset_id, { of: newest, optional: false });
      const added = next.filter((step) => (hasGoneOn(step) || step.state === 'pending') && !found.has(step.key));
      for (const step of added) found.set(step.key, step);
      newest = added.map((step) => step.key);
    }
    if (found.size === 0) return;
    await this.#block(session, [...found.keys()], now);
    for (const step of found.values()) {
      if (step.state === 'running')
        await this.#attempts.end(session, step, {
          state: 'released',
          now,
          reason: `${late.name} has succeeded since`,
          evidence: null,
        });
      const reason = `${late.name} has succeeded since`;
      const data = { step: step.name, key: step.key, attempt: 0, reason, retryAt: now };
      const message = `Step ${step.name} will be done again: ${reason}`;
      await this.#log.stepEvent(session, step.key, { at: now, type: 'step.retrying', message, data });
    }
  }

  #dependants(
    session: Session,
    assetId: Sha256,
    inputs: { readonly of: readonly string[]; readonly optional: boolean },
  ): Promise<Dependant[]> {
    return session.rows(
      this.#dialect.build
        .selectFrom('steps')
        .innerJoin('step_needs', 'step_needs.step_key', 'steps.key')
        .select(['steps.key', 'steps.name', 'steps.state', 'steps.fence', 'steps.cancel_asked_at'])
        .distinct()
        .where('steps.asset_id', '=', assetId)
        .where('step_needs.need_key', 'in', [...inputs.of])
        .$if(inputs.optional, (query) => query.where('step_needs.optional', '=', 1))
        .orderBy('steps.key')
        .compile(),
    );
  }

  async #block(session: Session, keys: readonly string[], now: number): Promise<void> {
    const { build } = this.#dialect;
    await session.change(
      build
        .updateTable('steps')
        .set((eb) => ({
          state: 'blocked',
          attempt: 0,
          node_deaths: 0,
          node_deaths_alone: 0,
          // One that runs at this moment has lost its step.
          fence: eb('fence', '+', 1),
          lease_holder: null,
          lease_until: null,
          progress: 0,
          output: null,
          reason: null,
          error_class: null,
          lacks: null,
          not_before: now,
          started_at: null,
          finished_at: null,
        }))
        .where('key', 'in', [...keys])
        .compile(),
    );
    await session.change(
      build
        .updateTable('runs')
        .set({ state: 'running', finished_at: null })
        .where('state', '<>', 'running')
        .where('id', 'in', (eb) =>
          eb
            .selectFrom('run_steps')
            .select('run_id')
            .where('step_key', 'in', [...keys]),
        )
        .compile(),
    );
  }
}

/** Failed and skipped steps are left to whoever retries them: what is missing there is something else. One that is being cancelled ends. */
function hasGoneOn(step: Dependant): boolean {
  return step.state === 'succeeded' || (step.state === 'running' && step.cancel_asked_at === null);
}
