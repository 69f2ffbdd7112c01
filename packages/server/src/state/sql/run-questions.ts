/** Answers to questions about runs, from SQL. */
import type { AttemptRecord } from '../../core/attempt-record.ts';
import type { FailedSteps } from '../../core/ports/run-control.ts';
import type {
  FailureGroup,
  PlacedStep,
  RunCounts,
  RunQuestions,
  Scope,
  StepDurations,
  WaitingStep,
} from '../../core/ports/run-questions.ts';
import type { Page } from '../../core/ports/upload-store.ts';
import type { Millis } from '../../core/upload.ts';
import { decodeCursor, toPage } from './cursor.ts';
import { type Engine, first } from './engine.ts';
import { rowToAttempt, rowToStep } from './ledger-rows.ts';
import { questionQueries } from './run-question-queries.ts';
import type { StepRow } from './schema.ts';

interface PlacedRow extends StepRow {
  readonly asset_name: string | null;
  readonly run_id: string | null;
  readonly pipeline: string | null;
}

export class SqlRunQuestions implements RunQuestions {
  readonly #engine: Engine;
  readonly #queries: ReturnType<typeof questionQueries>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#queries = questionQueries(engine.dialect);
  }

  async attempts(keys: readonly string[]): Promise<AttemptRecord[]> {
    if (keys.length === 0) return [];
    return (await this.#engine.read(this.#queries.attempts(keys))).map(rowToAttempt);
  }

  async findStep(key: string): Promise<PlacedStep | null> {
    const row = first(await this.#engine.read(this.#queries.step(key)));
    return row === null ? null : place(row);
  }

  async running({ principal, limit }: Scope & { readonly limit: number }): Promise<PlacedStep[]> {
    return (await this.#engine.read(this.#queries.running(principal, limit))).map(place);
  }

  async waiting({ principal, limit }: Scope & { readonly limit: number }): Promise<WaitingStep[]> {
    const rows = await this.#engine.read<PlacedRow & { paused_at: number | null }>(
      this.#queries.waiting(principal, limit) as never,
    );
    const blocked = rows.filter((row) => row.state === 'blocked').map((row) => row.key);
    const needs = blocked.length === 0 ? [] : await this.#engine.read(this.#queries.waitsFor(blocked));
    const needsOf = Map.groupBy(needs, (need) => need.step_key);
    return rows.map((row) => ({
      ...place(row),
      waitsFor: (needsOf.get(row.key) ?? []).map(({ name, state }) => ({ name, state })),
      pausedAt: row.paused_at,
    }));
  }

  async failed(query: FailedSteps & { readonly limit: number; readonly cursor?: string }): Promise<Page<PlacedStep>> {
    const position = query.cursor === undefined ? null : decodeCursor(query.cursor);
    const before = position === null ? null : { at: position.createdAt, key: position.id };
    const rows = await this.#engine.read(this.#queries.failed(query, before, query.limit + 1));
    return toPage(rows, query.limit, {
      item: place,
      position: (row) => ({ createdAt: row.finished_at ?? 0, id: row.key }),
    });
  }

  async failureGroups(which: FailedSteps): Promise<FailureGroup[]> {
    const rows = await this.#engine.read(this.#queries.failureGroups(which));
    return rows.map((row) => ({
      step: row.name,
      errorClass: row.error_class,
      reason: row.reason ?? '',
      count: Number(row.count),
      firstAt: Number(row.first_at),
      lastAt: Number(row.last_at),
    }));
  }

  async durations(query: Scope & { readonly since: Millis; readonly step?: string }): Promise<StepDurations[]> {
    const rows = await this.#engine.read(this.#queries.durations(query));
    return rows.map((row) => ({
      step: row.name,
      version: row.version,
      count: Number(row.count),
      medianMs: Number(row.median),
      p95Ms: Number(row.p95),
      maxMs: Number(row.longest),
      totalMs: Number(row.total),
      medianWaitMs: Number(row.median_wait),
      maxWaitMs: Number(row.longest_wait),
    }));
  }

  async ended(query: Scope & { readonly since: Millis }): Promise<RunCounts[]> {
    const rows = await this.#engine.read(this.#queries.ended(query));
    return rows.map((row) => ({
      pipeline: row.pipeline,
      state: row.state,
      runs: Number(row.runs),
      assets: Number(row.assets),
      bytes: Number(row.bytes),
    }));
  }
}

function place(row: PlacedRow): PlacedStep {
  return {
    step: rowToStep(row),
    assetName: row.asset_name ?? row.asset_id,
    runId: row.run_id ?? '',
    pipeline: row.pipeline ?? '',
  };
}
