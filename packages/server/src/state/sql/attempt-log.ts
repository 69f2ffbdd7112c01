/** The history of attempts: a row for each, begun with the claim and closed with what ends the claim, in the same transactions. */
import {
  type AttemptState,
  attemptsKeptMax,
  type Evidence,
  logCharsMax,
  safeTail,
  stderrCharsMax,
} from '../../core/attempt-record.ts';
import type { Millis } from '../../core/upload.ts';
import { type Dialect, prepare, type Session } from './engine.ts';
import type { StepAttemptRow, StepRow } from './schema.ts';

export interface AttemptEnding {
  readonly state: Exclude<AttemptState, 'running'>;
  readonly now: Millis;
  readonly reason: string | null;
  readonly evidence: Evidence | null;
}

export class AttemptLog {
  readonly #dialect: Dialect;
  readonly #insert: (row: StepAttemptRow) => ReturnType<ReturnType<typeof insertion>>;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
    this.#insert = insertion(dialect);
  }

  /** `step` is the row as it was claimed. */
  async begin(session: Session, step: StepRow): Promise<void> {
    const startedAt = step.started_at ?? 0;
    await session.change(
      this.#insert({
        step_key: step.key,
        number: step.fence,
        attempt: step.attempt,
        node: step.lease_holder ?? '',
        state: 'running',
        // A clock that was set back must not make it start before it was due.
        due_at: Math.min(step.not_before, startedAt),
        started_at: startedAt,
        ended_at: null,
        reason: null,
        error_class: null,
        exit_code: null,
        stderr: null,
        log: '',
      }),
    );
    if (step.fence <= attemptsKeptMax) return;
    await session.change(
      this.#dialect.build
        .deleteFrom('step_attempts')
        .where('step_key', '=', step.key)
        .where('number', '<=', step.fence - attemptsKeptMax)
        .compile(),
    );
  }

  /** `step` is the row as it was while it ran. */
  async end(session: Session, step: Pick<StepRow, 'key' | 'fence'>, ending: AttemptEnding): Promise<void> {
    const { evidence } = ending;
    await session.change(
      this.#dialect.build
        .updateTable('step_attempts')
        .set({
          state: ending.state,
          ended_at: ending.now,
          reason: ending.reason,
          error_class: evidence?.errorClass ?? null,
          exit_code: evidence?.exitCode ?? null,
          stderr: evidence?.stderr == null ? null : safeTail(evidence.stderr, stderrCharsMax),
        })
        .where('step_key', '=', step.key)
        .where('number', '=', step.fence)
        .compile(),
    );
  }

  async write(session: Session, step: Pick<StepRow, 'key' | 'fence'>, log: string): Promise<void> {
    await session.change(
      this.#dialect.build
        .updateTable('step_attempts')
        .set({ log: safeTail(log, logCharsMax) })
        .where('step_key', '=', step.key)
        .where('number', '=', step.fence)
        .compile(),
    );
  }
}

function insertion(dialect: Dialect) {
  return prepare<StepAttemptRow, unknown>((arg) =>
    dialect.build.insertInto('step_attempts').values({
      step_key: arg('step_key'),
      number: arg('number'),
      attempt: arg('attempt'),
      node: arg('node'),
      state: arg('state'),
      due_at: arg('due_at'),
      started_at: arg('started_at'),
      ended_at: arg('ended_at'),
      reason: arg('reason'),
      error_class: arg('error_class'),
      exit_code: arg('exit_code'),
      stderr: arg('stderr'),
      log: arg('log'),
    }),
  );
}
